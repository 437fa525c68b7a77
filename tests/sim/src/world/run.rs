//! The runner and time. The runner is polled only after its waker was called, as by a runtime, so that a
//! lost wake-up shows as a late delivery.

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{World, noop_context};
use crate::failure::{Failure, ensure};

/// Resolution of the runtime's timers, in microseconds: they fire late by less than this.
pub(super) const TIMER: u64 = 1_000;

/// Most polls of the runner without a pause.
const MANY: u64 = 20_000;

impl World<'_> {
    /// Polls the runner once if it was woken; it publishes at most a few batches.
    pub(super) fn step(&mut self) -> Result<(), Failure> {
        if self.runner_flag.is_woken() { self.poll_runner() } else { Ok(()) }
    }

    fn poll_runner(&mut self) -> Result<(), Failure> {
        let Some(runner) = &mut self.runner else { return Ok(()) };
        self.runner_flag.set(false);
        let waker = Waker::from(self.runner_flag.clone());
        let polled = runner.as_mut().poll(&mut Context::from_waker(&waker));
        if polled.is_ready() {
            self.runner = None;
        }
        let now = self.now();
        self.bus.settle(now);
        let ledger = self.status.ledger();
        let mut handed = (ledger.delivered + ledger.in_flight) - self.bus.delivered;
        let mut expired = ledger.expired - self.bus.lost.0[6];
        let head = self.status.head();
        while handed + expired > 0 || head > self.log.head {
            // The next batch settles the one before.
            self.bus.settle(now);
            (handed, expired) = self.hand(head, handed, expired, now)?;
        }
        // A runner that waits, or has ended, has settled its last batch.
        if polled.is_ready() || !self.runner_flag.is_woken() {
            self.bus.settle(now);
        }
        self.expect_ledger()
    }

    /// Checks a batch that was published: it must be due and have expected updates. `handed` and `expired` are those
    /// of this batch and of others behind it. Returns what is left for the others.
    fn hand(
        &mut self,
        head: u64,
        handed: u64,
        expired: u64,
        now: u64,
    ) -> Result<(u64, u64), Failure> {
        ensure!(
            "early",
            self.bus.may_be_due(now),
            "a batch of {handed} is published at {now} µs, before the deadline {:?}",
            self.bus.next_deadline()
        );
        if let Some(unattributed) = self.abandoned {
            if let Some(lost) = self.bus.final_losses() {
                ensure!("position", head > self.log.head, "no position for {lost:?}");
                self.log.report_abandoned(&lost, head, unattributed, now);
            }
            return Ok((0, 0));
        }
        let batch = self.bus.hand(now);
        let size = batch.updates.len() as u64;
        ensure!(
            "batch",
            size <= handed
                && batch.expired <= expired
                && (size + batch.expired > 0 || batch.lost.is_some()),
            "{handed} published and {expired} expired, expected {size} and {}",
            batch.expired
        );
        if let Some(lost) = &batch.lost {
            self.log.report(lost, self.log.head + 1, now);
        }
        let first = self.log.head + 1;
        self.log.deliver(&batch.updates);
        for (queued, seq) in batch.updates.iter().zip(first..) {
            self.retained.set(queued, seq, now, self.log.floor);
            self.forgetting.deliver(queued.update.topic.conversation, now);
        }
        self.forgetting.look(now, self.log.head, self.runner.is_none(), &mut self.retained);
        ensure!("head", head >= self.log.head, "the head is {head}, expected {}", self.log.head);
        Ok((handed - size, expired - batch.expired))
    }

    /// Polls the runner until it waits; then nothing may be due.
    pub(super) fn quiet(&mut self) -> Result<(), Failure> {
        let mut steps = 0;
        while self.runner_flag.is_woken() && self.runner.is_some() {
            self.poll_runner()?;
            steps += 1;
            ensure!("restless", steps < MANY, "the runner never waits");
        }
        let now = self.now();
        let late = self.runner.is_some() && self.bus.must_be_due(now.saturating_sub(TIMER));
        ensure!(
            "late",
            !late,
            "the runner waits at {now} µs with {} queued and {} losses, after the deadline {:?}",
            self.bus.queue.len(),
            self.bus.unreported(),
            self.bus.next_deadline()
        );
        self.expect_woken()?;
        self.tick()
    }

    /// Time passes; only tasks of the runtime run.
    pub(super) fn advance(&mut self, span: Duration) -> Result<(), Failure> {
        self.runtime.block_on(tokio::time::advance(span));
        self.read_handled()
    }

    /// Time passes; the runner is polled at every deadline.
    pub(super) fn pass(&mut self, span: Duration) -> Result<(), Failure> {
        self.quiet()?;
        let end = self.now() + span.as_micros() as u64;
        let mut turns = 0;
        while self.now() < end {
            let now = self.now();
            let next = self.bus.next_deadline().map_or(end, |at| at + TIMER);
            let to = if next > now { next.min(end) } else { end };
            self.advance(Duration::from_micros(to - now))?;
            self.quiet()?;
            turns += 1;
            ensure!("restless", turns < MANY, "time does not pass");
        }
        Ok(())
    }

    /// Runs the tasks of the runtime.
    fn tick(&mut self) -> Result<(), Failure> {
        if self.readers.iter().any(super::read::Reader::is_handled) {
            self.runtime.block_on(async {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
            });
            self.read_handled()?;
            for index in 0..self.readers.len() {
                self.expect_handled(index)?;
            }
        }
        Ok(())
    }

    /// A flush returns when everything that was sent before is delivered.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        let status = self.status.clone();
        let mut flush = Box::pin(async move { status.flush().await });
        let mut polled = flush.as_mut().poll(&mut noop_context());
        let now = self.now();
        self.bus.flush(now);
        self.quiet()?;
        if polled.is_pending() {
            polled = flush.as_mut().poll(&mut noop_context());
        }
        ensure!("flush", polled == Poll::Ready(()), "a flush does not return");
        Ok(())
    }
}
