//! Frames for a serial line.

mod bytes;
mod cobs;
mod decoder;
mod encoder;
mod frame;
mod missing;
mod topic;
mod update;

pub use decoder::{Counters, Decoder};
pub use encoder::{Encoder, Record, TooLarge};
pub use frame::{Body, Frame, Gap, Updates};
pub use missing::{Missing, Scope};
pub use topic::{CategoryName, Conversation};
pub use update::{Flaw, Refusal, Update};

/// The version of the format.
pub const VERSION: u8 = 1;

/// What ends a frame.
pub const DELIMITER: u8 = 0;

/// The largest frame that every host takes.
pub const FRAME_MAX: usize = 1_024;

/// The kinds of frames.
const UPDATES: u8 = 0;
const GAP: u8 = 1;

const CRC_LEN: usize = 4;

fn checksum(bytes: &[u8]) -> u32 {
    const CRC: crc::Crc<u32, crc::NoTable> = crc::Crc::<u32, crc::NoTable>::new(&crc::CRC_32_ISO_HDLC);
    CRC.checksum(bytes)
}
