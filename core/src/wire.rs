//! Frames for a serial line: how a device's batches reach a host.
//!
//! The device writes the frames of an [`Encoder`] to a UART, a USB or a radio link. The host feeds
//! the bytes it reads to a [`Decoder`]. Each frame is independent: noise, partial frames and
//! restarts lose only the frames they damage. Neither side allocates. The format is specified in
//! `docs/wire.md`.
//!
//! ```
//! use statusbus_core::wire::{Decoder, Encoder, FRAME_MAX, Record, UpdateRecord};
//! use statusbus_core::Category;
//!
//! // The device. Its epoch is new with each start: a random number, or a counter that it keeps.
//! let mut buffer = [0; 128];
//! let mut encoder = Encoder::new(0x5EED, &mut buffer);
//! assert!(encoder.update(&UpdateRecord::new(1, Category::ENGINE, "ready")));
//! let line = encoder.frame().expect("it holds an update");
//!
//! // The host.
//! let mut decoder = Decoder::new([0; FRAME_MAX]);
//! let mut bytes = &line[..];
//! while let Some(frame) = decoder.feed(&mut bytes) {
//!     for record in frame.records() {
//!         assert_eq!(record, Record::Update(UpdateRecord::new(1, Category::ENGINE, "ready")));
//!     }
//! }
//! assert_eq!(decoder.counters().frames, 1);
//! ```

mod decoder;
mod encoder;
mod frame;
mod layout;
mod record;

pub use decoder::{Counters, Decoder};
pub use encoder::Encoder;
pub use frame::{Frame, Records};
pub use record::{
    CategoryName, Conversation, Flaw, LossRecord, Record, Refusal, RunRecord, Scope, UpdateRecord,
};

/// The version of the format that this module writes and reads.
pub const VERSION: u8 = 1;

/// The byte that ends a frame: 0. Write one before the first frame, and after a write that stopped
/// inside a frame.
pub const DELIMITER: u8 = 0;

/// The largest frame that every host takes, in bytes on the line: 1,024. An encoder's buffer is at most
/// this large unless the host's decoder has a larger one, and a decoder's buffer at least this large
/// unless the encoders of all its devices have smaller ones.
pub const FRAME_MAX: usize = 1_024;
