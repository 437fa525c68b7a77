//! The bytes of an event stream.
//!
//! What is said stands in JSON, where no line ends before its time: so nothing in it can end a
//! frame.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;

use bytes::Bytes;
use serde::Serialize;
use statusbus_tokio::json::{Epoch, Position};

/// How long a client waits before it comes back, in milliseconds.
const RETRY: u64 = 1_000;

/// Those who were told to come back do so over this time, in milliseconds, not all at once.
const SPREAD: u64 = 2_000;

/// What an event stream begins with.
pub(super) fn ready(epoch: u64, recovered: Recovered) -> Bytes {
    #[derive(Serialize)]
    struct Ready {
        epoch: Epoch,
        recovered: bool,
    }
    let mut frame = format!("retry: {RETRY}\nevent: ready\ndata: ").into_bytes();
    let recovered = recovered == Recovered::Yes;
    end(&mut frame, &Ready { epoch: Epoch(epoch), recovered });
    frame.into()
}

/// Whether a reader goes on exactly where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recovered {
    Yes,
    No,
}

/// An event that leads up to a position.
pub(super) fn event(name: &str, id: Position, data: &impl Serialize) -> Bytes {
    let mut frame = head(name, id);
    end(&mut frame, data);
    frame.into()
}

/// An event up to where its data begins.
pub(super) fn head(name: &str, id: Position) -> Vec<u8> {
    format!("event: {name}\nid: {id}\ndata: ").into_bytes()
}

/// Nothing, so that everyone on the way sees that the stream lives.
pub(super) const fn heartbeat() -> Bytes {
    Bytes::from_static(b":\n\n")
}

/// What an event stream ends with that is to be taken up again.
pub(super) fn farewell() -> Bytes {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u8(0);
    format!("retry: {}\n\n", RETRY / 2 + hasher.finish() % SPREAD).into()
}

fn end(frame: &mut Vec<u8>, data: &impl Serialize) {
    write_json(frame, data);
    frame.extend_from_slice(b"\n\n");
}

/// Appends JSON on one line.
pub(super) fn write_json(frame: &mut Vec<u8>, data: &impl Serialize) {
    let written = serde_json::to_writer(frame.by_ref(), data);
    debug_assert!(written.is_ok(), "our own types, into memory");
}
