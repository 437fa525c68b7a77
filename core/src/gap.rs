//! Losses, reported where the missing updates would have been.

use crate::loss::Losses;
use crate::outcome::LOSSES;
use crate::time::Long;

/// Losses by the index of their kind.
pub(crate) type Row = [u32; LOSSES];

/// A record in the stream in place of missing updates: how many, and why.
///
/// It is in front of the batch that it comes with, and has a position of its own, so that a reader
/// that resumes neither misses it nor gets it twice. It stays in the bus, where
/// [`Bus::gap`](crate::Bus::gap) shows it until the batch is settled. Each count holds up to 2³² − 1.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Gap<T, const GAPS: usize> {
    elsewhere: Row,
    // A row without a topic is stale: it is cleared when a topic takes it.
    rows: [Row; GAPS],
    topics: heapless::Vec<T, GAPS, u16>,
    confirmed: u16,
    retold: u32,
    seq: Long,
}

impl<T, const GAPS: usize> Gap<T, GAPS> {
    pub(crate) const EMPTY: Self = Self {
        elsewhere: [0; LOSSES],
        rows: [[0; LOSSES]; GAPS],
        topics: heapless::Vec::new(),
        confirmed: 0,
        retold: 0,
        seq: Long::ZERO,
    };

    /// The position of this record.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq.get()
    }

    /// How many earlier gaps this one reports again. Each of them had a position, and the sink accepted
    /// no part of it. A reader that follows positions finds theirs missing, and those of the updates
    /// that the sink did not accept.
    #[must_use]
    pub const fn retold(&self) -> u64 {
        self.retold as u64
    }

    /// How many of its losses are [confirmed](crate::Bus::confirm_losses).
    #[must_use]
    pub const fn confirmed(&self) -> usize {
        self.confirmed as usize
    }

    /// Its losses one by one: those of single [topics](Self::topics), in order, then those
    /// [elsewhere](Self::elsewhere), without a topic, if there are any. `None` behind the last.
    #[must_use]
    pub fn loss(&self, index: usize) -> Option<(Option<&T>, Losses)> {
        if let Some(topic) = self.topics.get(index) {
            return Some((Some(topic), losses(self.rows.get(index)?)));
        }
        let is_elsewhere = index == self.topics.len() && self.has_elsewhere();
        is_elsewhere.then(|| (None, self.elsewhere()))
    }

    /// The topic at an index, and its losses as the table stores them; behind the last topic, the losses
    /// elsewhere. For hosts with little memory; [`Losses::from_counts`] converts them.
    // Hidden: a new kind of loss would change the type.
    #[doc(hidden)]
    #[must_use]
    #[inline(always)]
    pub fn entry(&self, index: usize) -> (Option<&T>, &[u32; LOSSES]) {
        match (self.topics.get(index), self.rows.get(index)) {
            (Some(topic), Some(row)) => (Some(topic), row),
            _ => (None, &self.elsewhere),
        }
    }

    /// The losses of single topics. Each concerns the readers of its topic.
    pub fn topics(&self) -> impl ExactSizeIterator<Item = (&T, Losses)> {
        self.topics.iter().zip(self.rows.iter().map(losses))
    }

    /// The losses of topics that found no row in the table. They concern every reader of the bus.
    #[must_use]
    pub fn elsewhere(&self) -> Losses {
        losses(&self.elsewhere)
    }

    /// The losses of the topic at an index, or behind the last those elsewhere, by the index in
    /// [`Outcome::from_code`](crate::Outcome::from_code). For hosts that pass them on as numbers.
    // Hidden: a new kind of loss would change the type.
    #[doc(hidden)]
    #[must_use]
    #[inline(always)]
    pub fn counts(&self, index: usize) -> &[u32; LOSSES] {
        match self.rows.get(index) {
            Some(row) if index < self.topics.len() => row,
            _ => &self.elsewhere,
        }
    }

    /// How many updates are missing.
    #[must_use]
    pub fn missing(&self) -> u64 {
        let rows = self.rows.iter().take(self.topics.len()).chain([&self.elsewhere]);
        rows.flatten().map(|&count| u64::from(count)).sum()
    }

    /// All losses, by reason.
    #[must_use]
    pub fn total(&self) -> Losses {
        let mut total = self.elsewhere();
        for (_, losses) in self.topics() {
            total.add(&losses);
        }
        total
    }

    fn has_elsewhere(&self) -> bool {
        self.elsewhere.iter().any(|&count| count > 0)
    }

    /// Makes it the record at a position.
    #[inline(always)]
    pub(crate) const fn report(&mut self, seq: Long) {
        self.seq = seq;
    }

    #[inline(never)]
    pub(crate) fn clear(&mut self) {
        clear(&mut self.elsewhere);
        self.topics.clear();
        self.confirmed = 0;
        self.retold = 0;
        self.seq = Long::ZERO;
    }

    /// Confirms the next losses; returns whether all of them are confirmed.
    pub(crate) fn confirm(&mut self, losses: usize) -> bool {
        let confirmed = self.confirmed().saturating_add(losses);
        self.confirmed = u16::try_from(confirmed).unwrap_or(u16::MAX);
        confirmed >= self.topics.len() + usize::from(self.has_elsewhere())
    }
}

impl<T: Clone + PartialEq, const GAPS: usize> Gap<T, GAPS> {
    /// Counts one loss, of a topic if it is known. O(1): the table is small and fixed.
    #[inline(always)]
    pub(crate) fn count(&mut self, topic: Option<&T>, loss: u8) {
        if let Some(count) = self.row(topic).get_mut(usize::from(loss)) {
            *count = count.saturating_add(1);
        }
    }

    /// Takes in the losses of a gap that was not accepted, or not all of them. A gap that was accepted
    /// in part came through, and with it the number of gaps that it reports again.
    #[inline(never)]
    pub(crate) fn take_back(&mut self, gap: &Self) {
        let confirmed = gap.confirmed();
        if confirmed == 0 {
            self.retold = self.retold.saturating_add(gap.retold).saturating_add(1);
        }
        let mut index = confirmed;
        while let (Some(topic), Some(row)) = (gap.topics.get(index), gap.rows.get(index)) {
            add(self.row(Some(topic)), row);
            index += 1;
        }
        if confirmed <= gap.topics.len() {
            add(&mut self.elsewhere, &gap.elsewhere);
        }
    }

    /// The row of a topic: the one that it has, a new one, or that of the whole bus.
    #[inline(never)]
    fn row(&mut self, topic: Option<&T>) -> &mut Row {
        let Some(topic) = topic else { return &mut self.elsewhere };
        let len = self.topics.len();
        let index = self.topics.iter().position(|one| one == topic).unwrap_or(len);
        let Some(row) = self.rows.get_mut(index) else { return &mut self.elsewhere };
        if index == len {
            let pushed = self.topics.push(topic.clone());
            debug_assert!(pushed.is_ok(), "there are as many topics as rows");
            clear(row);
        }
        row
    }
}

/// Hides the zero from the optimizer, which otherwise calls `memset`: 174 bytes of flash where nothing else
/// needs it. WebAssembly has an instruction for that.
fn clear(row: &mut Row) {
    let zero = if cfg!(target_family = "wasm") { 0 } else { core::hint::black_box(0) };
    row.iter_mut().for_each(|count| *count = zero);
}

#[inline(never)]
fn add(to: &mut Row, from: &Row) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = to.saturating_add(*from);
    }
}

fn losses(row: &Row) -> Losses {
    Losses::from_counts(row)
}

#[cfg(feature = "defmt")]
impl<T: defmt::Format, const GAPS: usize> defmt::Format for Gap<T, GAPS> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Gap(seq: {=u64}, {})", self.seq(), self.total());
    }
}
