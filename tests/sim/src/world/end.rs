//! How a bus ends, and what must hold then.

use std::future::Future;
use std::task::Poll;
use std::time::Duration;

use super::{World, nobody};
use crate::failure::{Failure, ensure};
use crate::marks::mark;
use crate::operation::Ending;
use crate::oracle::Source;

/// More time than a scenario has.
const LONG: Duration = Duration::from_secs(1 << 30);

impl World<'_> {
    pub(super) fn end(&mut self, ending: Ending) -> Result<(), Failure> {
        if std::mem::replace(&mut self.ended, true) {
            return Ok(());
        }
        let status = self.status.clone();
        if self.bus.queue.len() > 1 && self.bus.in_flight > 0 {
            mark("close amid");
        }
        match ending {
            Ending::Shutdown => {
                let mut shutdown = Box::pin(async move { status.shutdown(LONG).await });
                let polled = shutdown.as_mut().poll(&mut nobody());
                ensure!("shutdown", polled.is_pending(), "it has not waited for the runner");
                let now = self.now();
                self.bus.close(now);
                self.shutdown = Some(shutdown);
            }
            Ending::ShutdownAtOnce => {
                let mut shutdown = Box::pin(async move { status.shutdown(Duration::ZERO).await });
                let mut polled = shutdown.as_mut().poll(&mut nobody());
                for _ in 0..3 {
                    if polled.is_pending() {
                        self.advance(Duration::from_millis(1))?;
                        polled = shutdown.as_mut().poll(&mut nobody());
                    }
                }
                ensure!("shutdown", polled.is_ready(), "it waits longer than it may");
                let now = self.now();
                self.abandoned = Some(self.bus.abandon(now));
            }
            Ending::RunnerGoes => {
                let now = self.now();
                self.bus.settle(now);
                self.runner = None;
                let vague = self.bus.abandon(now);
                self.abandoned = Some(vague);
                let head = self.status.head();
                if let Some(lost) = self.bus.last_words() {
                    ensure!("position", head > self.log.head, "no position for {lost:?}");
                    self.log.tell(&lost, head, vague);
                }
            }
        }
        self.expect_ledger()
    }

    /// Ends the bus if that was not done, and reads what is left.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.end(Ending::Shutdown)?;
        self.quiet()?;
        ensure!("end", self.runner.is_none(), "the runner of a closed bus does not end");
        self.look()?;
        for index in 0..self.readers.len() {
            self.read_plainly(index)?;
            self.expect_handled(index)?;
            ensure!("end", self.readers[index].is_at_end(), "a reader does not come to the end");
            self.expect_account(index)?;
        }
        let (readers, unread) = (self.status.readers(), self.status.unread());
        ensure!("end", (readers, unread) == (0, 0), "{readers} readers, {unread} unread");
        self.look()?;
        if let Some(mut shutdown) = self.shutdown.take() {
            let Poll::Ready(ledger) = shutdown.as_mut().poll(&mut nobody()) else {
                return Err(Failure { rule: "shutdown", detail: "it does not return".into() });
            };
            ensure!("shutdown", ledger == self.status.ledger(), "it returns {ledger:?}");
        }
        if self.panics.so_far() > 0 {
            mark("panic contained");
        }
        let ledger = self.status.ledger();
        if ledger.dropped.shrunk > 0 {
            mark("shrunk");
        }
        ensure!("end", (ledger.queued, ledger.in_flight) == (0, 0), "{ledger:?}");
        self.expect_ledger()
    }

    /// Whoever reads everything accounts exactly for every update. Whoever reads one conversation
    /// does but for the losses of the whole bus, which may be others'.
    fn expect_account(&self, index: usize) -> Result<(), Failure> {
        let reader = &self.readers[index];
        let (oracle, begun, ledger) = (&reader.oracle, reader.begun_at(), self.status.ledger());
        if !oracle.is_plain {
            return Ok(());
        }
        let (seen, missed, told) = (oracle.seen, oracle.missed, oracle.told.total());
        match oracle.source {
            Source::Everything => {
                let delivered = ledger.delivered - begun.published;
                let lost = ledger.expired + ledger.dropped.total() - begun.told;
                ensure!(
                    "account",
                    seen + missed + told == delivered + lost,
                    "{seen} seen, {missed} missed, {told} told, of {delivered} delivered and {lost} lost"
                );
            }
            Source::Conversation(number) if begun.idle && self.abandoned != Some(true) => {
                let sent = self.sent[number] - begun.sent;
                let merged = self.merged[number] - begun.merged;
                let of_bus = oracle.told_of_bus.total();
                let known = seen + missed + merged + told - of_bus;
                ensure!(
                    "account",
                    (known..=known + of_bus).contains(&sent),
                    "{seen} seen, {missed} missed, {merged} merged, {told} told, {of_bus} of them of all, of {sent} sent"
                );
            }
            Source::Conversation(_) => {}
        }
        Ok(())
    }
}
