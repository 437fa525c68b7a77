//! Reading events and comparing them with the reader's oracle.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use statusbus_tokio::{Batch, CategorySet, Deliver, Event, OnLag, Subscription};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::World;
use crate::coverage::cover;
use crate::failure::{Failure, ensure};
use crate::oracle::reader::{Observed, ReaderOracle, Seen};
use crate::oracle::{Counts, Source};
use crate::panics::{Flag, Panics};

pub(super) struct Reader {
    pub(super) oracle: ReaderOracle,
    how: How,
    /// The last event if it is a batch, and an older batch or retained values.
    batches: [Option<Batch>; 2],
    /// Its last poll was pending.
    waits: bool,
    at_end: bool,
    baseline: Baseline,
}

enum How {
    Polled { subscription: Subscription, flag: Arc<Flag> },
    Handled { task: JoinHandle<()>, events: Arc<Mutex<VecDeque<Event>>> },
}

/// Counters at the time when it began.
#[derive(Clone, Copy, Default)]
pub(super) struct Baseline {
    pub(super) published: u64,
    pub(super) reported: u64,
    pub(super) sent: u64,
    pub(super) merged: u64,
    /// Nothing was queued, and all losses were published.
    pub(super) idle: bool,
}

impl Reader {
    pub(super) fn polled(
        subscription: Subscription,
        oracle: ReaderOracle,
        panics: &Panics,
    ) -> Self {
        let flag = Flag::new(Some(panics.clone()));
        Self::new(How::Polled { subscription, flag }, oracle)
    }

    pub(super) fn handled(
        subscription: Subscription,
        mut oracle: ReaderOracle,
        panics: &Panics,
    ) -> Self {
        oracle.reads_unseen = true;
        let events = Arc::new(Mutex::new(VecDeque::new()));
        let (to, panics) = (Arc::clone(&events), panics.clone());
        let task = subscription.deliver(move |event| {
            if let Ok(mut events) = to.lock() {
                events.push_back(event);
            }
            panics.perhaps();
            let panics = panics.clone();
            async move { panics.perhaps() }
        });
        Self::new(How::Handled { task, events }, oracle)
    }

    fn new(how: How, oracle: ReaderOracle) -> Self {
        let baseline = Baseline::default();
        Self { oracle, how, batches: [None, None], waits: false, at_end: false, baseline }
    }

    pub(super) fn with_baseline(mut self, world: &World<'_>) -> Self {
        let bus = &world.bus;
        self.baseline.published = bus.delivered + bus.in_flight;
        self.baseline.reported = world.log.reported;
        self.baseline.idle = bus.queue.is_empty() && bus.unreported() == 0;
        if let Source::Conversation(number) = self.oracle.source {
            (self.baseline.sent, self.baseline.merged) = (world.sent[number], world.merged[number]);
        }
        self
    }

    pub(super) const fn baseline(&self) -> Baseline {
        self.baseline
    }

    pub(super) fn is_at_end(&self) -> bool {
        match &self.how {
            How::Polled { .. } => self.at_end,
            How::Handled { task, .. } => task.is_finished(),
        }
    }

    pub(super) const fn is_handled(&self) -> bool {
        matches!(self.how, How::Handled { .. })
    }

    pub(super) const fn missed(&self) -> u64 {
        self.oracle.missed
    }

    pub(super) const fn terms(&self) -> (Source, CategorySet, OnLag) {
        (self.oracle.source, self.oracle.categories, self.oracle.on_lag())
    }

    pub(super) fn resume_point(&self) -> Option<u64> {
        match &self.how {
            How::Polled { subscription, .. } => subscription.resume_point(),
            How::Handled { .. } => None,
        }
    }

    pub(super) fn set_categories(&mut self, categories: CategorySet) {
        if let How::Polled { subscription, .. } = &mut self.how {
            subscription.set_categories(categories);
            self.oracle.set_categories(categories);
        }
    }

    /// Drops it, with its task.
    pub(super) fn go(self, runtime: &Runtime) {
        if let How::Handled { task, .. } = self.how {
            task.abort();
            let _ = runtime.block_on(task);
        }
    }
}

impl World<'_> {
    pub(super) fn read_some(&mut self, index: usize, events: u64) -> Result<(), Failure> {
        for _ in 0..events {
            if !self.read(index)? {
                break;
            }
            if self.resumes > 0
                && let Some(point) = self.readers[index].resume_point()
            {
                self.resumes -= 1;
                self.resume_behind(index, point)?;
            }
        }
        Ok(())
    }

    pub(super) fn read_plainly(&mut self, index: usize) -> Result<(), Failure> {
        while self.read(index)? {}
        Ok(())
    }

    /// Reads one event; false if there was no event.
    fn read(&mut self, index: usize) -> Result<bool, Failure> {
        let reader = &mut self.readers[index];
        let How::Polled { subscription, flag } = &mut reader.how else { return Ok(false) };
        let reader_waited = reader.waits;
        let must_wake = reader_waited && !flag.is_woken();
        let news = reader.oracle.has_news(&self.log, None);
        flag.set(false);
        let waker = Waker::from(Arc::clone(flag));
        let polled = pin!(subscription.next()).poll(&mut Context::from_waker(&waker));
        let unread = subscription.unread();
        let point = subscription.resume_point();
        reader.waits = polled.is_pending();
        match polled {
            Poll::Ready(Some(event)) => {
                if reader_waited && !must_wake {
                    cover("woken");
                }
                ensure!("not woken", !must_wake || !news, "no wake-up for {event:?}");
                self.take(index, &event)?;
                self.expect_position(index, &event, point, unread)?;
                Ok(true)
            }
            Poll::Ready(None) => {
                ensure!("not woken", !must_wake || reader.at_end, "no wake-up for the end");
                ensure!(
                    "end",
                    self.runner.is_none(),
                    "a reader is at the end while the runner lives"
                );
                reader.at_end = true;
                reader.oracle.find_nothing(&self.log)?;
                Ok(false)
            }
            Poll::Pending => {
                ensure!(
                    "end",
                    self.runner.is_some(),
                    "a reader waits although the runner has ended"
                );
                reader.oracle.find_nothing(&self.log)?;
                ensure!(
                    "unread",
                    unread == 0,
                    "{unread} updates are unread, and there is no event"
                );
                reader.batches[0] = None;
                if let Some(point) = point {
                    self.points.push(point);
                    let last = reader.oracle.last_observed();
                    ensure!(
                        "resume point",
                        point >= last,
                        "{point} is before {last}, which was read"
                    );
                }
                Ok(false)
            }
        }
    }

    fn take(&mut self, index: usize, event: &Event) -> Result<(), Failure> {
        let observed = observed(event)?;
        if crate::failure::is_verbose() {
            eprintln!("    reader {index} at {}: {observed:?}", self.readers[index].oracle.pos);
        }
        let now = self.now();
        let reader = &mut self.readers[index];
        let (log, retained, source) = (&self.log, &self.retained, reader.oracle.source);
        reader.oracle.read(&observed, event, log, || retained.snapshot(source, now))?;
        if let Some(last) = reader.batches[0].take() {
            reader.batches[1] = Some(last);
        }
        match event {
            Event::Batch(batch) => reader.batches[0] = Some(batch.clone()),
            Event::Retained(batch) => reader.batches[1] = Some(batch.clone()),
            _ => {}
        }
        self.points.extend(event.resume_point());
        Ok(())
    }

    /// The subscription agrees with its last event.
    fn expect_position(
        &self,
        index: usize,
        event: &Event,
        point: Option<u64>,
        unread: u64,
    ) -> Result<(), Failure> {
        let oracle = &self.readers[index].oracle;
        if let Some(reported) = event.resume_point() {
            ensure!("resume point", point == Some(reported), "{point:?} after {event:?}");
        }
        if !oracle.is_incomplete() {
            let expected = oracle.unread(&self.log);
            ensure!(
                "unread",
                unread == expected,
                "{unread} unread after {event:?}, expected {expected}"
            );
        }
        Ok(())
    }

    pub(super) fn rewind(&mut self, index: usize, eighths: u64) -> Result<(), Failure> {
        let reader = &mut self.readers[index];
        let How::Polled { subscription, .. } = &mut reader.how else { return Ok(()) };
        let [last, older] = &reader.batches;
        let last_is_newest = reader.oracle.is_behind_batch();
        let before = subscription.resume_point();
        let (Some(batch), false) =
            (if last_is_newest { last } else { older }, reader.oracle.is_incomplete())
        else {
            return Ok(());
        };
        let all: Vec<u64> = batch.iter().map(|update| update.seq()).collect();
        let kept = all.len() * eighths as usize / 8;
        let seq = match kept.checked_sub(1) {
            Some(last) => all[last],
            None => all.first().map_or(0, |first| first - 1),
        };
        subscription.rewind(batch, seq);
        let point = subscription.resume_point();
        let rewound = if last_is_newest { reader.oracle.rewound(seq) } else { None };
        match (rewound, point) {
            (Some((least, most)), Some(point)) => {
                let right = (least..=most).contains(&point);
                ensure!("rewind", right, "to {point}, expected {least} to {most}");
                if kept > 0 && kept < all.len() {
                    cover("a rewind into the middle");
                }
                reader.oracle.rewind(point, &self.log);
                reader.waits = false;
                reader.batches = [None, None];
                self.points.push(point);
                let unread = subscription.unread();
                let expected = reader.oracle.unread(&self.log);
                ensure!(
                    "unread",
                    unread == expected,
                    "{unread} unread after a rewind, expected {expected}"
                );
                if self.resumes > 0 {
                    self.resumes -= 1;
                    self.resume_behind(index, point)?;
                }
            }
            _ => {
                cover("a rewind with another batch");
                ensure!("rewind", point == before, "to {point:?} with another batch");
                let expected = reader.oracle.unread(&self.log);
                let unread = subscription.unread();
                ensure!("rewind", unread == expected, "{unread} unread, expected {expected}");
            }
        }
        Ok(())
    }

    /// Takes the events that handlers were called with.
    pub(super) fn read_handled(&mut self) -> Result<(), Failure> {
        for index in 0..self.readers.len() {
            while let Some(event) = self.readers[index].next_handled() {
                cover("handler called");
                self.take(index, &event)?;
            }
        }
        Ok(())
    }

    /// Checks that every waiting reader was woken for its next event.
    pub(super) fn expect_woken(&self) -> Result<(), Failure> {
        let overdue = self.overdue();
        for reader in &self.readers {
            let How::Polled { flag, .. } = &reader.how else { continue };
            let asleep = reader.waits && !flag.is_woken();
            let missed = asleep && reader.oracle.has_news(&self.log, overdue);
            ensure!("not woken", !missed, "{:?} waits", reader.oracle.source);
        }
        Ok(())
    }

    /// Losses of the whole bus that were published up to this time have woken their readers.
    fn overdue(&self) -> Option<u64> {
        self.now().checked_sub(self.longest_interval + super::run::TIMER)
    }

    /// Checks that a handler was called with every event.
    pub(super) fn expect_handled(&mut self, index: usize) -> Result<(), Failure> {
        let overdue = self.overdue();
        let reader = &mut self.readers[index];
        let How::Handled { task, .. } = &reader.how else { return Ok(()) };
        let (at_end, ended) = (task.is_finished(), self.runner.is_none());
        ensure!("end", at_end == ended, "a handler's task has ended: {at_end}");
        if reader.oracle.has_news(&self.log, overdue) || ended {
            reader.oracle.find_nothing(&self.log)?;
        }
        Ok(())
    }
}

impl Reader {
    fn next_handled(&self) -> Option<Event> {
        match &self.how {
            How::Handled { events, .. } => events.lock().ok()?.pop_front(),
            How::Polled { .. } => None,
        }
    }
}

/// Reduces an event to what the oracle compares.
fn observed(event: &Event) -> Result<Observed, Failure> {
    Ok(match event {
        Event::Retained(batch) => {
            let ids = seen(batch)?.iter().map(|seen| seen.id).collect();
            Observed::Retained { seq: batch.seq(), ids }
        }
        Event::Batch(batch) => Observed::Batch { seq: batch.seq(), updates: seen(batch)? },
        Event::Gap(gap) => {
            Observed::Gap { seq: gap.seq, scope: gap.scope, counts: Counts::of(&gap.losses) }
        }
        Event::Lagged(lagged) => Observed::Lagged(*lagged),
        _ => unreachable!("no other kind exists"),
    })
}

fn seen(batch: &Batch) -> Result<Vec<Seen>, Failure> {
    let each = batch.iter().map(|update| {
        let conversation = match update.conversation() {
            None => Some(0),
            Some(name) => name.strip_prefix('c').and_then(|number| number.parse().ok()),
        };
        let key = update.key().map(str::parse).transpose().ok();
        Some(Seen {
            seq: update.seq(),
            id: update.text().parse().ok()?,
            conversation: conversation?,
            category: update.category().index(),
            key: key?,
        })
    });
    let all: Option<Vec<Seen>> = each.collect();
    all.ok_or_else(|| Failure { rule: "garbage", detail: format!("{batch:?}") })
}
