//! The bus as a naive model: everything that was ever delivered, in one list.

use std::collections::{BTreeMap, VecDeque};

use statusbus_hub::{Category, CategorySet, Overflow};

/// An update as the model knows it. Its number is its text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) conversation: usize,
    pub(crate) category: Category,
    pub(crate) key: Option<u32>,
    pub(crate) expires: bool,
    pub(crate) number: u64,
}

/// The scope of a loss: a topic, or with `None` the whole bus.
pub(crate) type Scope = Option<(usize, Category)>;

#[derive(Clone, Debug)]
pub(crate) enum Content {
    Update(Sent),
    Gap(BTreeMap<Scope, u64>),
}

#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) seq: u64,
    pub(crate) content: Content,
}

/// The settings of a case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) limit: usize,
    pub(crate) batch_size: usize,
    pub(crate) window: u64,
    pub(crate) history: u64,
    pub(crate) keys: usize,
    pub(crate) overflow: Overflow,
    /// The largest number of updates that are sent in a row.
    pub(crate) bulk: usize,
    /// The limit in bytes of the window, and of each conversation. The model does not predict what is then kept.
    pub(crate) bytes: Option<usize>,
    /// One update in `expiring + 1` expires.
    pub(crate) expiring: usize,
}

/// The number of topics whose losses the bus counts by topic, between two batches.
const TOPICS: usize = 16;

pub(crate) struct Naive {
    pub(crate) settings: Settings,
    queue: VecDeque<Sent>,
    /// The losses since the last batch, in the order in which their scopes first lost an update.
    unreported: Vec<(Scope, u64)>,
    pub(crate) records: Vec<Record>,
    /// The last position and the length of each batch that is in the window.
    window: VecDeque<(u64, u64)>,
    /// A reader at this position or after it can go on.
    pub(crate) floor: u64,
    pub(crate) sent: u64,
    pub(crate) merged: u64,
    pub(crate) dropped: u64,
    pub(crate) expired: u64,
}

impl Naive {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            queue: VecDeque::new(),
            unreported: Vec::new(),
            records: Vec::new(),
            window: VecDeque::new(),
            floor: 0,
            sent: 0,
            merged: 0,
            dropped: 0,
            expired: 0,
        }
    }

    /// The position of the last record.
    pub(crate) fn seq(&self) -> u64 {
        self.records.last().map_or(0, |record| record.seq)
    }

    pub(crate) fn send(&mut self, sent: Sent) {
        self.sent += 1;
        let topic = |sent: &Sent| (sent.conversation, sent.category);
        let same = |queued: &&mut Sent| {
            sent.key.is_some() && queued.key == sent.key && topic(queued) == topic(&sent)
        };
        if let Some(queued) = self.queue.iter_mut().find(same) {
            *queued = sent;
            self.merged += 1;
            return;
        }
        if self.queue.len() >= self.settings.limit {
            if sent.expires {
                return self.lose(&sent, true); // no queued update makes room for it
            }
            match self.settings.overflow {
                Overflow::DropOldest => {
                    let oldest = self.queue.pop_front().expect("it is full");
                    self.lose(&oldest, oldest.expires);
                }
                _ => return self.lose(&sent, false),
            }
        }
        self.queue.push_back(sent);
    }

    /// Takes a batch out of the queue, of `expired` and `delivered` updates.
    pub(crate) fn deliver(&mut self, mut expired: u64, mut delivered: u64) {
        let len = delivered;
        let mut batch = Vec::new();
        while expired + delivered > 0 {
            let sent = self.queue.pop_front().expect("the bus queued no more than the model");
            if sent.expires {
                expired = expired.checked_sub(1).expect("it expires");
                self.lose(&sent, true);
            } else {
                delivered = delivered.checked_sub(1).expect("it does not expire");
                batch.push(Content::Update(sent));
            }
        }
        let gap: BTreeMap<Scope, u64> = self.unreported.drain(..).collect();
        let gap = (!gap.is_empty()).then_some(Content::Gap(gap));
        for content in gap.into_iter().chain(batch) {
            self.records.push(Record { seq: self.seq() + 1, content });
        }
        self.window.push_back((self.seq(), len));
        while self.window.len() > 1
            && self.window.iter().map(|(_, len)| len).sum::<u64>() > self.settings.window
        {
            self.floor = self.window.pop_front().map_or(0, |(seq, _)| seq);
        }
    }

    fn lose(&mut self, sent: &Sent, expired: bool) {
        *(if expired { &mut self.expired } else { &mut self.dropped }) += 1;
        let topic = Some((sent.conversation, sent.category));
        let topics = self.unreported.iter().filter(|(scope, _)| scope.is_some()).count();
        let known = self.unreported.iter().any(|(scope, _)| *scope == topic);
        let scope = if known || topics < TOPICS { topic } else { None };
        match self.unreported.iter_mut().find(|(known, _)| *known == scope) {
            Some((_, count)) => *count += 1,
            None => self.unreported.push((scope, 1)),
        }
    }

    /// The updates of a conversation, or all, behind a position.
    pub(crate) fn updates(&self, source: Option<usize>, after: u64) -> impl Iterator<Item = Sent> {
        let from = self.records.partition_point(|record| record.seq <= after);
        self.records[from..].iter().filter_map(move |record| match record.content {
            Content::Update(sent) if source.is_none_or(|source| source == sent.conversation) => {
                Some(sent)
            }
            _ => None,
        })
    }

    /// Whether updates that a reader at this position needs may be gone.
    pub(crate) fn may_be_gone(&self, source: Option<usize>, after: u64) -> bool {
        self.settings.bytes.is_some()
            || after < self.floor && !source.is_some_and(|source| self.is_history(source, after))
    }

    /// The first position after `after` from which on everything is kept.
    pub(crate) fn kept_behind(&self, source: Option<usize>, after: u64) -> u64 {
        let kept = |&seq: &u64| !self.may_be_gone(source, seq);
        let mut positions = self.records.iter().map(|record| record.seq).filter(|&seq| seq > after);
        positions.find(kept).unwrap_or(self.seq())
    }

    /// Whether the history of a conversation surely has all its updates after a position.
    fn is_history(&self, source: usize, after: u64) -> bool {
        self.updates(Some(source), after).count() as u64 <= self.settings.history
    }

    /// The numbers of the values that are retained at a position, in order.
    pub(crate) fn retained(
        &self,
        source: Option<usize>,
        categories: CategorySet,
        at: u64,
    ) -> Vec<u64> {
        let mut values: Vec<Sent> = Vec::new();
        let later = self.updates(source, at).count();
        let earlier = self.updates(source, 0).count() - later;
        for sent in self.updates(source, 0).take(earlier) {
            let topic = |sent: &Sent| (sent.conversation, sent.category, sent.key);
            values.retain(|known| topic(known) != topic(&sent));
            let keyed = |known: &Sent| known.key.is_some();
            let competes = |known: &Sent| known.conversation == sent.conversation && keyed(known);
            if keyed(&sent)
                && values.iter().filter(|known| competes(known)).count() >= self.settings.keys
                && let Some(oldest) = values.iter().position(competes)
            {
                values.remove(oldest);
            }
            if !keyed(&sent) || self.settings.keys > 0 {
                values.push(sent);
            }
        }
        let chosen = values.iter().filter(|sent| categories.contains(sent.category));
        chosen.map(|sent| sent.number).collect()
    }
}
