//! What is pushed to a channel, and the frames of it.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use statusbus_tokio::json::{self, Position};
use statusbus_tokio::{Batch, Status, Update};

use super::message::{Frame, Ref};
use crate::sse::Member;

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
        Frame { join_ref, reference, topic, event, payload }.write()
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
    pub(crate) batch: Batch,
    pub(crate) kind: Kind,
    /// The payloads, one on each line, if they are written already.
    pub(crate) written: Option<Bytes>,
}

/// What the updates are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// They have just been delivered: each says where to resume.
    Live,
    /// The values that stand at this position; what comes behind it will be pushed. They are older
    /// than the position, and so only the last of them says where to resume.
    Standing(u64),
}

impl Updates {
    fn iter(&self) -> impl Iterator<Item = Update<'_>> {
        let through = match self.kind {
            Kind::Live => u64::MAX,
            Kind::Standing(position) => position,
        };
        self.batch.iter().filter(move |update| update.seq() <= through)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The frames, one by one, so that no more of them exist than are being written.
    pub(crate) fn frames<'a>(&'a self, status: &'a Status) -> impl Iterator<Item = String> + 'a {
        let written = self.written.as_deref().and_then(|lines| std::str::from_utf8(lines).ok());
        let mut written = written.map(|lines| (self.to.head("status_update"), lines.lines()));
        let mut updates = self.iter().peekable();
        std::iter::from_fn(move || {
            if let Some((head, lines)) = &mut written {
                return Some([head, lines.next()?, "]"].concat());
            }
            let update = updates.next()?;
            let place = match self.kind {
                Kind::Live => Some(update.seq()),
                Kind::Standing(position) => updates.peek().is_none().then_some(position),
            };
            let payload = StatusUpdate {
                id: place.map(|seq| id(status, seq)),
                standing: self.kind != Kind::Live,
                ..StatusUpdate::new(&update, status)
            };
            Some(self.to.push("status_update", payload))
        })
    }
}

/// The payloads of updates that have just been delivered, one on each line, which channels that read
/// the same have in common. None, if nobody else reads the same, or if they are long: what each
/// connection holds on to is to be small.
pub(crate) fn payloads(batch: &Batch, member: &Member, status: &Status) -> Option<Bytes> {
    const LONG: usize = 64 * 1024;
    let mut updates = batch.iter();
    let first = updates.next()?;
    let len = |update: &Update<'_>| update.text().len() + update.metadata().map_or(0, str::len);
    if member.is_alone() || updates.map(|update| len(&update)).sum::<usize>() + len(&first) > LONG {
        return None;
    }
    let last = batch.iter().last()?;
    Some(member.frame(first.seq(), last.seq(), || {
        let mut lines = Vec::new();
        for update in batch {
            let payload = StatusUpdate {
                id: Some(id(status, update.seq())),
                ..StatusUpdate::new(&update, status)
            };
            let written = serde_json::to_writer(&mut lines, &payload);
            debug_assert!(written.is_ok(), "our own types, into memory");
            lines.push(b'\n');
        }
        lines.into()
    }))
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
