//! What is pushed to a channel, and the frames of it.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use statusbus_tokio::json::{self, Position};
use statusbus_tokio::{Batch, Status, Update};

use super::message::{self, Ref};
use crate::sse::{Frame, LONG, Member};

/// To whom it goes: a channel as the client knows it.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) join_ref: Ref,
    pub(crate) topic: Arc<str>,
}

impl Address {
    /// The text of a frame to this channel.
    pub(crate) fn frame(&self, reference: &Ref, event: &str, payload: impl Serialize) -> String {
        let Self { join_ref, topic } = self;
        message::Frame { join_ref, reference, topic, event, payload }.write()
    }

    /// The text of a frame that answers nothing.
    fn push(&self, event: &str, payload: impl Serialize) -> String {
        self.frame(&Ref::None, event, payload)
    }

    /// The text of a frame that answers nothing, up to its payload; behind that it ends with `]`.
    fn head(&self, event: &str) -> String {
        let mut frame = self.push(event, ());
        frame.truncate(frame.len().saturating_sub("null]".len()));
        frame
    }

    /// The text of a frame that says what is missing, and where to resume behind it.
    pub(crate) fn gap(&self, gap: json::Gap, id: Option<Position>) -> String {
        self.push("gap", GapPayload { gap, id })
    }
}

/// Updates for a channel: each is a frame of its own.
#[derive(Debug)]
pub(crate) struct Updates {
    pub(crate) to: Address,
    pub(crate) which: Which,
}

/// Which updates they are.
#[derive(Debug)]
pub(crate) enum Which {
    /// They have just been delivered, and each says where to resume: their payloads, one on each line,
    /// which channels that read the same have in common.
    Live(Bytes),
    /// The values that stand at this position; what comes behind it will be pushed. They are older
    /// than the position, and so only the last of them says where to resume.
    Standing(Batch, u64),
}

impl Updates {
    /// The values of `batch` that stand at a position, if there are any.
    pub(crate) fn standing(to: &Address, batch: Batch, position: u64) -> Option<Self> {
        batch
            .iter()
            .any(|update| update.seq() <= position)
            .then(|| Self { to: to.clone(), which: Which::Standing(batch, position) })
    }

    /// The frames, one by one, so that no more of them exist than are being written.
    pub(crate) fn frames<'a>(
        &'a self,
        status: &'a Status,
    ) -> Box<dyn Iterator<Item = String> + Send + 'a> {
        match &self.which {
            Which::Live(lines) => {
                let head = self.to.head("status_update");
                let lines = std::str::from_utf8(lines).unwrap_or_default().lines();
                Box::new(lines.map(move |line| [&head, line, "]"].concat()))
            }
            Which::Standing(batch, position) => {
                let updates = batch.iter().filter(|update| update.seq() <= *position);
                let mut updates = updates.peekable();
                Box::new(std::iter::from_fn(move || {
                    let update = updates.next()?;
                    let payload = StatusUpdate {
                        id: updates.peek().is_none().then(|| id(status, *position)),
                        standing: true,
                        ..StatusUpdate::new(&update, status)
                    };
                    Some(self.to.push("status_update", payload))
                }))
            }
        }
    }
}

/// The payloads of updates that have just been delivered, one on each line, or those of the first of
/// them: what each connection holds on to is to be small.
pub(crate) fn payloads(batch: &Batch, member: &Member, status: &Status) -> Frame {
    let first = batch.iter().next().map_or(0, |update| update.seq());
    member.frame(first, batch.seq(), || {
        let mut lines = Vec::new();
        for update in batch {
            let payload = StatusUpdate {
                id: Some(id(status, update.seq())),
                ..StatusUpdate::new(&update, status)
            };
            let written = serde_json::to_writer(&mut lines, &payload);
            debug_assert!(written.is_ok(), "our own types, into memory");
            lines.push(b'\n');
            if lines.len() >= LONG {
                return (lines, update.seq());
            }
        }
        (lines, batch.seq())
    })
}

/// A place in the stream of this bus, as clients keep it to resume there.
pub(crate) fn id(status: &Status, seq: u64) -> Position {
    Position { epoch: status.epoch(), seq }
}

/// What clients of the origin know, and behind it what it did not have.
#[derive(Serialize)]
struct StatusUpdate<'a> {
    category: Option<&'a str>,
    text: &'a str,
    /// Always an object: clients of the origin look into it without asking.
    metadata: Option<&'a RawValue>,
    timestamp: json::Time,
    #[serde(serialize_with = "written")]
    id: Option<Position>,
    key: Option<&'a str>,
    priority: &'static str,
    /// It was said before the client came, and stands.
    #[serde(rename = "retained", skip_serializing_if = "std::ops::Not::not")]
    standing: bool,
}

impl<'a> StatusUpdate<'a> {
    fn new(update: &Update<'a>, status: &'a Status) -> Self {
        Self {
            category: status.categories().name(update.category()),
            text: update.text(),
            metadata: serde_json::from_str(update.metadata().unwrap_or("{}")).ok(),
            timestamp: json::Time(update.at()),
            id: None,
            key: update.key(),
            priority: update.priority().as_str(),
            standing: false,
        }
    }
}

#[derive(Serialize)]
struct GapPayload {
    #[serde(flatten)]
    gap: json::Gap,
    #[serde(serialize_with = "written")]
    id: Option<Position>,
}

/// A place in its written form.
pub(crate) fn written<S: Serializer>(id: &Option<Position>, to: S) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => to.collect_str(id),
        None => to.serialize_none(),
    }
}
