//! Numbers that the encoder and the decoder share; docs/wire.md describes them.

/// The longest block of the stuffing: a code byte and 254 bytes that are not zero.
pub(super) const BLOCK: usize = 255;

/// Numbers end here, so that a JavaScript number holds each of them.
pub(super) const NUMBER_END: u64 = 1 << 53;

/// Bytes of the checksum.
pub(super) const CHECKSUM_LEN: usize = 4;

/// The checksum of no bytes.
pub(super) const CHECKSUM_START: u32 = 1;

/// The checksum with one more byte: two instructions on a Cortex-M3 and no table, where a CRC-32
/// takes seven and 64 bytes. docs/wire.md has the detection measured.
#[inline(always)]
pub(super) const fn checksum(sum: u32, byte: u8) -> u32 {
    (sum.rotate_right(8) ^ byte as u32).wrapping_mul(0x9E37_79B1)
}

/// Bits 0 and 1 of the head of a record: its kind.
pub(super) const KIND: u32 = 3;
pub(super) const UPDATE: u32 = 0;
pub(super) const LOSS: u32 = 1;
pub(super) const RUN: u32 = 2;

/// Bits 2 and 3 of all but extensions: the form of the conversation.
pub(super) const CONVERSATION_SHIFT: u32 = 2;
pub(super) const SYSTEM: u32 = 0;
pub(super) const NUMBER: u32 = 1;
pub(super) const NAME: u32 = 2;

/// Of updates and losses: the category is a name.
pub(super) const REGISTERED: u32 = 1 << 7;

/// Of updates.
pub(super) const PRIORITY_SHIFT: u32 = 4;
pub(super) const NO_PRIORITY: u32 = 3;
pub(super) const KEY: u32 = 1 << 6;
pub(super) const TRUNCATED: u32 = 1 << 8;
pub(super) const METADATA: u32 = 1 << 9;
pub(super) const TTL: u32 = 1 << 10;
pub(super) const IN_RUN: u32 = 1 << 11;
pub(super) const ENDS_RUN: u32 = 1 << 12;

/// Of losses: they are those of a topic.
pub(super) const TOPIC: u32 = 1 << 4;

/// Of runs.
pub(super) const STATE_SHIFT: u32 = 4;
pub(super) const PARENT: u32 = 1 << 7;
pub(super) const PROMISE: u32 = 1 << 8;
pub(super) const TITLE: u32 = 1 << 9;

/// Each bit from here on announces an addition: a string behind the record.
pub(super) const ADDITION_SHIFT: u32 = 13;

/// Counts of a loss, that of other reasons first.
pub(super) const COUNTS: usize = 9;
