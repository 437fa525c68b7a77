//! Pushes to a channel.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use statusbus_tokio::json::{self, Position};
use statusbus_tokio::{Batch, Status, Update};

use super::message::{self, Ref};
use crate::state::{FRAME_TARGET, Frame, Member};

/// The address of a channel: how the client refers to it.
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

    /// The text of a frame without a ref.
    fn push(&self, event: &str, payload: impl Serialize) -> String {
        self.frame(&Ref::None, event, payload)
    }

    /// The text of a frame without a ref, up to its payload. `]` follows the payload.
    fn head(&self, event: &str) -> String {
        let mut frame = self.push(event, ());
        frame.truncate(frame.len().saturating_sub("null]".len()));
        frame
    }

    /// The text of a frame that reports a gap, with the position to resume from after it.
    pub(crate) fn gap(&self, gap: json::Gap, id: Option<Position>) -> String {
        self.push("gap", GapPayload { gap, id })
    }
}

/// Updates for a channel, each in a frame of its own.
#[derive(Debug)]
pub(crate) struct Updates {
    pub(crate) to: Address,
    pub(crate) content: Content,
}

/// The updates of a push.
#[derive(Debug)]
pub(crate) enum Content {
    /// Newly delivered updates, each with its resume position: their payloads, one on each line, shared
    /// by the channels of the same selection.
    Live(Bytes),
    /// The retained values at this position. Only the last of them has the resume position, because
    /// the others do not cover all values before it.
    Retained(Batch, u64),
}

impl Updates {
    /// The values of `batch` up to a position, if there are any.
    pub(crate) fn retained(to: &Address, batch: Batch, position: u64) -> Option<Self> {
        batch
            .iter()
            .any(|update| update.seq() <= position)
            .then(|| Self { to: to.clone(), content: Content::Retained(batch, position) })
    }

    /// The frames. Lazy, so that one exists at a time.
    pub(crate) fn frames<'a>(
        &'a self,
        status: &'a Status,
    ) -> Box<dyn Iterator<Item = String> + Send + 'a> {
        match &self.content {
            Content::Live(lines) => {
                let head = self.to.head("status_update");
                let lines = std::str::from_utf8(lines).unwrap_or_default().lines();
                Box::new(lines.map(move |line| [&head, line, "]"].concat()))
            }
            Content::Retained(batch, position) => {
                let updates = batch.iter().filter(|update| update.seq() <= *position);
                let mut updates = updates.peekable();
                Box::new(std::iter::from_fn(move || {
                    let update = updates.next()?;
                    let payload = StatusUpdate {
                        id: updates.peek().is_none().then(|| id(status, *position)),
                        retained: true,
                        ..StatusUpdate::new(&update, status)
                    };
                    Some(self.to.push("status_update", payload))
                }))
            }
        }
    }
}

/// The payloads of a batch, one on each line. Of a large batch the first ones, to bound the memory that
/// a connection holds.
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
            debug_assert!(
                written.is_ok(),
                "types of this crate serialize, and memory takes all of it"
            );
            lines.push(b'\n');
            if lines.len() >= FRAME_TARGET {
                return (lines, update.seq());
            }
        }
        (lines, batch.seq())
    })
}

/// A position of this bus, from which clients can resume.
pub(crate) fn id(status: &Status, seq: u64) -> Position {
    Position { epoch: status.epoch(), seq }
}

/// The fields of the original broadcaster, followed by the added ones.
#[derive(Serialize)]
struct StatusUpdate<'a> {
    category: Option<&'a str>,
    text: &'a str,
    /// Always an object, because clients of the original broadcaster access its fields unchecked.
    metadata: Option<&'a RawValue>,
    timestamp: json::Time,
    id: Option<Position>,
    key: Option<&'a str>,
    priority: &'static str,
    /// Whether the update is a retained value.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    retained: bool,
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
            retained: false,
        }
    }
}

#[derive(Serialize)]
struct GapPayload {
    #[serde(flatten)]
    gap: json::Gap,
    id: Option<Position>,
}
