//! Makes each call on both, and compares.

use std::fmt::Debug;

use statusbus_core::{Accepted, Category, FlushMark, Instant, KeyMode, Keyed, Polled};

use crate::case::{Call, Case};
use crate::flight::Flight;
use crate::host::HostQueue;
use crate::naive::{Naive, Out};
use crate::observed::age;
use crate::subject::{BusAndBuffers, Subject};

/// The buffer with which a case ends.
const LAST: usize = 2;

struct Both<S> {
    subject: S,
    naive: Naive,
    flights: [Flight; 2],
    /// Marks of both, and the updates that were queued when they were given.
    marks: Vec<(FlushMark, u64, Vec<u32>)>,
    /// When the poller wants to poll again, as it was answered last.
    next_poll: Option<u128>,
}

/// Runs a case on a bus; the error shows what differs.
pub(crate) fn run<K: KeyMode, const RANKED: bool>(case: &Case) -> Result<(), String> {
    run_on::<BusAndBuffers<K, RANKED>, K>(case, RANKED)
}

/// Runs a case on a queue of a host.
pub(crate) fn run_host<K: KeyMode, const RANKED: bool>(case: &Case) -> Result<(), String> {
    run_on::<HostQueue<K, RANKED>, K>(case, RANKED)
}

fn run_on<S: Subject, K: KeyMode>(case: &Case, ranked: bool) -> Result<(), String> {
    let keyed = std::any::type_name::<K>() == std::any::type_name::<Keyed>();
    let mut both = Both {
        subject: S::new(case),
        naive: Naive::new(keyed, ranked, case.slots, case.knobs),
        flights: case.buffers.map(Flight::new),
        marks: Vec::new(),
        next_poll: None,
    };
    for (step, &(reading, call)) in case.calls.iter().enumerate() {
        let depth = case.depths.then_some(Call::Depth);
        let mut calls = [Some(call), depth].into_iter().flatten();
        let outcome = calls.try_for_each(|call| both.step(call, reading));
        outcome.map_err(|why| format!("after call {step}, {call:?} at {reading}: {why}"))?;
    }
    let last = case.calls.last().map_or(0, |&(reading, _)| reading);
    both.end(last, case.sink_fails).map_err(|why| format!("at the end: {why}"))
}

impl<S: Subject> Both<S> {
    /// Makes a call, and compares, also in front of it if a stretch of updates ends there.
    fn step(&mut self, call: Call, reading: u64) -> Result<(), String> {
        if self.subject.is_behind() && !self.subject.goes_on(&call) {
            self.subject.catch_up();
            self.compare()?;
        }
        self.call(call, reading)?;
        if self.subject.is_behind() { Ok(()) } else { self.compare() }
    }

    fn call(&mut self, call: Call, reading: u64) -> Result<(), String> {
        let now = Instant::from_micros(reading);
        let Self { subject, naive, flights, .. } = self;
        match call {
            Call::Push(sent) => {
                let pushed = subject.push(sent, now);
                let (expected, needed) = naive.push(sent, reading);
                same("push", pushed, (Some(expected), needed))?;
            }
            Call::Poll(at) => self.poll(at, usize::MAX, reading)?,
            Call::PollPart(at, most) => self.poll(at, most, reading)?,
            Call::Settle(at, accepted) => {
                subject.settle(at, accepted, now);
                naive.settle(&mut flights[at], accepted, reading);
            }
            Call::SettleOne(at, place) => {
                let seq = flights[at].first_seq.saturating_add(place);
                let back = subject.settle_one(at, seq, now);
                same("back", back, naive.settle_one(&mut flights[at], seq, reading))?;
            }
            Call::Receipt(at, accepted) => {
                let kept = subject.settle_receipt(at, accepted, now);
                naive.settle_receipt(&mut flights[at], accepted, reading);
                same("kept", kept, flights[at].left().collect::<Vec<_>>())?;
                flights[at] = Flight::new(flights[at].capacity);
            }
            Call::ConfirmLosses(at, count) => {
                subject.confirm_losses(at, count);
                naive.confirm_losses(&flights[at], count);
            }
            Call::Flush => {
                let queued = naive.queued().collect();
                self.marks.push((subject.flush(now), naive.flush(reading), queued));
            }
            Call::Close => {
                subject.close(now);
                naive.close(reading);
            }
            Call::Reconfigure(knobs) => {
                let left = subject.reconfigure(knobs.config(), now);
                same("left", left, naive.reconfigure(knobs, reading))?;
            }
            Call::Category(index, priority, ttl) => {
                let category = Category::from_index(index).ok_or("no category")?;
                subject.reconfigure_category(category, priority, ttl);
                naive.reconfigure_category(index, priority, ttl);
            }
            Call::Categories(count) => {
                subject.set_categories(count);
                naive.set_categories(count);
            }
            Call::Refuse(reason) => {
                subject.refuse(reason);
                naive.refuse(reason);
            }
            Call::TakeWake => same("wake", subject.take_wake(), naive.take_wake())?,
            Call::Depth => {
                let depth = subject.depth();
                let oldest = age(depth.oldest.as_micros() as u64);
                same("depth", (depth.queued, depth.peak, oldest), naive.depth())?;
            }
        }
        Ok(())
    }

    fn poll(&mut self, at: usize, most: usize, reading: u64) -> Result<(), String> {
        let mut expired = Vec::new();
        let now = Instant::from_micros(reading);
        let out = match self.subject.poll(at, most, &mut expired, now) {
            Polled::Wait(at) => Out::Wait(at.map(Instant::as_micros)),
            Polled::More => Out::More,
            Polled::Batch => Out::Batch,
        };
        let expected = self.naive.poll(&mut self.flights[at], most, reading);
        same("poll", (out, expired), expected)?;
        if let Out::Wait(_) = out {
            self.next_poll = self.naive.wanted();
        }
        Ok(())
    }

    /// Everything that can be seen at any time.
    fn compare(&mut self) -> Result<(), String> {
        let Self { subject, naive, flights, .. } = self;
        let ledger = subject.ledger();
        same("balance", ledger.is_balanced(), true)?;
        same("ledger", ledger, naive.ledger())?;
        same("seq", subject.seq(), naive.seq())?;
        same("poll_at", subject.poll_at().map(Instant::as_micros), naive.poll_at())?;
        same("drained", subject.is_drained(), naive.is_drained())?;
        same("overflow", subject.is_overflowing(), naive.is_overflowing())?;
        same("telemetry", subject.events(), naive.events())?;
        for (at, flight) in flights.iter().enumerate() {
            let expected = flight.seen();
            same("length", subject.len(at), expected.updates.len())?;
            same("batch", subject.batch(at, expected.reason.is_some()), expected)?;
            same("gap", subject.gap(at), naive.gap(flight).cloned())?;
        }
        for (mark, expected, queued) in &self.marks {
            let flushed = subject.is_flushed(*mark);
            same("flushed", flushed, naive.is_flushed(*expected))?;
            let waits = naive.queued().any(|id| queued.contains(&id));
            same("flushed too early", flushed && waits, false)?;
        }
        // a poller that sleeps is not wanted sooner than it was answered
        let wanted = |at: Option<u128>| at.unwrap_or(u128::MAX);
        let overslept = naive.is_asleep() && wanted(naive.wanted()) < wanted(self.next_poll);
        same("overslept", overslept, false)
    }

    /// Closes and polls until nothing is left, with a sink that works or one that fails for ever.
    fn end(&mut self, reading: u64, sink_fails: bool) -> Result<(), String> {
        for at in 0..2 {
            self.step(Call::Settle(at, Accepted::All), reading)?;
        }
        self.step(Call::Close, reading)?;
        let now = Instant::from_micros(reading);
        let subject = &mut self.subject;
        let mut polls = 0;
        while subject.poll(LAST, usize::MAX, &mut Vec::new(), now) == Polled::Batch {
            same("drained too early", subject.is_drained(), false)?;
            let accepted = if sink_fails { Accepted::First(0) } else { Accepted::All };
            subject.settle(LAST, accepted, now);
            polls += 1;
            same("spinning", polls > 20, false)?;
        }
        let ledger = subject.ledger();
        let left = (ledger.queued, ledger.in_flight, ledger.is_balanced());
        same("left", left, (0, 0, true))?;
        same("sent", ledger.sent, self.naive.ledger().sent)?;
        same("drained", subject.is_drained(), true)?;
        let unflushed = self.marks.iter().any(|(mark, ..)| !subject.is_flushed(*mark));
        same("unflushed", unflushed, false)
    }
}

fn same<T: Debug + PartialEq>(what: &str, is: T, expected: T) -> Result<(), String> {
    if is == expected {
        return Ok(());
    }
    Err(format!("{what} differs\n    core:  {is:?}\n    model: {expected:?}"))
}
