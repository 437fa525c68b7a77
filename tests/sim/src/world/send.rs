//! Sending updates and removing retained values.

use std::time::Duration;

use statusbus_tokio::{Category, DropReason, Outcome, RefuseReason, SendErrorKind};

use super::{World, name};
use crate::coverage::cover;
use crate::failure::{Failure, ensure};
use crate::operation::NewUpdate;
use crate::oracle::Topic;
use crate::oracle::bus::Update;

impl World<'_> {
    pub(super) fn send(&mut self, new: &NewUpdate) -> Result<(), Failure> {
        let conversation = new.conversation.min(self.settings.conversations);
        let (id, now) = (self.next_id, self.now());
        self.next_id += 1;
        self.forgetting.note(conversation);
        let text = format!("{id:0len$}", len = new.len);
        let handle = self.handles.iter().find(|(held, _)| new.by_handle && *held == conversation);
        let mut written = match (handle, conversation) {
            (Some((_, handle)), _) => handle.update(new.category, text),
            (None, 0) => self.status.system_update(new.category, text),
            (None, _) => self.status.update(&name(conversation), new.category, text),
        };
        if let Some(key) = new.key {
            written = written.key(key.to_string());
        }
        if let Some(priority) = new.priority {
            written = written.priority(priority);
        }
        if let Some(ttl) = new.ttl {
            written = written.ttl(Duration::from_micros(ttl));
        }
        let outcome = written.try_send().unwrap_or_else(|error| error.kind().into());
        let topic = Topic { conversation, category: new.category };
        let (key, priority, ttl) = (new.key, new.priority, new.ttl);
        let expected = self.bus.send(Update { id, topic, key, priority, ttl }, now);
        ensure!("outcome", outcome == expected, "{new:?}: {outcome:?}, expected {expected:?}");
        match outcome {
            Outcome::Merged => cover("merged"),
            Outcome::Dropped(DropReason::Outranked) => cover("outranked"),
            _ => {}
        }
        self.sent[conversation] += u64::from(!matches!(outcome, Outcome::Refused(_)));
        self.merged[conversation] += u64::from(outcome == Outcome::Merged);
        Ok(())
    }

    pub(super) fn send_bad(&mut self, reason: RefuseReason) -> Result<(), Failure> {
        let info = Category::INFO;
        let outcome = match reason {
            RefuseReason::TooLarge => self.status.system_update(info, "x".repeat(1_001)).try_send(),
            RefuseReason::Invalid => self.status.update("a:b", info, "x").try_send(),
            RefuseReason::UnknownCategory => {
                self.status.system_update(info, "x").category("unregistered").try_send()
            }
            _ => {
                self.status.refuse(reason);
                self.bus.refuse(reason);
                return Ok(());
            }
        };
        let kind = outcome.map_err(|error| error.kind());
        let expected = Err(SendErrorKind::Refused(reason));
        ensure!("outcome", kind == expected, "{kind:?}, expected {reason:?}");
        self.bus.refuse(reason);
        Ok(())
    }

    /// Sends updates that are delivered, or lost, one by one.
    pub(super) fn trickle(
        &mut self,
        times: u64,
        lost: bool,
        conversation: usize,
        category: Category,
    ) -> Result<(), Failure> {
        let ttl = lost.then_some(0);
        let (key, priority, len) = (None, None, 0);
        let new = NewUpdate { conversation, category, key, priority, ttl, len, by_handle: false };
        for _ in 0..times {
            self.send(&new)?;
            self.flush()?;
        }
        Ok(())
    }

    pub(super) fn hold(&mut self, conversation: usize) {
        let conversation = conversation.min(self.settings.conversations);
        self.forgetting.note(conversation);
        let handle = match conversation {
            0 => Ok(self.status.system()),
            _ => self.status.conversation(&name(conversation)),
        };
        if let Ok(handle) = handle {
            cover("handles held");
            self.handles.push((conversation, handle));
        }
    }

    pub(super) fn remove_retained(
        &mut self,
        conversation: usize,
        category: Category,
        key: Option<u8>,
    ) -> Result<(), Failure> {
        let conversation = conversation.clamp(1, self.settings.conversations);
        let text = key.map(|key| key.to_string());
        let removed = self.status.remove_retained(&name(conversation), category, text.as_deref());
        if removed {
            cover("a value is removed");
        }
        let expected = self.retained.remove(conversation, category, key, self.now());
        ensure!(
            "removal",
            expected.is_none_or(|expected| expected == removed),
            "removed {removed}, expected {expected:?}"
        );
        Ok(())
    }
}
