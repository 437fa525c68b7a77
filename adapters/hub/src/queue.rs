//! The queue: the rules of the core over a log of blocks.

mod log;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::sync::Arc;

use statusbus_core::{
    Accepted, Arrival, BatchHead, Candidate, Category, CategorySet, Config, Depth, FlushMark, Gap,
    Instant, Ledger, Loss, Merge, Outcome, Overflowed, Polled, Priority, Receipt, RefuseReason,
    Rules, SendOptions, Telemetry, Terms,
};

use self::log::{Log, Place};
use crate::batch::block::{Block, Leftover, Priorities};
use crate::batch::details::Details;
use crate::batch::subject::Topic;
use crate::batch::text::{SHORT, Text};

/// For how many topics losses are counted apart.
pub(crate) const GAPS: usize = 16;

/// What was lost in front of a batch.
pub(crate) type Lost = Gap<Topic, GAPS>;

/// The queue of a bus. The rules are those of [`statusbus_core::Bus`]; what differs is the memory. A plain update is
/// written into the last block, where it stays until its readers have read it, and the rules learn of it later,
/// together with others: `free` says how many may join before the rules have to be asked.
pub(crate) struct Queue<T> {
    log: Log,
    rules: Rules<Topic, T, { Category::MAX }, GAPS>,
    capacity: usize,
    /// While fewer updates are in the last block, a plain one may join.
    room: usize,
    /// Of the updates in the last block, the rules know so many.
    known: usize,
    /// The categories of plain updates.
    plain: CategorySet,
    /// Most bytes of the text of a plain update.
    plain_text: usize,
}

/// A batch that has left the queue.
pub(crate) struct Taken {
    /// `None`: it has only a gap.
    pub(crate) block: Option<Block>,
    pub(crate) first_seq: u64,
    /// When it was begun: the ages of its updates count up to then.
    pub(crate) began: Arrival,
    pub(crate) gap_seq: Option<u64>,
    /// What was sent before this [place](Queue::end) has left the queue.
    pub(crate) left: u64,
    pub(crate) receipt: Receipt,
}

/// What [`Queue::poll`] did.
#[allow(clippy::large_enum_variant)] // moved once for each batch
pub(crate) enum Next {
    Wait(Option<Instant>),
    Batch(Taken),
}

impl<T: Telemetry> Queue<T> {
    /// A queue for up to `capacity` updates, whose texts have at most `max_text` bytes.
    pub(crate) fn new(
        capacity: usize,
        config: Config,
        categories: usize,
        max_text: usize,
        telemetry: T,
    ) -> Self {
        let rules = Rules::new(capacity, config, categories, telemetry);
        let log = Log::new(config.batch_size(), Priorities(rules.priorities()));
        let mut queue = Self {
            log,
            rules,
            capacity,
            room: 0,
            known: 0,
            plain: CategorySet::NONE,
            plain_text: max_text.min(SHORT),
        };
        queue.configure_log();
        queue
    }

    /// Appends an update that has nothing but a text, if nothing has to be decided. Its arrival is that of the update
    /// before it.
    #[inline(always)]
    pub(crate) fn push_plain(&mut self, topic: Topic, text: &str) -> bool {
        let block = &mut self.log.tail.block;
        block.len() < self.room
            && text.len() <= self.plain_text
            && self.plain.contains(topic.category)
            && block.push_plain(topic, text)
    }

    /// The same for an update whose text is long.
    pub(crate) fn push_long(&mut self, topic: Topic, text: &Text<'_>) -> bool {
        let block = &mut self.log.tail.block;
        block.len() < self.room
            && text.as_str().len() > SHORT
            && self.plain.contains(topic.category)
            && block.push_long(topic, text)
    }

    /// The rules learn of the updates that have joined.
    #[inline]
    fn catch_up(&mut self) {
        let len = self.log.tail.block.len();
        if len > self.known {
            self.rules.join(len - self.known);
            self.known = len;
        }
    }

    /// Finds out how many plain updates may join now.
    #[inline]
    fn reckon(&mut self) {
        let block = &self.log.tail.block;
        self.known = block.len();
        self.room = if block.is_from(self.rules.arrival()) {
            (block.len() + self.rules.free()).min(self.log.end_of_tail())
        } else {
            0
        };
    }

    /// Appends an update, or drops or refuses it: see [`statusbus_core::Bus::push`]. `details` are taken if it is
    /// queued. What leaves for it is returned.
    #[inline(never)]
    pub(crate) fn push(
        &mut self,
        topic: Topic,
        text: &Text<'_>,
        details: &mut Option<Arc<Details>>,
        options: &SendOptions,
        now: impl FnOnce() -> Instant,
    ) -> (Outcome, Leftover) {
        self.catch_up();
        let pushed = self.admit(topic, text, details, options, now);
        self.reckon();
        pushed
    }

    fn admit(
        &mut self,
        topic: Topic,
        text: &Text<'_>,
        details: &mut Option<Arc<Details>>,
        options: &SendOptions,
        now: impl FnOnce() -> Instant,
    ) -> (Outcome, Leftover) {
        let terms = match self.rules.admit(options, |rules| advance(rules, now())) {
            Ok(terms) => terms,
            Err(outcome) => return (outcome, Leftover::default()),
        };
        if let Some(keyed) = details.as_ref().filter(|details| details.key.is_some())
            && let Some(place) = self.log.find(topic, keyed)
            && let Some((_, queued)) = self.log.get(place)
        {
            match self.rules.merge(&terms, queued.priority()) {
                Merge::Apart => {}
                Merge::InPlace => {
                    let Some(details) = details.take() else {
                        return (Outcome::Merged, Leftover::default());
                    };
                    return (Outcome::Merged, self.log.replace(place, text, details, &terms));
                }
                Merge::AtEnd => {
                    return (Outcome::Merged, self.exchange(place, topic, text, details, &terms));
                }
            }
        }
        if !self.rules.is_full() {
            self.append(topic, text, details.take(), &terms);
            self.rules.joined(&terms);
            return (Outcome::Queued, Leftover::default());
        }
        let candidate = match self.rules.overflow(&terms, &topic) {
            Overflowed::Out(outcome) => return (outcome, Leftover::default()),
            Overflowed::For(candidate) => candidate,
        };
        let old = self.leaving(candidate);
        let queued = old.as_ref().map(|(_, topic, terms)| (terms, topic));
        let outcome = self.rules.displace(candidate, (&terms, &topic), queued);
        match (outcome, old) {
            (Outcome::Displaced(_), Some((place, ..))) => {
                (outcome, self.exchange(place, topic, text, details, &terms))
            }
            _ => (outcome, Leftover::default()),
        }
    }

    fn append(
        &mut self,
        topic: Topic,
        text: &Text<'_>,
        details: Option<Arc<Details>>,
        terms: &Terms,
    ) {
        if self.log.is_tail_full() {
            self.log.make_room();
        }
        self.log.push(topic, text, details, terms);
    }

    /// Removes the update at a place for another one, which joins the end.
    fn exchange(
        &mut self,
        place: Place,
        topic: Topic,
        text: &Text<'_>,
        details: &mut Option<Arc<Details>>,
        terms: &Terms,
    ) -> Leftover {
        let was_first = self.log.first() == Some(place);
        let leftover = self.log.remove(place);
        self.append(topic, text, details.take(), terms);
        let front = if was_first { self.log.front_arrival() } else { None };
        self.rules.exchanged(terms, front);
        leftover
    }

    /// The update that is a candidate for leaving.
    fn leaving(&mut self, candidate: Candidate) -> Option<(Place, Topic, Terms)> {
        let place = match candidate {
            Candidate::Oldest => return self.log.front(),
            Candidate::Evicted if self.log.is_of_one_priority() => return self.log.front(),
            Candidate::Evicted => return self.evicted(),
            Candidate::Newest => self.log.last()?,
        };
        let (topic, terms) = self.log.get(place)?;
        Some((place, topic, terms))
    }

    #[inline(never)]
    fn evicted(&mut self) -> Option<(Place, Topic, Terms)> {
        let mut lowest = None;
        for priority in Priority::ALL {
            let Some(place) = self.log.oldest(priority) else { continue };
            let Some((topic, terms)) = self.log.get(place) else { continue };
            if self.rules.is_expired(&terms) {
                return Some((place, topic, terms));
            }
            lowest = lowest.or(Some((place, topic, terms)));
        }
        lowest
    }

    /// Takes the next batch, if one is due.
    pub(crate) fn poll(&mut self, now: Instant) -> Next {
        self.catch_up();
        advance(&mut self.rules, now);
        let mut head = BatchHead::new();
        let next = match self.rules.poll(&mut head, usize::MAX) {
            ControlFlow::Break(Polled::Wait(until)) => Next::Wait(until),
            ControlFlow::Break(_) => Next::Wait(None),
            ControlFlow::Continue(part) => {
                let mut block = None::<Block>;
                while part.room(&head) > 0 && !self.rules.is_empty() {
                    let rules = &self.rules;
                    let most = part.room(&head);
                    match self.log.take(most, |terms| rules.is_expired(terms)) {
                        Some((taken, oldest)) => {
                            let front = self.log.front_arrival();
                            self.rules.left(&mut head, taken.len(), oldest, front);
                            match &mut block {
                                None => block = Some(taken),
                                Some(block) => self.log.append_block(block, taken),
                            }
                        }
                        None => self.expire_front(&mut head),
                    }
                }
                let polled = self.rules.finish(&mut head, part);
                debug_assert_eq!(polled, Polled::Batch);
                let (first_seq, gap_seq) = (head.first_seq(), head.gap_seq());
                let (began, receipt) = (self.rules.began(), head.take_receipt());
                let left = self.log.first().unwrap_or(self.log.end()).number();
                Next::Batch(Taken { block, first_seq, began, gap_seq, left, receipt })
            }
        };
        self.reckon();
        next
    }

    fn expire_front(&mut self, head: &mut BatchHead) {
        let Some(place) = self.log.first() else {
            debug_assert!(false, "the rules count what is queued");
            return;
        };
        let Some((topic, _)) = self.log.get(place) else { return };
        drop(self.log.remove(place));
        self.rules.expired(head, &topic, self.log.front_arrival());
    }

    /// Drops up to `most` updates from the front, which count as dropped by the sink. Returns whether something is
    /// left.
    pub(crate) fn discard(&mut self, most: usize, now: Instant) -> bool {
        self.catch_up();
        advance(&mut self.rules, now);
        let mut head = BatchHead::new();
        let mut left = most;
        while left > 0
            && !self.rules.is_empty()
            && let ControlFlow::Continue(part) = self.rules.poll(&mut head, left)
        {
            while left > 0
                && part.room(&head) > 0
                && let Some(place) = self.log.first()
            {
                left -= 1;
                let Some((topic, terms)) = self.log.get(place) else { break };
                if self.rules.is_expired(&terms) {
                    self.expire_front(&mut head);
                    continue;
                }
                drop(self.log.remove(place));
                let front = self.log.front_arrival();
                self.rules.left(&mut head, 1, terms.arrival(), front);
                self.rules.settle_one(&mut head, &topic);
            }
            let _ = self.rules.finish(&mut head, part);
            let receipt = head.take_receipt();
            self.rules.settle_receipt(receipt, Accepted::First(0));
            head = BatchHead::new();
        }
        self.reckon();
        !self.rules.is_empty()
    }

    /// Keeps the memory of an empty block for updates to come.
    pub(crate) fn recycle(&mut self, block: Block) {
        self.log.recycle(block);
    }

    pub(crate) fn settle(
        &mut self,
        receipt: Receipt,
        accepted: Accepted,
        now: Instant,
    ) -> FlushMark {
        self.with_rules(|rules| {
            advance(rules, now);
            rules.settle_receipt(receipt, accepted);
            rules.flushed()
        })
    }

    pub(crate) fn flush(&mut self, now: Instant) -> FlushMark {
        self.with_rules(|rules| {
            advance(rules, now);
            rules.flush()
        })
    }

    pub(crate) fn close(&mut self, now: Instant) {
        self.with_rules(|rules| {
            advance(rules, now);
            rules.close();
        });
        self.plain = CategorySet::NONE;
    }

    /// Calls with the rules, which know of all updates.
    fn with_rules<R>(
        &mut self,
        call: impl FnOnce(&mut Rules<Topic, T, { Category::MAX }, GAPS>) -> R,
    ) -> R {
        self.catch_up();
        let answer = call(&mut self.rules);
        self.reckon();
        answer
    }

    /// Changes the configuration. Returns what the updates that a smaller limit removed owned.
    pub(crate) fn reconfigure(&mut self, config: Config, now: Instant) -> Vec<(Loss, Leftover)> {
        self.catch_up();
        advance(&mut self.rules, now);
        self.rules.reconfigure(config, self.capacity);
        let mut removed = Vec::new();
        while let Some(candidate) = self.rules.excess() {
            let Some((place, topic, terms)) = self.leaving(candidate) else { break };
            let was_first = self.log.first() == Some(place);
            let leftover = self.log.remove(place);
            let front = if was_first { self.log.front_arrival() } else { None };
            removed.push((self.rules.shrunk(&terms, &topic, front), leftover));
        }
        self.configure_log();
        removed
    }

    /// See [`statusbus_core::Bus::reconfigure_category`].
    pub(crate) fn reconfigure_category(
        &mut self,
        category: Category,
        priority: Priority,
        ttl: Option<std::time::Duration>,
    ) {
        self.catch_up();
        self.rules.reconfigure_category(category, priority, ttl);
        self.configure_log();
    }

    fn configure_log(&mut self) {
        let size = self.rules.config().batch_size();
        self.log.configure(size, Priorities(self.rules.priorities()));
        self.plain = self.rules.plain_categories();
        self.reckon();
    }

    /// Counts an update that was refused before it came here.
    pub(crate) fn refuse(&mut self, reason: RefuseReason) {
        self.with_rules(|rules| rules.refuse(reason));
    }

    pub(crate) fn confirm_losses(&mut self, gap_seq: u64) {
        self.with_rules(|rules| rules.confirm_losses(gap_seq, usize::MAX));
    }

    /// The gap at a position, if it is in flight.
    pub(crate) fn gap(&self, gap_seq: u64) -> Option<&Lost> {
        self.rules.gap(gap_seq)
    }

    #[inline]
    pub(crate) const fn take_wake(&mut self) -> bool {
        self.rules.take_wake()
    }

    pub(crate) fn ledger(&mut self) -> Ledger {
        self.catch_up();
        self.rules.ledger()
    }

    /// The place of the next update, as a number that grows.
    #[inline]
    pub(crate) const fn end(&self) -> u64 {
        self.log.end().number()
    }
    pub(crate) fn depth(&mut self) -> Depth {
        self.catch_up();
        self.rules.depth()
    }

    pub(crate) fn config(&self) -> Config {
        self.rules.config()
    }

    pub(crate) fn poll_at(&mut self) -> Option<Instant> {
        self.catch_up();
        self.rules.poll_at()
    }

    pub(crate) const fn telemetry(&mut self) -> &mut T {
        self.rules.telemetry()
    }

    pub(crate) const fn is_drained(&self) -> bool {
        self.rules.is_drained()
    }
}

/// Takes a reading of the clock.
fn advance<T: Telemetry>(rules: &mut Rules<Topic, T, { Category::MAX }, GAPS>, now: Instant) {
    let shift = rules.advance(now);
    debug_assert!(shift.is_none(), "times of 64 bits stay as they are");
}
