//! Conversations that the bus may have forgotten.

use std::time::Duration;

use crate::coverage::cover;
use crate::oracle::Source;
use crate::oracle::log::Log;
use crate::oracle::retained::RetainedOracle;

pub(super) struct Forgetting {
    remembered: Option<usize>,
    idle_after: Option<u64>,
    readers: Vec<usize>,
    /// Time of the last delivery, by conversation.
    used: Vec<u64>,
    exists: Vec<bool>,
    /// The last position at which any conversation may have been forgotten.
    to: u64,
}

impl Forgetting {
    pub(super) fn new(
        names: usize,
        remembered: Option<usize>,
        idle_after: Option<Duration>,
    ) -> Self {
        Self {
            remembered,
            idle_after: idle_after.map(|idle| idle.as_micros() as u64),
            readers: vec![0; names],
            used: vec![0; names],
            exists: vec![false; names],
            to: 0,
        }
    }

    pub(super) fn note(&mut self, conversation: usize) {
        self.exists[conversation] = true;
    }

    pub(super) fn deliver(&mut self, conversation: usize, now: u64) {
        self.used[conversation] = now;
    }

    pub(super) fn enter(&mut self, source: Source) {
        if let Source::Conversation(conversation) = source {
            self.readers[conversation] += 1;
            self.exists[conversation] = true;
        }
    }

    pub(super) fn leave(&mut self, source: Source, log: &Log) {
        if let Source::Conversation(conversation) = source {
            self.readers[conversation] -= 1;
            // A conversation of which nothing is kept is removed with its last reader.
            if self.readers[conversation] == 0 && log.may_keep_nothing() {
                self.to = self.to.max(log.last_update(source));
            }
        }
    }

    pub(super) fn look(
        &mut self,
        now: u64,
        head: u64,
        has_ended: bool,
        retained: &mut RetainedOracle,
    ) {
        let known = self.exists.iter().skip(1).filter(|exists| **exists).count();
        let crowded = self.remembered.is_some_and(|most| known >= most);
        for conversation in 1..self.exists.len() {
            let idle = |after| now - self.used[conversation] >= after;
            let long = self.idle_after.is_some_and(idle);
            // A reader that has reached the end keeps its conversation no longer.
            if (self.readers[conversation] == 0 || has_ended) && (crowded || long) {
                retained.may_be_forgotten(conversation);
                if head > self.to {
                    cover("a conversation may be forgotten");
                }
                self.to = head;
            }
        }
    }

    /// Whether resuming at a position may be refused because a conversation was forgotten.
    pub(super) fn may_refuse(&self, source: Source, seq: u64) -> bool {
        matches!(source, Source::Conversation(1..)) && seq < self.to
    }
}
