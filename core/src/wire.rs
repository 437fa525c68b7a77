//! Frames for a serial line: how a device's batches reach a host.
//!
//! The device writes what [`Encoder`] makes to a UART, a USB or a radio link; the host feeds what
//! it reads, garbage, resets and half frames included, to a [`Decoder`]. A frame stands by itself:
//! whatever happens to one costs that one. Neither side allocates.
//!
//! ```
//! use statusbus_core::wire::{Body, Decoder, Encoder, FRAME_MAX, Update};
//! use statusbus_core::{Batch, Bus, Category, Instant, Item, Slot, Unkeyed};
//!
//! struct Message(&'static str);
//! # impl statusbus_core::Update for Message {
//! #     type Topic = ();
//! #     type Keys = Unkeyed;
//! #     fn topic(&self) {}
//! #     fn category(&self) -> Category { Category::ENGINE }
//! # }
//!
//! let mut bus: Bus<Message, [Slot<Message>; 8]> = Bus::new();
//! let mut batch: Batch<Message, [Item<Message>; 8]> = Batch::new();
//! # let now = Instant::ZERO;
//! let _ = bus.push(Message("ready"), now);
//! # let mut line = Vec::new();
//!
//! // The device. Its epoch is new each time it starts: a random number, or a counter it keeps.
//! while bus.poll(&mut batch, now) {
//!     let updates = batch.iter().map(|handed| Update {
//!         age_micros: handed.waited_micros(),
//!         ..Update::new(handed.seq, Category::ENGINE, handed.update.0)
//!     });
//!     let (mut encoder, mut buffer) = (Encoder::new(0x5EED, updates), [0; 128]);
//!     while let Some(frame) = encoder.next_frame(&mut buffer) {
//!         line.extend_from_slice(frame.expect("128 bytes hold any message of ours"));
//!     }
//!     drop(encoder); // it borrows the batch
//!     bus.delivered(&mut batch, now);
//! }
//!
//! // The host.
//! let mut decoder = Decoder::new([0; FRAME_MAX]);
//! let mut bytes = &line[..];
//! while let Some(frame) = decoder.feed(&mut bytes) {
//!     if let Body::Updates(mut updates) = frame.body {
//!         assert_eq!(updates.next(), Some(Ok(Update::new(1, Category::ENGINE, "ready"))));
//!     }
//! }
//! # assert_eq!(decoder.counters().frames, 1);
//! ```
//!
//! # A line that can fail, and texts of any length
//!
//! A batch becomes as many frames as it needs. What does not fit a frame by itself is left out with
//! [`Bus::failed_at`](crate::Bus::failed_at), and the encoder is made anew behind it; when the line
//! goes down, [`Bus::failed`](crate::Bus::failed) takes how far the device came. Losses of both kinds are
//! reported as gaps with their topics. The gap in front of a batch goes first; the losses of it that are
//! on their way are [confirmed](crate::Batch::confirm_losses), so that none is reported twice.
//!
//! ```
//! use statusbus_core::wire::{Conversation, Encoder, Missing, Update};
//! use statusbus_core::{Batch, Bus, Category, Instant, Item, Slot, Unkeyed};
//!
//! struct Message { sensor: u32, text: &'static str }
//! # impl statusbus_core::Update for Message {
//! #     type Topic = u32;
//! #     type Keys = Unkeyed;
//! #     fn topic(&self) -> u32 { self.sensor }
//! #     fn category(&self) -> Category { Category::ENGINE }
//! # }
//! # struct Uart { sent: Vec<Vec<u8>>, down: bool }
//! # struct Down;
//! # impl Uart {
//! #     fn write(&mut self, frame: &[u8]) -> Result<(), Down> {
//! #         if self.down { return Err(Down) }
//! #         self.sent.push(frame.to_vec());
//! #         Ok(())
//! #     }
//! # }
//!
//! type Sensors = Bus<Message, [Slot<Message>; 8]>;
//! type Buffer = Batch<Message, [Item<Message>; 8]>;
//!
//! const EPOCH: u64 = 0x5EED;
//!
//! /// Sends a batch and settles it. In an async program `write` is awaited.
//! fn send(bus: &mut Sensors, batch: &mut Buffer, uart: &mut Uart, now: Instant) {
//!     let sent = send_gap(batch, uart).and_then(|()| send_updates(bus, batch, uart, now));
//!     match sent {
//!         Ok(()) => bus.delivered(batch, now),
//!         Err((passed, Down)) => bus.failed(batch, passed, now),
//!     }
//! }
//!
//! fn send_gap(batch: &mut Buffer, uart: &mut Uart) -> Result<(), (usize, Down)> {
//!     let name = |&sensor: &u32| (Some(Conversation::Number(sensor)), Category::ENGINE.into());
//!     let mut encoder = Encoder::new(EPOCH, Missing::of(batch.gap(), name));
//!     let mut buffer = [0; 74]; // they hold any loss
//!     let (written, result) = loop {
//!         let so_far = encoder.losses();
//!         let Some(Ok(frame)) = encoder.next_frame(&mut buffer) else { break (so_far, Ok(())) };
//!         if let Err(down) = uart.write(frame) {
//!             break (so_far, Err((0, down)));
//!         }
//!     };
//!     drop(encoder); // it borrows the batch
//!     batch.confirm_losses(written);
//!     result
//! }
//!
//! /// The error says how many updates had passed when the line went down.
//! fn send_updates(
//!     bus: &mut Sensors,
//!     batch: &mut Buffer,
//!     uart: &mut Uart,
//!     now: Instant,
//! ) -> Result<(), (usize, Down)> {
//!     let (mut passed, mut behind) = (0, 0);
//!     loop {
//!         let rest = batch.iter().filter(|handed| handed.seq > behind);
//!         let updates = rest.map(|handed| Update {
//!             age_micros: handed.waited_micros(),
//!             conversation: Some(Conversation::Number(handed.update.sensor)),
//!             ..Update::new(handed.seq, Category::ENGINE, handed.update.text)
//!         });
//!         let (mut encoder, mut buffer) = (Encoder::new(EPOCH, updates), [0; 72]);
//!         let too_large = loop {
//!             let so_far = passed + encoder.passed();
//!             match encoder.next_frame(&mut buffer) {
//!                 None => return Ok(()),
//!                 Some(Ok(frame)) => uart.write(frame).map_err(|down| (so_far, down))?,
//!                 Some(Err(too_large)) => break too_large,
//!             }
//!         };
//!         passed += encoder.passed();
//!         drop(encoder);
//!         behind = too_large.seq;
//!         let _message = bus.failed_at(batch, behind, now);
//!     }
//! }
//!
//! let (mut bus, mut batch) = (Sensors::new(), Buffer::new());
//! let mut uart = Uart { sent: Vec::new(), down: false };
//! let now = Instant::from_millis(1);
//! let long = "this does not fit a frame of 72 bytes, however empty it is otherwise: it is left out";
//! for text in ["calibrating, step 1 of 3", "calibrating, step 2 of 3", long, "done"] {
//!     let _ = bus.push(Message { sensor: 7, text }, now);
//! }
//! while bus.poll(&mut batch, now) {
//!     send(&mut bus, &mut batch, &mut uart, now);
//! }
//! assert_eq!(uart.sent.len(), 3); // two steps, which do not fit one frame, and "done"
//! assert_eq!((bus.ledger().delivered, bus.ledger().dropped.sink), (3, 1));
//!
//! // What is missing is told with the next batch, or by itself within the flush interval.
//! let later = bus.poll_at().expect("a gap is to be told");
//! assert!(bus.poll(&mut batch, later));
//! assert_eq!(batch.gap().map(|gap| gap.topics()[0].0), Some(7));
//! # assert!(batch.is_empty());
//! # send(&mut bus, &mut batch, &mut uart, later);
//! # assert_eq!(uart.sent.len(), 4);
//! # uart.down = true;
//! # let _ = bus.push(Message { sensor: 7, text: "a" }, later);
//! # let _ = bus.flush(later);
//! # assert!(bus.poll(&mut batch, later));
//! # send(&mut bus, &mut batch, &mut uart, later);
//! # assert_eq!((bus.ledger().delivered, bus.ledger().dropped.sink), (3, 2));
//! # assert!(bus.ledger().is_balanced());
//! ```
//!
//! # Bytes
//!
//! A frame, before it is stuffed:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | the version, 1 |
//! | 1 | the kind: 0 updates, 1 gap |
//! | 8 | the epoch, least significant byte first |
//! | number | the position of the first update, or of the gap; 1 or more |
//! | … | updates, or losses, one behind the other up to the checksum |
//! | 4 | CRC-32/ISO-HDLC (that of Ethernet and zlib) of all bytes before it, least significant byte first |
//!
//! The whole is stuffed (COBS: consistent overhead byte stuffing), so that no 0x00 is in it: it is
//! cut at each 0x00, which is left out, and behind each 254 bytes without one; each piece goes out
//! as a byte with its length + 1, then its bytes. Then 0x00 follows. A writer may send further 0x00
//! between frames, and should send one when it starts, so that what the line carried before ends
//! there.
//!
//! Numbers and strings are [postcard's](https://postcard.jamesmunns.com/wire-format):
//!
//! - A **number** comes in groups of 7 bits, the least significant first, one to a byte; each byte
//!   but the last has its highest bit set. It is below 2⁵³, **small** ones below 2³².
//! - A **string** is the number of its bytes, then its bytes: UTF-8.
//!
//! An **update** has the position behind the one before it. It is written as
//!
//! | what | when |
//! |---|---|
//! | flags: small | |
//! | age: number of microseconds | |
//! | category: small, its index, 0 `engine` to 6 `planning` | flag 6 is 0 |
//! | category: string, its name | flag 6 is 1 |
//! | conversation: small | flags 2 and 3 are 1 |
//! | conversation: string | flags 2 and 3 are 2 |
//! | text: string | |
//! | key: string | flag 5 is 1 |
//! | metadata: string, JSON | flag 7 is 1 |
//! | time-to-live: number of microseconds | flag 8 is 1 |
//!
//! with flag 0 the least significant bit. Flags 0 and 1 are the priority: 0 `Progress`, 1 `State`,
//! 2 `Terminal`, 3 as its category says. Flags 2 and 3 are 0 for a system-wide update and never 3.
//! Flag 4 says that the text was cut. What a conversation may be called says
//! [`ConversationName`](crate::ConversationName), what a category
//! [`Categories::register`](crate::Categories::register); an update with another name, an unknown
//! category or a string that is not UTF-8 is refused by itself, and the others of its frame stay.
//!
//! A **loss** is written as
//!
//! | what | when |
//! |---|---|
//! | index: small, below 2¹⁶: which loss of its gap it is, from 0 | |
//! | flags: small | |
//! | category and conversation as above, with the same flags | flag 4 is 1: the losses of a topic; else of the whole bus |
//! | how many counts follow: small | |
//! | counts: small: for other reasons, expired, dropped as newest, oldest, evicted, outranked, shrunk, by the sink; where there are any, positions of gaps before that did not get through and are reported here | |
//!
//! Losses that do not fit one frame follow in another with the same position. A gap may break off, when
//! a write fails: those of its losses that were not written are then reported in a later one.
//!
//! A frame has no sign of its own that it is a duplicate: one with the epoch, the position and the
//! checksum of the frame before it is taken for one. So a device needs another epoch each time it starts.
//!
//! What a device knows of its line ends at its driver: a frame that the driver has taken whole and then
//! reports as failed may arrive all the same. The device counts and reports its updates as lost.
//!
//! So a frame takes 17 to 24 bytes, and one for each 254, besides what is in it; an update mostly 6
//! to 9 besides its strings.
//!
//! # An example
//!
//! Position 41 says "searching" in `tool` of conversation "conv-1", 1,500 µs old; position 42,
//! 20 µs old, says "done" system-wide in a registered category, with a key and a priority.
//!
//! ```
//! use statusbus_core::wire::{CategoryName, Encoder, Update};
//! use statusbus_core::{Category, ConversationName, Priority};
//!
//! let searching = Update {
//!     age_micros: 1_500,
//!     conversation: Some(ConversationName::new("conv-1")?.into()),
//!     ..Update::new(41, Category::TOOL, "searching")
//! };
//! let done = Update {
//!     age_micros: 20,
//!     priority: Some(Priority::Terminal),
//!     key: Some("release"),
//!     ..Update::new(42, CategoryName::Registered("deploy"), "done")
//! };
//!
//! let mut buffer = [0; 64];
//! let mut encoder = Encoder::new(0x0123_4567_89AB_CDEF, [searching, done].into_iter());
//! #[rustfmt::skip]
//! assert_eq!(encoder.next_frame(&mut buffer), Some(Ok(&[
//!     0x02, 0x01, // a block with 1 byte, then a zero: version 1, kind 0
//!     0x39, 0xEF, 0xCD, 0xAB, 0x89, 0x67, 0x45, 0x23, 0x01, // 56 bytes: epoch
//!     0x29, // position 41
//!     0x0B, 0xDC, 0x0B, 0x01, 6, b'c', b'o', b'n', b'v', b'-', b'1', // flags, age, category
//!     9, b's', b'e', b'a', b'r', b'c', b'h', b'i', b'n', b'g',
//!     0x62, 0x14, 6, b'd', b'e', b'p', b'l', b'o', b'y', // flags, age, category
//!     4, b'd', b'o', b'n', b'e', 7, b'r', b'e', b'l', b'e', b'a', b's', b'e',
//!     0x10, 0xF7, 0x9F, 0x4D, // checksum
//!     0x00,
//! ][..])));
//! assert_eq!(encoder.next_frame(&mut buffer), None);
//! # Ok::<(), statusbus_core::ConversationError>(())
//! ```
//!
//! # Versions
//!
//! In every version 0x00 ends a frame, its first byte is the version and its last four are the
//! checksum: a decoder tells frames of another version from damaged ones, and counts them apart.
//!
//! Version 1 may grow by
//!
//! - kinds of frames, which a decoder that does not know them counts and leaves out;
//! - flags from 9 on, of updates and of losses: each that is set stands for a string behind all
//!   that is described here, in the order of the flags, to be skipped by who does not know it (the
//!   string may be empty, and hold anything);
//! - counts of losses, behind those described here: who does not know one adds it to those for
//!   other reasons;
//! - built-in categories, which older hosts refuse as unknown, update by update.
//!
//! Everything else needs another version: the meaning and order of what is described here, a
//! changed checksum, the flags of losses that are not described (they are 0).

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

/// The version of the format that this module writes and reads.
pub const VERSION: u8 = 1;

/// What ends a frame: 0x00. Send one before the first frame, and when a write stopped half-way.
pub const DELIMITER: u8 = 0;

/// The largest frame that every host takes, in bytes as they are on the line: 1,024. Give an
/// encoder no larger buffer, unless the host's decoder has one too; a decoder no smaller one, unless
/// the devices' encoders have smaller ones too.
pub const FRAME_MAX: usize = 1_024;

const UPDATES: u8 = 0;
const GAP: u8 = 1;

/// Bytes of a checksum.
const CRC_LEN: usize = 4;

// Of the frames that something hits, a checksum of 16 bits lets one in 65,536 pass and one of 32 bits
// one in 4 × 10⁹, for two bytes more: at 1,000 hits a second, one a minute against one in 50 days.
// (Unstuffing can turn one flipped bit into several, so what counts is this chance and not the
// distance, which is 4 bits up to 11 KiB.) There is no table: eight shifts a byte are faster than
// any serial line, and a table is 1 KiB of flash.
fn checksum(bytes: &[u8]) -> u32 {
    const CRC: crc::Crc<u32, crc::NoTable> = crc::Crc::<u32, _>::new(&crc::CRC_32_ISO_HDLC);
    CRC.checksum(bytes)
}
