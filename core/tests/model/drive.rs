//! Makes each call on both, and compares.

use std::fmt::Debug;
use std::time::Duration;

use statusbus_core::{
    Accepted, Batch, Bus, Category, FlushMark, Instant, Item, KeyMode, Keyed, Polled, Slot,
};

use crate::case::{CATEGORIES, Call, Case, Stored};
use crate::flight::Flight;
use crate::naive::{Naive, Out};
use crate::observed::{Buffer, Events, Pushed, SeenBatch, SeenGap, age};
use crate::tally::GAPS;

type Slots<U> = Box<[Slot<U>]>;

struct Both<K: KeyMode, const RANKED: bool> {
    bus: Bus<Stored<K, RANKED>, Slots<Stored<K, RANKED>>, Events, CATEGORIES, GAPS>,
    buffers: [Buffer<Stored<K, RANKED>>; 2],
    naive: Naive,
    flights: [Flight; 2],
    /// Marks of both, and the updates that were queued when they were given.
    marks: Vec<(FlushMark, u64, Vec<u32>)>,
    /// When the poller wants to poll again, as it was answered last.
    next_poll: Option<u128>,
}

/// Runs a case; the error shows what differs.
pub(crate) fn run<K: KeyMode, const RANKED: bool>(case: &Case) -> Result<(), String> {
    let keyed = std::any::type_name::<K>() == std::any::type_name::<Keyed>();
    let slots = (0..case.slots).map(|_| Slot::VACANT).collect();
    let items = |capacity| Batch::with_items((0..capacity).map(|_| Item::VACANT).collect());
    let mut both = Both::<K, RANKED> {
        bus: Bus::with_slots(slots, case.knobs.config(), Events::default()),
        buffers: case.buffers.map(items),
        naive: Naive::new(keyed, RANKED, case.slots, case.knobs),
        flights: case.buffers.map(Flight::new),
        marks: Vec::new(),
        next_poll: None,
    };
    for (step, &(reading, call)) in case.calls.iter().enumerate() {
        let depth = case.depths.then_some(Call::Depth);
        let mut calls = [Some(call), depth].into_iter().flatten();
        let outcome = calls.try_for_each(|call| both.call(call, reading));
        let outcome = outcome.and_then(|()| both.compare());
        outcome.map_err(|why| format!("after call {step}, {call:?} at {reading}: {why}"))?;
    }
    let last = case.calls.last().map_or(0, |&(reading, _)| reading);
    both.end(last, case.sink_fails).map_err(|why| format!("at the end: {why}"))
}

impl<K: KeyMode, const RANKED: bool> Both<K, RANKED> {
    fn call(&mut self, call: Call, reading: u64) -> Result<(), String> {
        let now = Instant::from_micros(reading);
        let Self { bus, buffers, naive, flights, .. } = self;
        match call {
            Call::Push(sent) => {
                let mut update = Stored::new(sent);
                let mut read = false;
                let outcome = bus.push(&mut update, sent.options(), || {
                    read = true;
                    now
                });
                let pushed = Pushed::of(outcome, update.sent);
                let (expected, needed) = naive.push(sent, reading);
                same("push", (pushed, read), (Some(expected), needed))?;
            }
            Call::Poll(at) => self.poll(at, usize::MAX, reading)?,
            Call::PollPart(at, most) => self.poll(at, most, reading)?,
            Call::Settle(at, accepted) => {
                bus.settle(&mut buffers[at], accepted, now);
                naive.settle(&mut flights[at], accepted, reading);
            }
            Call::SettleOne(at, place) => {
                let seq = flights[at].first_seq.saturating_add(place);
                let back = bus.settle_one(&mut buffers[at], seq, now);
                let back = back.map(|update| update.sent.id);
                same("back", back, naive.settle_one(&mut flights[at], seq, reading))?;
            }
            Call::Receipt(at, accepted) => {
                let receipt = buffers[at].take_receipt();
                bus.settle_receipt(receipt, accepted, now);
                naive.settle_receipt(&mut flights[at], accepted, reading);
                let shown = SeenBatch::of(&buffers[at], false);
                same("kept", shown.updates, flights[at].left().collect::<Vec<_>>())?;
                buffers[at].clear();
                flights[at] = Flight::new(flights[at].capacity);
            }
            Call::ConfirmLosses(at, count) => {
                bus.confirm_losses(&buffers[at], count);
                naive.confirm_losses(&flights[at], count);
            }
            Call::Flush => {
                let queued = naive.queued().collect();
                self.marks.push((bus.flush(now), naive.flush(reading), queued));
            }
            Call::Close => {
                bus.close(now);
                naive.close(reading);
            }
            Call::Reconfigure(knobs) => {
                let mut left = Vec::new();
                bus.reconfigure(knobs.config(), |it, loss| left.push((it.sent, loss)), now);
                same("left", left, naive.reconfigure(knobs, reading))?;
            }
            Call::Category(index, priority, ttl) => {
                let category = Category::from_index(index).ok_or("no category")?;
                bus.reconfigure_category(category, priority, ttl.map(Duration::from_micros));
                naive.reconfigure_category(index, priority, ttl);
            }
            Call::Categories(count) => {
                bus.set_categories(count);
                naive.set_categories(count);
            }
            Call::Refuse(reason) => {
                bus.refuse(reason);
                naive.refuse(reason);
            }
            Call::TakeWake => same("wake", bus.take_wake(), naive.take_wake())?,
            Call::Depth => {
                let depth = bus.depth();
                let oldest = age(depth.oldest.as_micros() as u64);
                same("depth", (depth.queued, depth.peak, oldest), naive.depth())?;
            }
        }
        Ok(())
    }

    fn poll(&mut self, at: usize, most: usize, reading: u64) -> Result<(), String> {
        let mut expired = Vec::new();
        let now = Instant::from_micros(reading);
        let show = |update: &mut Stored<K, RANKED>| expired.push(update.sent);
        let out = match self.bus.poll_part(&mut self.buffers[at], most, show, now) {
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
        let Self { bus, buffers, naive, flights, .. } = self;
        let ledger = bus.ledger();
        same("balance", ledger.is_balanced(), true)?;
        same("ledger", ledger, naive.ledger())?;
        same("seq", bus.seq(), naive.seq())?;
        same("poll_at", bus.poll_at().map(Instant::as_micros), naive.poll_at())?;
        same("drained", bus.is_drained(), naive.is_drained())?;
        same("overflow", bus.is_overflowing(), naive.is_overflowing())?;
        same("telemetry", std::mem::take(&mut bus.telemetry().0), naive.events())?;
        for (buffer, flight) in buffers.iter().zip(flights.iter()) {
            let expected = flight.seen();
            same("length", buffer.len(), expected.updates.len())?;
            same("batch", SeenBatch::of(buffer, expected.reason.is_some()), expected)?;
            let gap = bus.gap(buffer).map(SeenGap::of);
            same("gap", gap, naive.gap(flight).cloned())?;
        }
        for (mark, expected, queued) in &self.marks {
            let flushed = bus.is_flushed(*mark);
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
            self.call(Call::Settle(at, Accepted::All), reading)?;
        }
        self.call(Call::Close, reading)?;
        let now = Instant::from_micros(reading);
        let mut batch: Buffer<Stored<K, RANKED>> =
            Batch::with_items(Box::new([const { Item::VACANT }; 3]));
        let mut polls = 0;
        while self.bus.poll(&mut batch, now) == Polled::Batch {
            same("drained too early", self.bus.is_drained(), false)?;
            let accepted = if sink_fails { Accepted::First(0) } else { Accepted::All };
            self.bus.settle(&mut batch, accepted, now);
            polls += 1;
            same("spinning", polls > 20, false)?;
        }
        let ledger = self.bus.ledger();
        let left = (ledger.queued, ledger.in_flight, ledger.is_balanced());
        same("left", left, (0, 0, true))?;
        same("sent", ledger.sent, self.naive.ledger().sent)?;
        same("drained", self.bus.is_drained(), true)?;
        let unflushed = self.marks.iter().any(|(mark, ..)| !self.bus.is_flushed(*mark));
        same("unflushed", unflushed, false)
    }
}

fn same<T: Debug + PartialEq>(what: &str, is: T, expected: T) -> Result<(), String> {
    if is == expected {
        return Ok(());
    }
    Err(format!("{what} differs\n    core:  {is:?}\n    model: {expected:?}"))
}
