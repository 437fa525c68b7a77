//! The forms in which what is said can be read: `?format=`.
//!
//! A form turns updates into bytes, and decides nothing else: which updates they are, when they go
//! out and who gets them is the same in every form. What is said stands in JSON, where no line ends
//! before its time: so nothing in it can end a frame.

mod ag_ui;
mod ai_sdk;
mod cloud_events;
mod native;
mod place;
#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;

use axum::http::{HeaderName, HeaderValue};
use bytes::Bytes;
use serde::Serialize;
use statusbus_tokio::Categories;
use statusbus_tokio::json::{self, Position};
use statusbus_tokio::{Selector, Update};

use crate::caller::Caller;
use crate::problem::Problem;

pub(crate) use ag_ui::Asked;
pub(crate) use cloud_events::{BATCH as CLOUD_EVENTS_BATCH, batch as cloud_events_batch};

/// A form that can be asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    /// Our own.
    #[default]
    Native,
    /// The UI message stream of the AI SDK.
    AiSdk,
    /// Events of AG-UI.
    AgUi,
    /// CloudEvents in JSON.
    CloudEvents,
}

impl Format {
    /// All of them, in the order in which they are listed to who asks for another.
    pub(crate) const ALL: [Self; 4] = [Self::Native, Self::AiSdk, Self::AgUi, Self::CloudEvents];

    /// The form that a request asks for with `format` in its query, of those that there are for
    /// what it reads.
    ///
    /// # Errors
    /// There is no such form.
    pub(crate) fn asked(caller: &Caller, among: &[Self]) -> Result<Self, Problem> {
        let Some(asked) = caller.parameter("format") else { return Ok(Self::default()) };
        let found = among.iter().find(|format| format.name() == asked);
        found.copied().ok_or_else(|| {
            let names = among.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ");
            let detail = format!("there is no format {asked:?}: choose among {names}");
            Problem::bad_request("unknown_format", detail)
        })
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Native => "statusbus",
            Self::AiSdk => "ai-sdk",
            Self::AgUi => "ag-ui",
            Self::CloudEvents => "cloudevents",
        }
    }

    /// What writes it.
    pub(crate) fn form(self) -> &'static dyn Form {
        match self {
            Self::Native => &native::Native,
            Self::AiSdk => &ai_sdk::AiSdk,
            Self::AgUi => &ag_ui::AgUi,
            Self::CloudEvents => &cloud_events::CloudEvents,
        }
    }
}

/// How a stream is written. Each function appends frames of an event stream.
///
/// Whatever the form, an event has an `id` only where a reader that got it can resume.
pub(crate) trait Form: Sync {
    /// What a stream begins with.
    fn begin(&self, to: &mut Vec<u8>, run: &Run);

    /// Before updates that arrive together.
    fn updates_begin(&self, to: &mut Vec<u8>);

    /// One of them. `to` may hold only what follows on others that were written already.
    fn update(&self, to: &mut Vec<u8>, update: &Update<'_>, kind: Kind, bus: Bus<'_>);

    /// Behind them: they lead up to a position.
    fn updates_end(&self, to: &mut Vec<u8>, id: Position);

    /// Missing updates. `id` is the position to resume from after them; `None` if more of the same
    /// position follows.
    fn gap(&self, to: &mut Vec<u8>, id: Option<Position>, gap: &json::Gap);

    /// What a stream ends with.
    fn end(&self, to: &mut Vec<u8>, run: &Run, ending: Ending);

    /// A header that an answer in this form has.
    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        None
    }

    /// Whether who reads this comes back by itself from a stream that ends, and not from an error.
    fn is_for_event_sources(&self) -> bool;
}

/// The bus that updates are from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bus<'a> {
    pub(crate) epoch: u64,
    pub(crate) categories: &'a Categories<Box<str>>,
}

/// The reading of one stream, from its beginning to its end.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) selector: Selector,
    pub(crate) epoch: u64,
    pub(crate) recovered: Recovered,
    /// No other one has it.
    pub(crate) number: u64,
    /// What its client calls it.
    pub(crate) asked: Option<Asked>,
}

/// Whether a reader goes on exactly where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recovered {
    Yes,
    No,
}

/// Why a reader gets an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It comes: who has it can go on behind it.
    New,
    /// It stands. Others that stand may have come before it, and not be written yet.
    Retained,
}

/// Why a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The bus was shut down, and all that was said is read.
    Over,
    /// The reader has to go, and more may be said.
    CutOff,
}

/// How long a client waits before it comes back, in milliseconds.
const RETRY: u64 = 1_000;

/// Those who were told to come back do so over this time, in milliseconds, not all at once.
const SPREAD: u64 = 2_000;

/// Nothing, so that everyone on the way sees that the stream lives.
pub(crate) const fn heartbeat() -> Bytes {
    Bytes::from_static(b":\n\n")
}

/// Tells a client when to come back.
pub(crate) fn come_back() -> Bytes {
    format!("retry: {}\n\n", RETRY / 2 + random() % SPREAD).into()
}

/// Another number each time.
pub(crate) fn random() -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u8(0);
    hasher.finish()
}

/// Appends how long a client waits before it comes back, if it is cut off.
fn write_retry(to: &mut Vec<u8>) {
    write_text(to, format_args!("retry: {RETRY}\n"));
}

/// Appends an event without a name.
fn write_message(to: &mut Vec<u8>, id: Option<Position>, data: &impl Serialize) {
    write_id(to, id);
    to.extend_from_slice(b"data: ");
    write_json(to, data);
    to.extend_from_slice(b"\n\n");
}

/// Appends the position to resume from after the event that is being written, if it has one.
fn write_id(to: &mut Vec<u8>, id: Option<Position>) {
    if let Some(id) = id {
        write_text(to, format_args!("id: {id}\n"));
    }
}

/// Appends where a reader is, without an event.
fn write_position(to: &mut Vec<u8>, id: Position) {
    write_text(to, format_args!("id: {id}\n\n"));
}

/// Appends JSON on one line.
fn write_json(to: &mut Vec<u8>, data: &impl Serialize) {
    let written = serde_json::to_writer(to, data);
    debug_assert!(written.is_ok(), "our own types, into memory");
}

fn write_text(to: &mut Vec<u8>, text: impl Display) {
    let written = write!(to, "{text}");
    debug_assert!(written.is_ok(), "into memory");
}
