//! From a device's frames to updates.

mod notes;
mod positions;

use std::borrow::Cow;
use std::fmt::Write;
use std::io;

use statusbus_core::wire::{
    self, Body, Counters, DELIMITER, Decoder, FRAME_MAX, Frame, Gap, Missing, Scope, Update,
};
use statusbus_core::{Category, ConversationError, Priority, RefuseReason};
use tokio::io::{AsyncRead, AsyncReadExt};

use self::notes::Notes;
use self::positions::Positions;
use crate::{Draft, Metadata, Status, Text};

/// Reads frames of [`statusbus_core::wire`] from a device, and says on this side what it says there,
/// as of the time of receipt less the age in the frame.
///
/// A device that starts anew, half frames, garbage and a line that is cut cost the frames they hit.
/// It outlives the line: [read](Self::read) the next one when that is there again. What was lost
/// meanwhile is noticed by the positions that are missing, and told once.
///
/// What goes wrong is said as updates of `info`, where it was noticed, each with its count and that
/// of all so far, so that nothing is forgotten when a newer one replaces one that is still queued:
///
/// | key | what |
/// |---|---|
/// | `lost on the line` | updates whose positions are missing |
/// | `lost in the device` | what the device tells that it has lost; in the conversation that it was lost from, where that is known |
/// | `restarts` | the device has started anew: another epoch, or positions that go back |
/// | `frames` | what could not be read, and why; at most once a second |
///
/// A frame that comes twice in a row is read once. A device that keeps its epoch when it starts anew, and
/// begins with the very frame that came last, looks the same: give it an epoch for each run.
///
/// An update that the device counts as lost may have arrived: in a frame that its driver took whole and
/// then reported as failed. It is then sent here and counted as lost in the device.
///
/// What is about no conversation is said system-wide, or in that of a [named](Self::named) device.
/// A text that the device had to cut ends with `…`.
///
/// ```no_run
/// # async fn read(status: statusbus_tokio::Status) -> std::io::Result<()> {
/// let mut device = statusbus_tokio::DeviceReader::new(status);
/// for _ in 0..3 {
///     let line = tokio::net::TcpStream::connect("127.0.0.1:5555").await?;
///     device.read(line).await?; // until it is cut
/// }
/// println!("{} updates, {} bad frames", device.report().updates, device.report().frames.bad());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct DeviceReader {
    decoder: Decoder<Box<[u8]>>,
    ear: Ear,
}

/// What came of a device's frames, on all its lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceReport {
    /// Bytes that came in.
    pub bytes: u64,
    /// What became of the frames. A frame that is cut in two counts twice: as its beginning and as
    /// its end.
    pub frames: Counters,
    /// Updates that were said on this side; what became of those is in the bus's ledger.
    pub updates: u64,
    /// Updates that were lost on the line: their positions are missing, and the device did not say
    /// that it could not send them. A gap has a position, too, so that one whose record was lost counts
    /// as an update here.
    pub lost: u64,
    /// Updates that the device reported as lost there, without those reported in a frame that was lost.
    pub lost_in_device: u64,
    /// Frames that came twice in a row: the second was left out.
    pub duplicates: u64,
    /// How many times the device has started anew.
    pub restarts: u64,
}

/// What the frames are told to.
#[derive(Debug)]
struct Ear {
    notes: Notes,
    prefix: Option<String>,
    positions: Positions,
    report: DeviceReport,
}

impl DeviceReader {
    /// Says it on this bus, with the names that the device gives.
    #[must_use]
    pub fn new(status: Status) -> Self {
        let ear = Ear {
            notes: Notes::new(status),
            prefix: None,
            positions: Positions::default(),
            report: DeviceReport::default(),
        };
        Self { decoder: Decoder::new(vec![0; FRAME_MAX].into()), ear }
    }

    /// Calls the device this: what is about the device as a whole (what it says system-wide, and
    /// what was lost of nobody knows what) is said in the conversation of that name, and nothing
    /// system-wide.
    ///
    /// # Errors
    /// The name is none.
    pub fn named(mut self, name: &str) -> Result<Self, ConversationError> {
        self.ear.notes.name(name)?;
        Ok(self)
    }

    /// Like [`named`](Self::named), and its conversations are called `name/conversation`: those of
    /// several devices stay apart if no name has a `/`. An update whose conversation would be
    /// longer than 128 bytes then is refused, and counted as `invalid`.
    ///
    /// # Errors
    /// The name is none.
    pub fn prefixed(self, name: &str) -> Result<Self, ConversationError> {
        let mut named = self.named(name)?;
        named.ear.prefix = Some(format!("{name}/"));
        Ok(named)
    }

    /// Reads a line until it ends. Whatever of a frame has come before that is counted and
    /// forgotten, and so it is when the future is dropped and another line is read.
    ///
    /// # Errors
    /// The line could not be read. What came until then has been said.
    pub async fn read(&mut self, mut line: impl AsyncRead + Unpin) -> io::Result<()> {
        self.cut();
        let mut buffer = [0; 4096];
        let result = loop {
            match line.read(&mut buffer).await {
                Ok(0) => break Ok(()),
                Ok(count) => self.hear(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.cut();
        result
    }

    /// Says what these bytes say, which came next on the line: what [`read`](Self::read) does, for
    /// who reads in another way.
    pub fn hear(&mut self, mut bytes: &[u8]) {
        let Self { decoder, ear } = self;
        ear.report.bytes += bytes.len() as u64;
        while let Some(frame) = decoder.feed(&mut bytes) {
            ear.take(&frame);
        }
        ear.report.frames = *decoder.counters();
        ear.notes.unreadable(&ear.report);
    }

    /// The line is down, or is another one from now on: half a frame counts as a bad one, and does
    /// no harm to the next.
    pub fn cut(&mut self) {
        let Self { decoder, ear } = self;
        // A whole frame that only its delimiter is missing of is as good as any.
        if let Some(frame) = decoder.push(DELIMITER) {
            ear.take(&frame);
        }
        ear.report.frames = *decoder.counters();
        let lost = ear.positions.cut();
        ear.lost(lost);
        ear.notes.unreadable_at_last(&ear.report);
    }

    /// What came of it so far.
    #[must_use]
    pub const fn report(&self) -> &DeviceReport {
        &self.ear.report
    }
}

impl Ear {
    fn take(&mut self, frame: &Frame<'_>) {
        let Frame { epoch, seq, ref body, .. } = *frame;
        if self.positions.is_duplicate(epoch, seq, frame.checksum()) {
            self.report.duplicates += 1;
            return;
        }
        let step = match body {
            Body::Gap(gap) => {
                // updates that the device could not send, and gaps that it told again
                let unsent = gap
                    .clone()
                    .map(|missing| missing.losses.dropped.sink.saturating_add(missing.retold))
                    .fold(0, u64::saturating_add);
                self.positions.gap(epoch, seq, frame.next_seq(), unsent)
            }
            _ => self.positions.updates(epoch, seq, frame.next_seq()),
        };
        self.lost(step.lost_before);
        if step.restarted {
            self.report.restarts += 1;
            self.notes.restarted(self.report.restarts);
        }
        self.lost(step.lost);
        self.report.lost = self.report.lost.saturating_sub(step.explained);
        match body {
            Body::Updates(updates) => {
                for update in updates.clone() {
                    match update {
                        Ok(update) => self.say(&update),
                        Err(refusal) => self.notes.status().refuse(refusal.reason()),
                    }
                }
            }
            Body::Gap(gap) => self.missing(gap.clone()),
            _ => {}
        }
    }

    fn say(&mut self, update: &Update<'_>) {
        self.report.updates += 1;
        let text: Cow<'_, str> = match update.cut {
            true => format!("{}…", update.text).into(),
            false => update.text.into(),
        };
        let draft = self.about(update.conversation.as_ref(), &*text);
        let mut draft = draft.category(update.category.as_str()).age(update.age());
        if let Some(key) = update.key {
            draft = draft.key(key);
        }
        if let Some(priority) = update.priority {
            draft = draft.priority(priority);
        }
        if let Some(ttl) = update.ttl() {
            draft = draft.ttl(ttl);
        }
        match update.metadata.map(str::parse::<Metadata>) {
            None => draft.send(),
            Some(Ok(metadata)) => draft.metadata(metadata).send(),
            Some(Err(_)) => self.notes.status().refuse(RefuseReason::Invalid),
        }
    }

    /// Tells what the device tells that it has lost.
    fn missing(&mut self, gap: Gap<'_>) {
        for missing in gap {
            let Missing { scope, losses, other, .. } = missing;
            let lost = losses.total().saturating_add(other);
            if lost == 0 {
                continue;
            }
            self.report.lost_in_device = self.report.lost_in_device.saturating_add(lost);
            let mut why = String::from("in the device: ");
            let reasons = losses.iter().map(|(reason, count)| (reason.as_str(), count));
            let others = (other > 0).then_some(("for other reasons", other));
            for (index, (reason, count)) in reasons.chain(others).enumerate() {
                let comma = if index > 0 { ", " } else { "" };
                // Writing to a string cannot fail.
                let _ = write!(why, "{comma}{count} {reason}");
            }
            let conversation = match &scope {
                Scope::Topic { conversation, .. } => conversation.as_ref(),
                Scope::Bus => None,
            };
            let (text, metadata) = notes::lost(lost, self.report.lost_in_device, &why);
            let draft = self.about(conversation, text).key("lost in the device");
            draft.metadata(metadata).priority(Priority::State).send();
        }
    }

    /// Tells what was lost on the line.
    fn lost(&mut self, lost: u64) {
        if lost > 0 {
            self.report.lost = self.report.lost.saturating_add(lost);
            let (text, metadata) = notes::lost(lost, self.report.lost, "on the line");
            let draft = self.notes.draft(text).key("lost on the line");
            draft.metadata(metadata).priority(Priority::State).send();
        }
    }

    /// An update about a conversation of the device, or about the device.
    fn about(
        &self,
        conversation: Option<&wire::Conversation<'_>>,
        text: impl Into<Text>,
    ) -> Draft<'_> {
        match (conversation, &self.prefix) {
            (None, _) => self.notes.draft(text),
            (Some(wire::Conversation::Name(name)), None) => {
                self.notes.status().update(name.as_str(), Category::INFO, text)
            }
            (Some(name), prefix) => {
                let name = format!("{}{name}", prefix.as_deref().unwrap_or_default());
                self.notes.status().update(&name, Category::INFO, text)
            }
        }
    }
}
