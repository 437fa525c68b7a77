//! What is said about a device itself.

use std::time::Duration;

use statusbus_core::{Category, ConversationError, Priority};
use tokio::time::Instant;

use super::DeviceReport;
use crate::{Conversation, Metadata, Status, Text, UpdateBuilder};

/// How often what could not be read is told at most.
const UNREADABLE_EVERY: Duration = Duration::from_secs(1);

/// Bytes without a frame after which it may well be another line, or another speed.
const SUSPICIOUS: u64 = 4 * statusbus_core::wire::FRAME_MAX as u64;

/// Says what is to be said about a device.
#[derive(Debug)]
pub(super) struct Notes {
    status: Status,
    /// The conversation of the device; none: what is about it is said system-wide.
    device: Option<Conversation>,
    unreadable: Unreadable,
}

/// What could not be read, as far as it was told.
#[derive(Debug, Default)]
struct Unreadable {
    /// Bad frames.
    bad: u64,
    /// The last time.
    at: Option<Instant>,
    /// Good frames, and the bytes when the last of them came.
    frames: u64,
    bytes: u64,
    /// Whether it was told that no frames come.
    nothing_comes: bool,
}

impl Notes {
    pub(super) fn new(status: Status) -> Self {
        Self { status, device: None, unreadable: Unreadable::default() }
    }

    pub(super) fn name(&mut self, name: &str) -> Result<(), ConversationError> {
        self.device = Some(self.status.conversation(name)?);
        Ok(())
    }

    pub(super) const fn status(&self) -> &Status {
        &self.status
    }

    /// An update about the device.
    pub(super) fn draft<'a>(&'a self, text: impl Into<Text<'a>>) -> UpdateBuilder<'a> {
        match &self.device {
            None => self.status.system_update(Category::INFO, text),
            Some(device) => device.update(Category::INFO, text),
        }
    }

    pub(super) fn restarted(&self, restarts: u64) {
        let text = match restarts {
            1 => "the device has restarted".to_owned(),
            _ => format!("the device has restarted ({restarts} times in all)"),
        };
        self.draft(text).key("restarts").priority(Priority::Normal).send();
    }

    /// Says what could not be read, if there is more than was said, and that was some time ago.
    pub(super) fn unreadable(&mut self, report: &DeviceReport) {
        let told = &mut self.unreadable;
        if report.frames.frames != told.frames {
            (told.frames, told.bytes) = (report.frames.frames, report.bytes);
            told.nothing_comes = false;
        }
        let silent = report.bytes - told.bytes;
        let suspicious = silent >= SUSPICIOUS && !told.nothing_comes;
        if report.frames.bad() == told.bad && !suspicious {
            return;
        }
        let now = Instant::now();
        if told.at.is_some_and(|at| now < at + UNREADABLE_EVERY) {
            return;
        }
        (told.at, told.bad, told.nothing_comes) =
            (Some(now), report.frames.bad(), silent >= SUSPICIOUS);
        let text = match silent >= SUSPICIOUS {
            true => format!(
                "no frame in the last {silent} bytes: is it the line of a device, and its speed right?"
            ),
            false => unreadable(report),
        };
        self.draft(text).key("frames").priority(Priority::Normal).send();
    }

    /// Says what could not be read, if there is more than was said.
    pub(super) fn unreadable_at_last(&mut self, report: &DeviceReport) {
        self.unreadable.at = None;
        self.unreadable(report);
    }
}

/// That updates were lost, so many now and so many in all: as text and as metadata.
pub(super) fn lost(lost: u64, total: u64, why: &str) -> (String, Metadata) {
    let text = match lost {
        1 => format!("1 update was lost {why}"),
        _ => format!("{lost} updates were lost {why}"),
    };
    let text = if total > lost { format!("{text} ({total} in all)") } else { text };
    let mut metadata = serde_json::Map::new();
    metadata.insert("lost".into(), lost.into());
    metadata.insert("total".into(), total.into());
    (text, Metadata::try_from(metadata).unwrap_or_default()) // it has one level
}

fn unreadable(report: &DeviceReport) -> String {
    let bad = report.frames.bad();
    let frames = if bad == 1 { "frame" } else { "frames" };
    let reasons = [
        ("torn", report.frames.torn),
        ("too long", report.frames.too_long),
        ("with a wrong checksum", report.frames.checksum),
        ("of another version", report.frames.version),
        ("malformed", report.frames.malformed),
    ];
    let reasons = reasons.into_iter().filter(|&(_, count)| count > 0);
    let reasons: Vec<_> = reasons.map(|(reason, count)| format!("{count} {reason}")).collect();
    format!("{bad} {frames} could not be read: {}", reasons.join(", "))
}
