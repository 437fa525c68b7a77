//! The end of a bus and the final accounts.

use std::future::Future;
use std::task::Poll;
use std::time::Duration;

use super::{World, noop_context};
use crate::coverage::cover;
use crate::failure::{Failure, ensure};
use crate::operation::Ending;
use crate::oracle::Source;

/// Longer than any scenario.
const LONG: Duration = Duration::from_secs(1 << 30);

impl World<'_> {
    pub(super) fn end(&mut self, ending: Ending) -> Result<(), Failure> {
        if std::mem::replace(&mut self.ended, true) {
            return Ok(());
        }
        let status = self.status.clone();
        if self.bus.queue.len() > 1 && self.bus.in_flight > 0 {
            cover("closed with a batch in flight");
        }
        match ending {
            Ending::Shutdown => {
                let mut shutdown = Box::pin(async move { status.shutdown(LONG).await });
                let polled = shutdown.as_mut().poll(&mut noop_context());
                ensure!("shutdown", polled.is_pending(), "it returned before the runner ended");
                let now = self.now();
                self.bus.close(now);
                self.shutdown = Some(shutdown);
            }
            Ending::ShutdownAtOnce => {
                let mut shutdown = Box::pin(async move { status.shutdown(Duration::ZERO).await });
                let mut polled = shutdown.as_mut().poll(&mut noop_context());
                for _ in 0..3 {
                    if polled.is_pending() {
                        self.advance(Duration::from_millis(1))?;
                        polled = shutdown.as_mut().poll(&mut noop_context());
                    }
                }
                ensure!("shutdown", polled.is_ready(), "it waits longer than its deadline");
                let now = self.now();
                self.abandoned = Some(self.bus.abandon(now));
            }
            Ending::RunnerGoes => {
                let now = self.now();
                self.bus.settle(now);
                self.runner = None;
                let unattributed = self.bus.abandon(now);
                self.abandoned = Some(unattributed);
                let head = self.status.head();
                if let Some(lost) = self.bus.final_losses() {
                    ensure!("position", head > self.log.head, "no position for {lost:?}");
                    self.log.report_abandoned(&lost, head, unattributed, now);
                }
            }
        }
        self.expect_ledger()
    }

    /// Ends the bus unless it has ended, and reads the rest.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.end(Ending::Shutdown)?;
        self.quiet()?;
        ensure!("end", self.runner.is_none(), "the runner of a closed bus does not end");
        self.look()?;
        for index in 0..self.readers.len() {
            self.read_plainly(index)?;
            self.expect_handled(index)?;
            ensure!("end", self.readers[index].is_at_end(), "a reader does not reach the end");
            self.expect_account(index)?;
        }
        let (readers, unread) = (self.status.readers(), self.status.unread());
        ensure!("end", (readers, unread) == (0, 0), "{readers} readers, {unread} unread");
        self.look()?;
        if let Some(mut shutdown) = self.shutdown.take() {
            let Poll::Ready(ledger) = shutdown.as_mut().poll(&mut noop_context()) else {
                return Err(Failure { rule: "shutdown", detail: "it does not return".into() });
            };
            ensure!("shutdown", ledger == self.status.ledger(), "it returns {ledger:?}");
        }
        if self.panics.so_far() > 0 {
            cover("panic contained");
        }
        let ledger = self.status.ledger();
        if ledger.dropped.shrunk > 0 {
            cover("shrunk");
        }
        ensure!("end", (ledger.queued, ledger.in_flight) == (0, 0), "{ledger:?}");
        self.expect_ledger()
    }

    /// A reader of everything accounts exactly for every update. A reader of one conversation does so
    /// up to the losses of the whole bus, which may belong to other conversations.
    fn expect_account(&self, index: usize) -> Result<(), Failure> {
        let reader = &self.readers[index];
        let (oracle, baseline, ledger) = (&reader.oracle, reader.baseline(), self.status.ledger());
        if !oracle.is_complete {
            return Ok(());
        }
        let (seen, missed, reported) = (oracle.seen, oracle.missed, oracle.reported.total());
        match oracle.source {
            Source::Everything => {
                let delivered = ledger.delivered - baseline.published;
                let lost = ledger.expired + ledger.dropped.total() - baseline.reported;
                ensure!(
                    "account",
                    seen + missed + reported == delivered + lost,
                    "{seen} seen, {missed} missed, {reported} reported, of {delivered} delivered and {lost} lost"
                );
            }
            Source::Conversation(number) if baseline.idle && self.abandoned != Some(true) => {
                let sent = self.sent[number] - baseline.sent;
                let merged = self.merged[number] - baseline.merged;
                let of_bus = oracle.reported_for_bus.total();
                let known = seen + missed + merged + reported - of_bus;
                ensure!(
                    "account",
                    (known..=known + of_bus).contains(&sent),
                    "{seen} seen, {missed} missed, {merged} merged, {reported} reported, {of_bus} of these for the bus, of {sent} sent"
                );
            }
            Source::Conversation(_) => {}
        }
        Ok(())
    }
}
