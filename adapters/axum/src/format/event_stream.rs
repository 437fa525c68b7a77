//! Writing event streams.

use std::fmt::Display;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;

use bytes::Bytes;
use serde::Serialize;
use statusbus_tokio::json::Position;

/// Reconnection delay of clients, in milliseconds.
const RETRY: u64 = 1_000;

/// The span in milliseconds over which disconnected clients spread their reconnections.
const RETRY_SPREAD: u64 = 2_000;

/// A comment, which shows proxies and clients that the stream is alive.
pub(crate) const fn heartbeat() -> Bytes {
    Bytes::from_static(b":\n\n")
}

/// Sets the client's reconnection delay to a random one.
pub(crate) fn retry_later() -> Bytes {
    format!("retry: {}\n\n", RETRY / 2 + nonce() % RETRY_SPREAD).into()
}

/// A random number.
pub(crate) fn nonce() -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u8(0);
    hasher.finish()
}

/// Appends the default reconnection delay.
pub(super) fn write_retry(to: &mut Vec<u8>) {
    write_text(to, format_args!("retry: {RETRY}\n"));
}

/// Appends an event without a name.
#[cfg(feature = "formats")]
pub(super) fn write_message(to: &mut Vec<u8>, id: Option<Position>, data: &impl Serialize) {
    write_id(to, id);
    to.extend_from_slice(b"data: ");
    write_json(to, data);
    to.extend_from_slice(b"\n\n");
}

/// Appends the resume position of the event that is being written, if it has one.
pub(super) fn write_id(to: &mut Vec<u8>, id: Option<Position>) {
    if let Some(id) = id {
        write_text(to, format_args!("id: {id}\n"));
    }
}

/// Appends a resume position without an event.
#[cfg(feature = "formats")]
pub(super) fn write_position(to: &mut Vec<u8>, id: Position) {
    write_text(to, format_args!("id: {id}\n\n"));
}

/// Appends JSON on one line.
pub(super) fn write_json(to: &mut Vec<u8>, data: &impl Serialize) {
    let written = serde_json::to_writer(to, data);
    debug_assert!(written.is_ok(), "types of this crate serialize, and memory takes all of it");
}

pub(super) fn write_text(to: &mut Vec<u8>, text: impl Display) {
    let written = write!(to, "{text}");
    debug_assert!(written.is_ok(), "memory takes all of it");
}
