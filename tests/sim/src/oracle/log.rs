//! All delivered updates and published losses by position, and which of them the bus must still keep.

use std::collections::VecDeque;

use statusbus_tokio::{Category, CategorySet};

use super::bus::{Lost, Queued};
use super::{Counts, Source, Topic};
use crate::coverage::cover;

/// A delivered update.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivered {
    pub(crate) seq: u64,
    pub(crate) id: u64,
    pub(crate) topic: Topic,
    pub(crate) key: Option<u8>,
}

/// Losses of one source at one position.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loss {
    pub(crate) seq: u64,
    /// When it was published, in microseconds.
    pub(crate) at: u64,
    /// A category of the reader's conversation; `None`: the whole bus.
    pub(crate) scope: Option<Category>,
    pub(crate) counts: Counts,
    /// It need not be reported to the reader of whose debts it is.
    pub(crate) is_optional: bool,
}

impl Loss {
    const fn new(seq: u64, at: u64, scope: Option<Category>, counts: Counts) -> Self {
        Self { seq, at, scope, counts, is_optional: false }
    }
}

#[derive(Default)]
pub(crate) struct Log {
    /// The last position.
    pub(crate) head: u64,
    updates: Vec<Delivered>,
    /// Indices of the updates of each conversation.
    by_conversation: Vec<Vec<usize>>,
    /// Losses for readers of everything, and for those of each conversation.
    losses: Vec<Loss>,
    losses_by_conversation: Vec<Vec<Loss>>,
    /// Last position and length of each batch in the window.
    window: VecDeque<(u64, u64)>,
    in_window: u64,
    /// Updates up to this position may have left the window.
    pub(crate) floor: u64,
    window_size: u64,
    history_size: u64,
    /// The bus is bounded in bytes too, so that what it keeps is not predicted.
    bytes: bool,
    /// The position before the newest batch.
    before_newest: u64,
    pub(crate) reported: u64,
    /// The position of the losses of an abandoned queue; 0: there are none. The ledger counts all of
    /// them as dropped by the sink, and readers get those that had expired as expired.
    pub(crate) abandoned: u64,
    /// The position of losses whose topics are not predicted; 0: there are none. See
    /// [`BusOracle::abandon`](super::bus::BusOracle::abandon).
    pub(crate) unattributed: u64,
}

/// Positions with losses that everything and the whole bus keep apart; older ones may be merged into
/// later ones.
const MOST_POSITIONS: usize = 1_024;

/// The same of a conversation: each position takes as many as categories had losses up to there.
const MOST_SCOPES: usize = 256;

impl Log {
    pub(crate) fn new(conversations: usize, window: u64, history: u64, bytes: bool) -> Self {
        Self {
            by_conversation: vec![Vec::new(); conversations],
            losses_by_conversation: vec![Vec::new(); conversations],
            window_size: window,
            history_size: history,
            bytes,
            ..Self::default()
        }
    }

    pub(crate) fn report(&mut self, lost: &Lost, seq: u64, at: u64) {
        self.head = seq;
        let counts = lost.total();
        self.reported += counts.total();
        self.losses.push(Loss::new(seq, at, None, counts));
        if self.losses.len() == 300 {
            cover("losses by the hundred");
        }
        if self.unattributed == seq {
            return;
        }
        for (topic, counts) in &lost.topics {
            let scope = Some(topic.category);
            let loss = Loss::new(seq, at, scope, *counts);
            self.losses_by_conversation[topic.conversation].push(loss);
        }
        if lost.elsewhere.total() > 0 {
            for losses in &mut self.losses_by_conversation {
                losses.push(Loss::new(seq, at, None, lost.elsewhere));
            }
        }
    }

    /// Adds the losses of an abandoned queue.
    pub(crate) fn report_abandoned(&mut self, lost: &Lost, seq: u64, unattributed: bool, at: u64) {
        self.abandoned = seq;
        self.unattributed = if unattributed { seq } else { 0 };
        self.report(lost, seq, at);
    }

    pub(crate) fn deliver(&mut self, updates: &[Queued]) {
        if updates.is_empty() {
            return;
        }
        self.before_newest = self.head;
        for queued in updates {
            self.head += 1;
            let update = &queued.update;
            self.by_conversation[update.topic.conversation].push(self.updates.len());
            let (id, topic, key) = (update.id, update.topic, update.key);
            self.updates.push(Delivered { seq: self.head, id, topic, key });
        }
        self.window.push_back((self.head, updates.len() as u64));
        self.in_window += updates.len() as u64;
        while self.window.len() > 1 && self.in_window > self.window_size {
            if let Some((last, len)) = self.window.pop_front() {
                self.floor = last;
                self.in_window -= len;
            }
        }
    }

    /// The updates of a source in `after + 1..=to`.
    pub(crate) fn updates(
        &self,
        source: Source,
        after: u64,
        to: u64,
    ) -> impl DoubleEndedIterator<Item = &Delivered> {
        let (mut all, mut of_one) = (None, None);
        match source {
            Source::Everything => {
                let from = self.updates.partition_point(|update| update.seq <= after);
                let end = self.updates.partition_point(|update| update.seq <= to).max(from);
                all = Some(self.updates[from..end].iter());
            }
            Source::Conversation(conversation) => {
                let indices = &self.by_conversation[conversation];
                let from = indices.partition_point(|&index| self.updates[index].seq <= after);
                let end = indices.partition_point(|&index| self.updates[index].seq <= to).max(from);
                of_one = Some(indices[from..end].iter().map(|&index| &self.updates[index]));
            }
        }
        all.into_iter().flatten().chain(of_one.into_iter().flatten())
    }

    pub(crate) fn count(&self, source: Source, after: u64, to: u64) -> u64 {
        self.updates(source, after, to).count() as u64
    }

    pub(crate) fn last_update(&self, source: Source) -> u64 {
        self.updates(source, 0, u64::MAX).next_back().map_or(0, |update| update.seq)
    }

    fn all_losses(&self, source: Source) -> &[Loss] {
        match source {
            Source::Everything => &self.losses,
            Source::Conversation(conversation) => &self.losses_by_conversation[conversation],
        }
    }

    /// The losses of a source behind a position.
    pub(crate) fn losses(&self, source: Source, after: u64) -> &[Loss] {
        let losses = self.all_losses(source);
        &losses[losses.partition_point(|loss| loss.seq <= after)..]
    }

    /// Whether a loss at this position may be merged into a later one.
    pub(crate) fn may_be_late(&self, source: Source, seq: u64) -> bool {
        let late = self.is_beyond_log(source, seq);
        if late {
            cover("a loss may come late");
        }
        late
    }

    /// Whether the log of its losses, or that of the whole bus, may have dropped this position.
    fn is_beyond_log(&self, source: Source, seq: u64) -> bool {
        let losses = self.all_losses(source);
        let behind = &losses[losses.partition_point(|loss| loss.seq < seq)..];
        // Each record has a scope for each category that had losses, at most all of them.
        if behind.len() * Category::MAX < MOST_SCOPES {
            return false;
        }
        let positions = |of_bus: bool| {
            let positions = behind.iter().filter(|loss| loss.scope.is_none() == of_bus);
            let mut positions: Vec<u64> = positions.map(|loss| loss.seq).collect();
            positions.dedup();
            positions.len()
        };
        let with_losses: CategorySet = losses.iter().filter_map(|loss| loss.scope).collect();
        let scopes = (0..Category::MAX).filter_map(Category::from_index);
        let scopes = scopes.filter(|category| with_losses.contains(*category)).count();
        positions(false) * scopes >= MOST_SCOPES || positions(true) >= MOST_POSITIONS
    }

    /// Whether a reader at this position may have lagged.
    pub(crate) fn may_lag(&self, source: Source, after: u64) -> bool {
        if self.bytes {
            return self.updates(source, after, self.before_newest).next().is_some();
        }
        let gone = self.updates(source, after, self.floor).next().is_some();
        gone && !self.is_history(source, after)
    }

    fn is_history(&self, source: Source, after: u64) -> bool {
        matches!(source, Source::Conversation(_))
            && self.count(source, after, u64::MAX) <= self.history_size
    }

    /// Whether a lagging reader that continues with the oldest kept update may skip all up to `to`.
    pub(crate) fn may_skip(&self, source: Source, after: u64, to: u64) -> bool {
        if self.bytes {
            return self.updates(source, self.before_newest.max(after), to).next().is_none();
        }
        let in_window = self.updates(source, self.floor.max(after), to).next().is_some();
        let left = self.count(source, to, u64::MAX);
        let kept = match source {
            Source::Everything => 0,
            Source::Conversation(_) => self.history_size.min(self.count(source, after, u64::MAX)),
        };
        !in_window && left >= kept
    }

    /// Whether a position lies between updates of one batch.
    pub(crate) fn is_inside_batch(&self, seq: u64) -> bool {
        let end = self.window.partition_point(|(last, _)| *last <= seq);
        self.window.get(end).is_some_and(|(last, len)| seq > last - len)
    }

    /// Whether the bus may keep no update of a conversation.
    pub(crate) const fn may_keep_nothing(&self) -> bool {
        self.history_size == 0 || self.bytes
    }

    /// Whether resuming at a position may be refused.
    pub(crate) fn may_refuse(&self, source: Source, seq: u64) -> bool {
        seq > self.head || self.may_lag(source, seq) || self.may_be_late(source, seq)
    }
}

/// The updates of some categories.
pub(crate) fn wanted<'a>(
    updates: impl Iterator<Item = &'a Delivered>,
    categories: CategorySet,
) -> impl Iterator<Item = &'a Delivered> {
    updates.filter(move |update| categories.contains(update.topic.category))
}
