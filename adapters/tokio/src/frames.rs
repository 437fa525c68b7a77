//! From a device's frames to updates.

use std::fmt::Write;
use std::io;

use statusbus_core::wire::{
    Body, Conversation, Counters, Decoder, FRAME_MAX, Frame, Scope, Update,
};
use statusbus_core::{Category, Priority, RefuseReason};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::{Metadata, Status};

/// Reads frames of [`statusbus_core::wire`] from a device, and says on this side what it says there.
///
/// A device that starts anew, half frames, garbage and a line that is cut cost the frames they hit.
/// What was lost, on the line or in the device, is said as an update too: in the conversation it was
/// lost from where that is known, else system-wide; `info`, with the key `lost`.
///
/// ```no_run
/// # async fn read(status: statusbus_tokio::Status) -> std::io::Result<()> {
/// let line = tokio::net::TcpStream::connect("127.0.0.1:5555").await?;
/// let report = statusbus_tokio::DeviceReader::new(line, status).run().await?;
/// println!("{} updates, {} bad frames", report.updates, report.frames.bad());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct DeviceReader<R> {
    line: R,
    status: Status,
    /// The run of the device and the position that comes next, once a frame has come through.
    next: Option<(u64, u64)>,
    report: DeviceReport,
}

/// What came of a device's frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceReport {
    /// What became of the frames.
    pub frames: Counters,
    /// Updates that were said on this side; what became of those is in the bus's ledger.
    pub updates: u64,
    /// Updates that were lost on the line: their positions are missing.
    pub lost: u64,
    /// Updates that the device told were lost there.
    pub lost_in_device: u64,
    /// How many times the device has started anew.
    pub restarts: u64,
}

impl<R: AsyncRead + Unpin> DeviceReader<R> {
    /// A reader of `line`: a serial port, a socket, a file.
    pub fn new(line: R, status: Status) -> Self {
        Self { line, status, next: None, report: DeviceReport::default() }
    }

    /// Reads until the line ends.
    ///
    /// # Errors
    /// The line could not be read. What came until then has been said.
    pub async fn run(mut self) -> io::Result<DeviceReport> {
        let mut decoder = Decoder::new(vec![0; FRAME_MAX]);
        let mut buffer = [0; 4096];
        loop {
            let count = self.line.read(&mut buffer).await?;
            let mut bytes = buffer.get(..count).unwrap_or_default();
            while let Some(frame) = decoder.feed(&mut bytes) {
                self.take(frame);
            }
            self.report.frames = *decoder.counters();
            if count == 0 {
                return Ok(self.report);
            }
        }
    }

    fn take(&mut self, frame: Frame<'_>) {
        match self.next {
            Some((epoch, _)) if epoch != frame.epoch => {
                self.report.restarts += 1;
                self.say_lost(None, frame.seq.saturating_sub(1), "on the line");
            }
            Some((_, seq)) => self.say_lost(None, frame.seq.saturating_sub(seq), "on the line"),
            None => {}
        }
        self.next = Some((frame.epoch, frame.next_seq()));
        match frame.body {
            Body::Updates(updates) => {
                for update in updates {
                    match update {
                        Ok(update) => self.say(&update),
                        Err(refusal) => self.status.refuse(refusal.reason()),
                    }
                }
            }
            Body::Gap(missing) => {
                for missing in missing {
                    let lost = missing.losses.total().saturating_add(missing.other);
                    self.report.lost_in_device = self.report.lost_in_device.saturating_add(lost);
                    let mut why = String::from("in the device:");
                    for (reason, count) in missing.losses.iter() {
                        // Writing to a string cannot fail.
                        let _ = write!(why, " {count} {}", reason.as_str());
                    }
                    let conversation = match &missing.scope {
                        Scope::Topic { conversation, .. } => conversation.as_ref(),
                        Scope::Bus => None,
                    };
                    self.say_about(conversation, lost, &why);
                }
            }
            _ => {}
        }
    }

    fn say(&mut self, update: &Update<'_>) {
        self.report.updates += 1;
        let draft = match &update.conversation {
            None => self.status.system_update(Category::INFO, update.text),
            Some(Conversation::Name(name)) => {
                self.status.update(name.as_str(), Category::INFO, update.text)
            }
            Some(number) => self.status.update(&number.to_string(), Category::INFO, update.text),
        };
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
            Some(Err(_)) => self.status.refuse(RefuseReason::Invalid),
        }
    }

    fn say_lost(&mut self, conversation: Option<&Conversation<'_>>, lost: u64, why: &str) {
        self.report.lost = self.report.lost.saturating_add(lost);
        self.say_about(conversation, lost, why);
    }

    fn say_about(&self, conversation: Option<&Conversation<'_>>, lost: u64, why: &str) {
        if lost == 0 {
            return;
        }
        let text = match lost {
            1 => format!("1 update was lost {why}"),
            _ => format!("{lost} updates were lost {why}"),
        };
        let draft = match conversation {
            None => self.status.system_update(Category::INFO, text),
            Some(name) => self.status.update(&name.to_string(), Category::INFO, text),
        };
        draft.key("lost").priority(Priority::State).send();
    }
}
