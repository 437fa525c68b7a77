//! The bus as a naive model: everything that was ever delivered, in one list.

use std::collections::{BTreeMap, VecDeque};

use statusbus_tokio::{Category, CategorySet, Overflow};

/// An update as the model knows it. Its number is its text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said {
    pub(crate) conversation: usize,
    pub(crate) category: Category,
    pub(crate) key: Option<u32>,
    pub(crate) expires: bool,
    pub(crate) number: u64,
}

/// Whose losses a gap counts: a topic's, or anybody's.
pub(crate) type Scope = Option<(usize, Category)>;

#[derive(Clone, Debug)]
pub(crate) enum What {
    Update(Said),
    Gap(BTreeMap<Scope, u64>),
}

#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) seq: u64,
    pub(crate) what: What,
}

/// The knobs of a case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Knobs {
    pub(crate) limit: usize,
    pub(crate) batch_size: usize,
    pub(crate) window: u64,
    pub(crate) history: u64,
    pub(crate) keys: usize,
    pub(crate) overflow: Overflow,
    /// Most updates that are sent in one go.
    pub(crate) bulk: usize,
    /// Bytes that the window has, and each conversation: what is kept is then not foreseen.
    pub(crate) bytes: Option<usize>,
    /// One in so many, and one more, expires.
    pub(crate) expiring: usize,
}

/// Topics whose losses the bus counts apart.
const APART: usize = 16;

pub(crate) struct Naive {
    pub(crate) knobs: Knobs,
    queue: VecDeque<Said>,
    /// Whose updates were lost since the last batch, in the order of their first loss.
    untold: Vec<(Scope, u64)>,
    pub(crate) records: Vec<Record>,
    /// The last position and the length of each batch that is in the window.
    window: VecDeque<(u64, u64)>,
    /// Whoever is not behind this position can go on.
    pub(crate) floor: u64,
    pub(crate) sent: u64,
    pub(crate) merged: u64,
    pub(crate) dropped: u64,
    pub(crate) expired: u64,
}

impl Naive {
    pub(crate) fn new(knobs: Knobs) -> Self {
        Self {
            knobs,
            queue: VecDeque::new(),
            untold: Vec::new(),
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

    pub(crate) fn send(&mut self, said: Said) {
        self.sent += 1;
        let topic = |said: &Said| (said.conversation, said.category);
        let same = |queued: &&mut Said| {
            said.key.is_some() && queued.key == said.key && topic(queued) == topic(&said)
        };
        if let Some(queued) = self.queue.iter_mut().find(same) {
            *queued = said;
            self.merged += 1;
            return;
        }
        if self.queue.len() >= self.knobs.limit {
            if said.expires {
                return self.lose(&said, true); // it takes nobody's place
            }
            match self.knobs.overflow {
                Overflow::DropOldest => {
                    let oldest = self.queue.pop_front().expect("it is full");
                    self.lose(&oldest, oldest.expires);
                }
                _ => return self.lose(&said, false),
            }
        }
        self.queue.push_back(said);
    }

    /// A batch has left, of `expired` and `handed` updates.
    pub(crate) fn hand_on(&mut self, mut expired: u64, mut handed: u64) {
        let len = handed;
        let mut batch = Vec::new();
        while expired + handed > 0 {
            let said = self.queue.pop_front().expect("the bus queued no more than the model");
            if said.expires {
                expired = expired.checked_sub(1).expect("it expires");
                self.lose(&said, true);
            } else {
                handed = handed.checked_sub(1).expect("it does not expire");
                batch.push(What::Update(said));
            }
        }
        let gap: BTreeMap<Scope, u64> = self.untold.drain(..).collect();
        let gap = (!gap.is_empty()).then_some(What::Gap(gap));
        for what in gap.into_iter().chain(batch) {
            self.records.push(Record { seq: self.seq() + 1, what });
        }
        self.window.push_back((self.seq(), len));
        while self.window.len() > 1
            && self.window.iter().map(|(_, len)| len).sum::<u64>() > self.knobs.window
        {
            self.floor = self.window.pop_front().map_or(0, |(seq, _)| seq);
        }
    }

    fn lose(&mut self, said: &Said, expired: bool) {
        *(if expired { &mut self.expired } else { &mut self.dropped }) += 1;
        let topic = Some((said.conversation, said.category));
        let apart = self.untold.iter().filter(|(scope, _)| scope.is_some()).count();
        let known = self.untold.iter().any(|(scope, _)| *scope == topic);
        let scope = if known || apart < APART { topic } else { None };
        match self.untold.iter_mut().find(|(known, _)| *known == scope) {
            Some((_, count)) => *count += 1,
            None => self.untold.push((scope, 1)),
        }
    }

    /// The updates of a conversation, or all, behind a position.
    pub(crate) fn updates(&self, source: Option<usize>, after: u64) -> impl Iterator<Item = Said> {
        let from = self.records.partition_point(|record| record.seq <= after);
        self.records[from..].iter().filter_map(move |record| match record.what {
            What::Update(said) if source.is_none_or(|source| source == said.conversation) => {
                Some(said)
            }
            _ => None,
        })
    }

    /// Whether a reader who is at this position may find that something behind it is gone.
    pub(crate) fn may_be_gone(&self, source: Option<usize>, after: u64) -> bool {
        self.knobs.bytes.is_some()
            || after < self.floor && !source.is_some_and(|source| self.is_history(source, after))
    }

    /// The first position from `after` on behind which everything is kept.
    pub(crate) fn kept_behind(&self, source: Option<usize>, after: u64) -> u64 {
        let kept = |&seq: &u64| !self.may_be_gone(source, seq);
        let mut positions = self.records.iter().map(|record| record.seq).filter(|&seq| seq > after);
        positions.find(kept).unwrap_or(self.seq())
    }

    /// Whether what a conversation keeps at least reaches back behind a position.
    fn is_history(&self, source: usize, after: u64) -> bool {
        self.updates(Some(source), after).count() as u64 <= self.knobs.history
    }

    /// The numbers of the values that are retained at a position, in order.
    pub(crate) fn retained(
        &self,
        source: Option<usize>,
        categories: CategorySet,
        at: u64,
    ) -> Vec<u64> {
        let mut values: Vec<(Said, u64)> = Vec::new();
        let later = self.updates(source, at).count();
        let up_to_there = self.updates(source, 0).count() - later;
        for (place, said) in self.updates(source, 0).take(up_to_there).enumerate() {
            let topic = |said: &Said| (said.conversation, said.category, said.key);
            values.retain(|(known, _)| topic(known) != topic(&said));
            let keyed = |known: &Said| known.key.is_some();
            let theirs = |known: &Said| known.conversation == said.conversation && keyed(known);
            if keyed(&said)
                && values.iter().filter(|(known, _)| theirs(known)).count() >= self.knobs.keys
                && let Some(least) = values.iter().position(|(known, _)| theirs(known))
            {
                values.remove(least);
            }
            if !keyed(&said) || self.knobs.keys > 0 {
                values.push((said, place as u64));
            }
        }
        let chosen = values.iter().filter(|(said, _)| categories.contains(said.category));
        chosen.map(|(said, _)| said.number).collect()
    }
}
