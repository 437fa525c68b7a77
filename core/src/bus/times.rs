//! When the bus has to be polled.

use crate::time::Instant;

/// Times that may not be set. Not `Option`s, which would take 16 bytes each; all zeros is none.
pub(super) struct Times {
    deadline: Instant,
    gap_deadline: Instant,
    last_flush: Instant,
    has_deadline: bool,
    has_gap_deadline: bool,
    has_flushed: bool,
}

impl Times {
    pub(super) const NONE: Self = Self {
        deadline: Instant::ZERO,
        gap_deadline: Instant::ZERO,
        last_flush: Instant::ZERO,
        has_deadline: false,
        has_gap_deadline: false,
        has_flushed: false,
    };

    /// Whether it is set when what is queued has to go: from when the queue stops being empty until
    /// a batch leaves it empty.
    #[inline(always)]
    pub(super) const fn has_deadline(&self) -> bool {
        self.has_deadline
    }

    /// What is queued has to go then. Set once, and never moved later.
    pub(super) const fn set_deadline(&mut self, deadline: Instant) {
        (self.deadline, self.has_deadline) = (deadline, true);
    }

    /// What is queued, if anything is, goes no later than that.
    pub(super) fn hurry(&mut self, latest: Instant) {
        self.deadline = self.deadline.min(latest);
    }

    /// Nothing is queued any more.
    pub(super) const fn clear_deadline(&mut self) {
        self.has_deadline = false;
    }

    /// There is a gap, which has to be told by then even if nothing else is due.
    pub(super) fn set_gap_deadline(&mut self, latest: Instant) {
        if !self.has_gap_deadline {
            (self.gap_deadline, self.has_gap_deadline) = (latest, true);
        }
        self.hurry_gap(latest);
    }

    /// A gap that has to be told, if there is one, is told no later than that.
    pub(super) fn hurry_gap(&mut self, latest: Instant) {
        self.gap_deadline = self.gap_deadline.min(latest);
    }

    /// A batch is handed on, with all gaps.
    pub(super) const fn hand_on(&mut self, now: Instant) {
        (self.last_flush, self.has_flushed) = (now, true);
        self.has_gap_deadline = false;
    }

    /// When the last batch was handed on.
    pub(super) const fn last_flush(&self) -> Option<Instant> {
        if self.has_flushed { Some(self.last_flush) } else { None }
    }

    /// The next deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        match (self.has_deadline, self.has_gap_deadline) {
            (true, true) => Some(self.deadline.min(self.gap_deadline)),
            (true, false) => Some(self.deadline),
            (false, true) => Some(self.gap_deadline),
            (false, false) => None,
        }
    }
}
