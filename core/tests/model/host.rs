//! A queue of a host, as naive as it can be: a list that is searched from end to end, and no decision of its own.
//! It is driven only through `Rules`.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::time::Duration;

use statusbus_core::{
    Accepted, Arrival, BatchHead, Candidate, Category, Config, Depth, FlushMark, Instant, KeyMode,
    Keyed, Ledger, Loss, Merge, Outcome, Overflowed, Polled, Priority, RefuseReason, Rules, Terms,
};

use crate::case::{CATEGORIES, Call, Case, Sent, Topic};
use crate::observed::{Event, Events, Pushed, SeenBatch, SeenGap, SeenUpdate, age, ttl};
use crate::subject::{Subject, buffers};
use crate::tally::GAPS;

/// A queued update.
#[derive(Clone, Copy)]
struct Queued {
    sent: Sent,
    terms: Terms,
    /// Grows with each update that comes to a priority: the smallest is the oldest of it.
    rank: u64,
}

/// An update of a batch: with what it shows, whether it was settled by itself.
struct Delivered {
    seen: SeenUpdate,
    is_settled: bool,
}

struct HostBatch {
    head: BatchHead,
    capacity: usize,
    updates: Vec<Delivered>,
}

pub(crate) struct HostQueue<K, const RANKED: bool> {
    rules: Rules<Topic, Events, CATEGORIES, GAPS>,
    capacity: usize,
    queue: VecDeque<Queued>,
    ranks: u64,
    /// Plain updates that may still join at once, and those that have.
    free: usize,
    joined: usize,
    batches: [HostBatch; 3],
    keys: PhantomData<K>,
}

impl<K: KeyMode, const RANKED: bool> HostQueue<K, RANKED> {
    fn is_keyed() -> bool {
        std::any::type_name::<K>() == std::any::type_name::<Keyed>()
    }

    fn advance(&mut self, now: Instant) {
        advance(&mut self.rules, &mut self.queue, now);
    }

    /// The priority of an update without a key, a TTL or the end of a run, if its category allows that it joins
    /// without a question.
    fn plain(&self, sent: &Sent) -> Option<Priority> {
        let category = Category::from_index(sent.topic.1)?;
        let has_key = Self::is_keyed() && sent.key.is_some();
        if has_key
            || sent.ttl.is_some()
            || sent.ends_run
            || !self.rules.plain_categories().contains(category)
        {
            return None;
        }
        let by_category = match self.rules.priorities() >> (2 * category.index()) & 3 {
            0 => Priority::Low,
            1 => Priority::Normal,
            _ => Priority::High,
        };
        Some(if RANKED { sent.priority.unwrap_or(by_category) } else { Priority::Normal })
    }

    fn append(&mut self, sent: Sent, terms: Terms) {
        self.ranks += 1;
        self.queue.push_back(Queued { sent, terms, rank: self.ranks });
    }

    /// Removes the update at a place for the new one, which joins the end.
    fn exchange(&mut self, place: usize, sent: Sent, terms: Terms) -> Sent {
        let old = self.queue.remove(place).expect("a place in the queue");
        self.append(sent, terms);
        let front = if place == 0 { front(&self.queue) } else { None };
        self.rules.exchanged(&terms, front);
        old.sent
    }

    fn place_of(&self, candidate: Candidate) -> usize {
        match candidate {
            Candidate::Oldest => 0,
            Candidate::Newest => self.queue.len().saturating_sub(1),
            Candidate::Evicted => {
                let mut oldest = Vec::new();
                for priority in Priority::ALL {
                    let places = 0..self.queue.len();
                    let of_it = places.filter(|&at| self.queue[at].terms.priority() == priority);
                    oldest.extend(of_it.min_by_key(|&at| self.queue[at].rank));
                }
                let is_expired = |at: &&usize| self.rules.is_expired(&self.queue[**at].terms);
                oldest.iter().find(is_expired).or(oldest.first()).copied().unwrap_or(0)
            }
        }
    }

    /// Puts an update in its place that was admitted.
    fn take_in(&mut self, sent: Sent, terms: Terms) -> (Outcome, Option<Sent>) {
        if Self::is_keyed() && sent.key.is_some() {
            let same = |old: &Queued| (old.sent.topic, old.sent.key) == (sent.topic, sent.key);
            if let Some(place) = self.queue.iter().rposition(same) {
                let old = self.queue[place];
                match self.rules.merge(&terms, old.terms.priority()) {
                    Merge::Apart => {}
                    Merge::InPlace => {
                        self.ranks += 1;
                        let is_raised = terms.priority() > old.terms.priority();
                        let rank = if is_raised { self.ranks } else { old.rank };
                        self.queue[place] = Queued { sent, terms, rank };
                        return (Outcome::Merged, Some(old.sent));
                    }
                    Merge::AtEnd => {
                        return (Outcome::Merged, Some(self.exchange(place, sent, terms)));
                    }
                }
            }
        }
        if !self.rules.is_full() {
            self.append(sent, terms);
            self.rules.joined(&terms);
            return (Outcome::Queued, None);
        }
        let candidate = match self.rules.overflow(&terms, &sent.topic) {
            Overflowed::Out(outcome) => return (outcome, Some(sent)),
            Overflowed::For(candidate) => candidate,
        };
        let place = self.place_of(candidate);
        let old = self.queue.get(place).map(|old| (&old.terms, &old.sent.topic));
        match self.rules.displace(candidate, (&terms, &sent.topic), old) {
            outcome @ Outcome::Displaced(_) => (outcome, Some(self.exchange(place, sent, terms))),
            outcome => (outcome, Some(sent)),
        }
    }
}

/// The arrival of the update at the front.
fn front(queue: &VecDeque<Queued>) -> Option<Arrival> {
    queue.front().map(|front| front.terms.arrival())
}

fn advance(
    rules: &mut Rules<Topic, Events, CATEGORIES, GAPS>,
    queue: &mut VecDeque<Queued>,
    now: Instant,
) {
    if let Some(by) = rules.advance(now) {
        queue.iter_mut().for_each(|queued| queued.terms.shift(by));
    }
}

impl<K: KeyMode, const RANKED: bool> Subject for HostQueue<K, RANKED> {
    fn new(case: &Case) -> Self {
        let batch = |capacity| HostBatch { head: BatchHead::new(), capacity, updates: Vec::new() };
        Self {
            rules: Rules::new(case.slots, case.knobs.config(), 7, Events::default()),
            capacity: case.slots,
            queue: VecDeque::new(),
            ranks: 0,
            free: 0,
            joined: 0,
            batches: buffers(case).map(batch),
            keys: PhantomData,
        }
    }

    fn goes_on(&self, call: &Call) -> bool {
        let Call::Push(sent) = call else { return false };
        // Nothing is asked between: what is plain has not changed since the stretch began.
        self.joined > 0 && self.joined < self.free && self.plain(sent).is_some()
    }

    fn is_behind(&self) -> bool {
        self.joined > 0
    }

    fn catch_up(&mut self) {
        self.rules.join(self.joined);
        self.free = 0;
        self.joined = 0;
    }

    fn push(&mut self, sent: Sent, now: Instant) -> (Option<Pushed>, bool) {
        if let Some(priority) = self.plain(&sent) {
            if self.joined == 0 {
                self.free = self.rules.free();
            }
            if self.joined < self.free {
                self.joined += 1;
                self.append(sent, Terms::plain(self.rules.arrival(), priority));
                return (Some(Pushed::Queued), false);
            }
        }
        let mut options = sent.options();
        if !RANKED {
            options = options.with_priority(Priority::Normal);
        }
        let mut read = false;
        let queue = &mut self.queue;
        let admitted = self.rules.admit(&options, |rules| {
            read = true;
            advance(rules, queue, now);
        });
        let (outcome, back) = match admitted {
            Ok(terms) => self.take_in(sent, terms),
            Err(outcome) => (outcome, Some(sent)),
        };
        (Pushed::of(outcome, back.unwrap_or(Sent::EMPTY)), read)
    }

    fn poll(&mut self, at: usize, most: usize, expired: &mut Vec<Sent>, now: Instant) -> Polled {
        if self.batches[at].head.is_whole() {
            return Polled::Batch;
        }
        self.advance(now);
        let HostBatch { head, capacity, updates } = &mut self.batches[at];
        let was_in_flight = head.is_in_flight();
        let part = match self.rules.poll(head, *capacity) {
            ControlFlow::Break(polled) => return polled,
            ControlFlow::Continue(part) => part,
        };
        if !was_in_flight {
            updates.clear();
        }
        let mut most = most.max(1);
        while most > 0 && part.room(head) > 0 {
            let room = part.room(head).min(most);
            let live = |queued: &&Queued| !self.rules.is_expired(&queued.terms);
            let run = self.queue.iter().take(room).take_while(live).count();
            if run > 0 {
                let run: Vec<Queued> = self.queue.drain(..run).collect();
                let oldest = run.iter().map(|queued| queued.terms.arrival()).min();
                let oldest = oldest.expect("a run has an update");
                self.rules.left(head, run.len(), oldest, front(&self.queue));
                most -= run.len();
                for Queued { sent, terms, .. } in run {
                    let waited = terms.arrival().micros_until(self.rules.began());
                    let left = match terms.ttl_left_micros(waited) {
                        u64::MAX => None,
                        left => Some(ttl(left)),
                    };
                    let (priority, waited) = (terms.priority(), age(waited));
                    let seen = SeenUpdate { seq: 0, sent, priority, waited, ttl_left: left };
                    updates.push(Delivered { seen, is_settled: false });
                }
            } else {
                let Some(first) = self.queue.pop_front() else { break };
                self.rules.expired(head, &first.sent.topic, front(&self.queue));
                expired.push(first.sent);
                most -= 1;
            }
        }
        self.rules.finish(head, part)
    }

    fn settle(&mut self, at: usize, accepted: Accepted, now: Instant) {
        self.advance(now);
        let HostBatch { head, updates, .. } = &mut self.batches[at];
        let first = match accepted {
            Accepted::All => usize::MAX,
            Accepted::First(first) => first,
        };
        if head.is_in_flight() {
            for update in updates.iter_mut().skip(first).filter(|update| !update.is_settled) {
                self.rules.settle_one(head, &update.seen.sent.topic);
            }
        }
        // The others were accepted.
        let rest = if first == 0 { accepted } else { Accepted::All };
        self.rules.settle_receipt(head.take_receipt(), rest);
        *head = BatchHead::new();
        updates.clear();
    }

    fn settle_one(&mut self, at: usize, seq: u64, now: Instant) -> Option<u32> {
        self.advance(now);
        let HostBatch { head, updates, .. } = &mut self.batches[at];
        let place = usize::try_from(seq.checked_sub(head.first_seq())?).ok()?;
        let update = updates.get_mut(place).filter(|update| !update.is_settled)?;
        if !head.is_in_flight() {
            return None;
        }
        update.is_settled = true;
        self.rules.settle_one(head, &update.seen.sent.topic);
        Some(update.seen.sent.id)
    }

    fn settle_receipt(&mut self, at: usize, accepted: Accepted, now: Instant) -> Vec<SeenUpdate> {
        let receipt = self.batches[at].head.take_receipt();
        self.advance(now);
        self.rules.settle_receipt(receipt, accepted);
        let kept = self.batch(at, false).updates;
        self.batches[at].head = BatchHead::new();
        self.batches[at].updates.clear();
        kept
    }

    fn confirm_losses(&mut self, at: usize, count: usize) {
        let gap = self.batches[at].head.gap_seq();
        self.rules.confirm_losses(gap.unwrap_or(0), count);
    }

    fn flush(&mut self, now: Instant) -> FlushMark {
        self.advance(now);
        self.rules.flush()
    }

    fn close(&mut self, now: Instant) {
        self.advance(now);
        self.rules.close();
    }

    fn reconfigure(&mut self, config: Config, now: Instant) -> Vec<(Sent, Loss)> {
        self.advance(now);
        self.rules.reconfigure(config, self.capacity);
        let mut left = Vec::new();
        while let Some(candidate) = self.rules.excess() {
            let place = self.place_of(candidate);
            let old = self.queue.remove(place).expect("a place in the queue");
            let front = if place == 0 { front(&self.queue) } else { None };
            left.push((old.sent, self.rules.shrunk(&old.terms, &old.sent.topic, front)));
        }
        left
    }

    fn reconfigure_category(&mut self, category: Category, priority: Priority, ttl: Option<u64>) {
        self.rules.reconfigure_category(category, priority, ttl.map(Duration::from_micros));
    }

    fn set_categories(&mut self, count: usize) {
        self.rules.set_categories(count);
    }

    fn refuse(&mut self, reason: RefuseReason) {
        self.rules.refuse(reason);
    }

    fn take_wake(&mut self) -> bool {
        self.rules.take_wake()
    }

    fn depth(&mut self) -> Depth {
        self.rules.depth()
    }

    fn ledger(&self) -> Ledger {
        self.rules.ledger()
    }

    fn seq(&self) -> u64 {
        self.rules.seq()
    }

    fn poll_at(&self) -> Option<Instant> {
        self.rules.poll_at()
    }

    fn is_drained(&self) -> bool {
        self.rules.is_drained()
    }

    fn is_overflowing(&self) -> bool {
        self.rules.is_overflowing()
    }

    fn is_flushed(&self, mark: FlushMark) -> bool {
        self.rules.is_flushed(mark)
    }

    fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.rules.telemetry().0)
    }

    fn len(&self, at: usize) -> usize {
        self.batches[at].head.len()
    }

    fn batch(&self, at: usize, in_flight: bool) -> SeenBatch {
        let HostBatch { head, updates, .. } = &self.batches[at];
        let seqs = head.first_seq()..;
        let left = seqs.zip(updates).filter(|(_, update)| !update.is_settled);
        SeenBatch {
            updates: left.map(|(seq, update)| SeenUpdate { seq, ..update.seen }).collect(),
            gap_seq: head.gap_seq(),
            reason: in_flight.then_some(head.reason()),
        }
    }

    fn gap(&self, at: usize) -> Option<SeenGap> {
        self.rules.gap(self.batches[at].head.gap_seq()?).map(SeenGap::of)
    }
}
