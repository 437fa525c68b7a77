//! Reads the frames of a device and sends what is in them.

mod notes;
mod positions;

use std::borrow::Cow;
use std::fmt::Write;
use std::io;

use statusbus_core::wire::{
    self, Counters, DELIMITER, Decoder, FRAME_MAX, Frame, LossRecord, Record, Scope, UpdateRecord,
};
use statusbus_core::{Category, ConversationError, Priority, RefuseReason};
use tokio::io::{AsyncRead, AsyncReadExt};

use self::notes::Notes;
use self::positions::{Positions, Step};
use crate::{Metadata, Status, Text, UpdateBuilder};

/// Reads [frames](statusbus_core::wire) from a device and sends their updates to a bus. An update counts
/// as sent when it was received, less the age in its frame.
///
/// Restarts, partial frames, noise and disconnects lose only the frames that they damage. The reader
/// outlives the line: [read](Self::read) the next one when the device is connected again. Missing
/// positions show what was lost meanwhile, and are reported once.
///
/// Faults are reported as updates of the category `info` at the point where they were noticed. Each has
/// its own count and the total so far, so that a newer report can replace a queued one:
///
/// | key | report |
/// |---|---|
/// | `lost on the line` | updates whose positions are missing |
/// | `lost in the device` | updates that the device reports as lost; in their conversation, if the device names it |
/// | `restarts` | the device has restarted: another epoch, or a position that goes back |
/// | `frames` | unreadable frames, with reasons; at most once a second |
///
/// A frame that is repeated at once is read once. So is the first frame of a device that restarts with the
/// same epoch and sends its last frame again: give each run of the device an epoch of its own.
///
/// An update that the device counts as lost may have arrived, if its driver wrote the whole frame and
/// then reported a failure. It is sent here, and counted as lost in the device.
///
/// Updates without a conversation are sent system-wide, or in the conversation of the device if it has a
/// [name](Self::with_name). A text that the device has cut ends with `…`.
///
/// ```no_run
/// # async fn read(status: statusbus_tokio::Status) -> std::io::Result<()> {
/// let mut device = statusbus_tokio::DeviceReader::new(status);
/// for _ in 0..3 {
///     let line = tokio::net::TcpStream::connect("127.0.0.1:5555").await?;
///     device.read(line).await?; // until the line ends
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

/// Counters of a [`DeviceReader`], over all lines of the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceReport {
    /// Bytes received.
    pub bytes: u64,
    /// Frames, good and bad. A frame that is torn in two counts twice.
    pub frames: Counters,
    /// Updates sent to the bus. The ledger of the bus counts what became of them.
    pub updates: u64,
    /// Updates lost on the line: their positions are missing, and the device did not report them as
    /// unsent. A gap has a position too, and counts as one update if its record was lost.
    pub lost: u64,
    /// Updates that the device reported as lost. Reports in frames that were lost are not included.
    pub lost_in_device: u64,
    /// Frames that were repeated at once, and not read again.
    pub duplicates: u64,
    /// Restarts of the device.
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
    /// A reader that sends to the bus of `status`, in the conversations that the device names. Allocates
    /// a buffer for one frame, of [`FRAME_MAX`] bytes.
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

    /// Names the device. Its system-wide updates, and reports about the device as a whole, are sent in the
    /// conversation of that name. Nothing is then sent system-wide.
    ///
    /// # Errors
    /// The name is invalid.
    pub fn with_name(mut self, name: &str) -> Result<Self, ConversationError> {
        self.ear.notes.name(name)?;
        Ok(self)
    }

    /// Names the device, as [`with_name`](Self::with_name) does, and sends the updates of its
    /// conversations in `name/conversation`. The conversations of several devices stay distinct if no name
    /// contains a `/`. An update whose conversation becomes longer than 128 bytes is refused as `invalid`.
    ///
    /// # Errors
    /// The name is invalid.
    pub fn with_prefix(self, name: &str) -> Result<Self, ConversationError> {
        let mut named = self.with_name(name)?;
        named.ear.prefix = Some(format!("{name}/"));
        Ok(named)
    }

    /// Reads a line until it ends. A partial frame at the end counts as a bad one. If the future is
    /// dropped, the next call counts it.
    ///
    /// # Errors
    /// Reading from the line failed. The frames before that have been sent.
    pub async fn read(&mut self, mut line: impl AsyncRead + Unpin) -> io::Result<()> {
        self.disconnect();
        let mut buffer = [0; 4096];
        let result = loop {
            match line.read(&mut buffer).await {
                Ok(0) => break Ok(()),
                Ok(count) => self.feed(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.disconnect();
        result
    }

    /// Decodes the next bytes of the line and sends what is in them: for lines that are not `AsyncRead`.
    /// [`read`](Self::read) calls it.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        let Self { decoder, ear } = self;
        ear.report.bytes += bytes.len() as u64;
        while let Some(frame) = decoder.feed(&mut bytes) {
            ear.take(&frame);
        }
        ear.report.frames = *decoder.counters();
        ear.notes.unreadable(&ear.report);
    }

    /// Ends the line: a partial frame counts as a bad one, and does not damage the first frame of the next
    /// line. Call it between two lines that are [fed](Self::feed).
    pub fn disconnect(&mut self) {
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

    /// The counters so far.
    #[must_use]
    pub const fn report(&self) -> &DeviceReport {
        &self.ear.report
    }
}

impl Ear {
    fn take(&mut self, frame: &Frame<'_>) {
        let epoch = frame.epoch;
        if self.positions.is_duplicate(epoch, frame.seq, frame.checksum()) {
            self.report.duplicates += 1;
            return;
        }
        for record in frame.records() {
            match record {
                Record::Update(update) => {
                    let step = self.positions.updates(epoch, update.seq, update.seq + 1);
                    self.step(step);
                    self.say(&update);
                }
                Record::Refused(refusal) => {
                    let step = self.positions.updates(epoch, refusal.seq, refusal.seq + 1);
                    self.step(step);
                    self.notes.status().refuse(refusal.reason());
                }
                Record::Loss(loss) => {
                    // updates that the device could not send, and gaps that it reports again
                    let unsent = loss.losses.dropped.sink.saturating_add(loss.retold);
                    let step = self.positions.gap(epoch, loss.seq, loss.seq + 1, unsent);
                    self.step(step);
                    self.missing(&loss);
                }
                _ => {} // run states: no one asks for them yet
            }
        }
    }

    /// Tells what a step of the positions shows.
    fn step(&mut self, step: Step) {
        self.lost(step.lost_before);
        if step.restarted {
            self.report.restarts += 1;
            self.notes.restarted(self.report.restarts);
        }
        self.lost(step.lost);
        self.report.lost = self.report.lost.saturating_sub(step.explained);
    }

    fn say(&mut self, update: &UpdateRecord<&str>) {
        self.report.updates += 1;
        let text: Cow<'_, str> = match update.truncated {
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
    fn missing(&mut self, loss: &LossRecord<&str>) {
        let LossRecord { scope, losses, other, .. } = *loss;
        let lost = losses.total().saturating_add(other);
        if lost == 0 {
            return;
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
        draft.metadata(metadata).priority(Priority::Normal).send();
    }

    /// Tells what was lost on the line.
    fn lost(&mut self, lost: u64) {
        if lost > 0 {
            self.report.lost = self.report.lost.saturating_add(lost);
            let (text, metadata) = notes::lost(lost, self.report.lost, "on the line");
            let draft = self.notes.draft(text).key("lost on the line");
            draft.metadata(metadata).priority(Priority::Normal).send();
        }
    }

    /// An update about a conversation of the device, or about the device.
    fn about<'a>(
        &'a self,
        conversation: Option<&wire::Conversation<&str>>,
        text: impl Into<Text<'a>>,
    ) -> UpdateBuilder<'a> {
        match (conversation, &self.prefix) {
            (None, _) => self.notes.draft(text),
            (Some(wire::Conversation::Name(name)), None) => {
                self.notes.status().update(name, Category::INFO, text)
            }
            (Some(name), prefix) => {
                let name = format!("{}{name}", prefix.as_deref().unwrap_or_default());
                self.notes.status().update(&name, Category::INFO, text)
            }
        }
    }
}
