//! Sending, and what else is done to a bus from outside.

use std::time::Duration;

use statusbus_tokio::{Category, DropReason, RefuseReason, Sent};

use super::{World, name};
use crate::failure::{Failure, ensure};
use crate::marks::mark;
use crate::operation::Draft;
use crate::oracle::Topic;
use crate::oracle::bus::Update;

impl World<'_> {
    pub(super) fn send(&mut self, draft: &Draft) -> Result<(), Failure> {
        let conversation = draft.conversation.min(self.knobs.conversations);
        let (id, now) = (self.next_id, self.now());
        self.next_id += 1;
        self.forgetting.note(conversation);
        let text = format!("{id:0len$}", len = draft.len);
        let handle = self.handles.iter().find(|(held, _)| draft.by_handle && *held == conversation);
        let mut written = match (handle, conversation) {
            (Some((_, handle)), _) => handle.update(draft.category, text),
            (None, 0) => self.status.system_update(draft.category, text),
            (None, _) => self.status.update(&name(conversation), draft.category, text),
        };
        if let Some(key) = draft.key {
            written = written.key(key.to_string());
        }
        if let Some(priority) = draft.priority {
            written = written.priority(priority);
        }
        if let Some(ttl) = draft.ttl {
            written = written.ttl(Duration::from_micros(ttl));
        }
        let outcome = written.try_send().map_err(|refused| refused.reason);
        let topic = Topic { conversation, category: draft.category };
        let (key, priority, ttl) = (draft.key, draft.priority, draft.ttl);
        let expected = self.bus.send(Update { id, topic, key, priority, ttl }, now);
        ensure!("outcome", outcome == expected, "{draft:?}: {outcome:?}, not {expected:?}");
        match outcome {
            Ok(Sent::Merged) => mark("merged"),
            Ok(Sent::Dropped(DropReason::Outranked)) => mark("outranked"),
            _ => {}
        }
        self.sent[conversation] += u64::from(outcome.is_ok());
        self.merged[conversation] += u64::from(outcome == Ok(Sent::Merged));
        Ok(())
    }

    pub(super) fn send_bad(&mut self, reason: RefuseReason) -> Result<(), Failure> {
        let info = Category::INFO;
        let outcome = match reason {
            RefuseReason::TooLarge => self.status.system_update(info, "x".repeat(1_001)).try_send(),
            RefuseReason::Invalid => self.status.update("a:b", info, "x").try_send(),
            RefuseReason::UnknownCategory => {
                self.status.system_update(info, "x").category("nobody's").try_send()
            }
            _ => {
                self.status.refuse(reason);
                self.bus.refuse(reason);
                return Ok(());
            }
        };
        let outcome = outcome.map_err(|refused| refused.reason);
        ensure!("outcome", outcome == Err(reason), "{outcome:?}, not {reason:?}");
        self.bus.refuse(reason);
        Ok(())
    }

    /// Updates that are delivered, or lost, one by one.
    pub(super) fn trickle(
        &mut self,
        times: u64,
        lost: bool,
        conversation: usize,
        category: Category,
    ) -> Result<(), Failure> {
        let ttl = lost.then_some(0);
        let (key, priority, len) = (None, None, 0);
        let draft = Draft { conversation, category, key, priority, ttl, len, by_handle: false };
        for _ in 0..times {
            self.send(&draft)?;
            self.flush()?;
        }
        Ok(())
    }

    pub(super) fn hold(&mut self, conversation: usize) {
        let conversation = conversation.min(self.knobs.conversations);
        self.forgetting.note(conversation);
        let handle = match conversation {
            0 => Ok(self.status.system()),
            _ => self.status.conversation(&name(conversation)),
        };
        if let Ok(handle) = handle {
            mark("handles held");
            self.handles.push((conversation, handle));
        }
    }

    pub(super) fn remove_retained(
        &mut self,
        conversation: usize,
        category: Category,
        key: Option<u8>,
    ) -> Result<(), Failure> {
        let conversation = conversation.clamp(1, self.knobs.conversations);
        let text = key.map(|key| key.to_string());
        let removed =
            self.status.remove_retained(&name(conversation), category, text.as_deref());
        if removed {
            mark("a value is removed");
        }
        let expected = self.retained.remove(conversation, category, key, self.now());
        ensure!(
            "removal",
            expected.is_none_or(|expected| expected == removed),
            "a value is removed: {removed}, and was there: {expected:?}"
        );
        Ok(())
    }
}
