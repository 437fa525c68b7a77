//! The interface of encoders.

use axum::http::{HeaderName, HeaderValue};
#[cfg(feature = "formats")]
use statusbus_tokio::Selector;
use statusbus_tokio::json::{self, Position};
use statusbus_tokio::{Categories, Update};

#[cfg(feature = "formats")]
use super::run_input::RunInput;

/// Encodes a stream in one format. Each function appends frames of an event stream.
///
/// In every format an event has an `id` only where a reader that received it can resume.
pub(crate) trait Encoder: Sync {
    /// The first frames of a stream.
    fn begin(&self, to: &mut Vec<u8>, stream: &StreamInfo);

    /// Before a group of updates.
    fn updates_begin(&self, to: &mut Vec<u8>);

    /// One update of a group. `to` may contain only the later part of the group, because earlier
    /// frames may have been sent already.
    fn update(&self, to: &mut Vec<u8>, update: &Update<'_>, cause: Cause, bus: BusRef<'_>);

    /// After a group of updates: `id` is the position that they lead up to.
    fn updates_end(&self, to: &mut Vec<u8>, id: Position);

    /// Missing updates. `id` is the position to resume from after them; `None` if more events of the
    /// same position follow.
    fn gap(&self, to: &mut Vec<u8>, id: Option<Position>, gap: &json::Gap);

    /// The last frames of a stream.
    fn end(&self, to: &mut Vec<u8>, stream: &StreamInfo, end: StreamEnd);

    /// An additional header of the response.
    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        None
    }

    /// Whether the format's clients are `EventSource`s, which reconnect after a stream ends and not
    /// after an error response.
    fn is_for_event_sources(&self) -> bool;
}

/// The bus that updates come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BusRef<'a> {
    pub(crate) epoch: u64,
    pub(crate) categories: &'a Categories<Box<str>>,
}

/// Properties of one stream, from its beginning to its end.
#[derive(Clone, Debug)]
pub(crate) struct StreamInfo {
    #[cfg(feature = "formats")]
    pub(crate) selector: Selector,
    pub(crate) epoch: u64,
    pub(crate) recovered: Recovered,
    /// A random number that identifies the stream.
    #[cfg(feature = "formats")]
    pub(crate) nonce: u64,
    /// The ids that the client gave.
    #[cfg(feature = "formats")]
    pub(crate) run_input: Option<RunInput>,
}

/// Whether a reader resumed exactly at its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recovered {
    Yes,
    No,
}

/// Why a reader receives an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The update is new: a reader can resume after it.
    New,
    /// The update is a retained value. Other retained values of an earlier position may follow it.
    Retained,
}

/// Why a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamEnd {
    /// The bus has shut down, and everything is read.
    Complete,
    /// The reader is disconnected, and more updates may follow.
    CutOff,
}
