//! Makes each call on both, and compares.

use std::fmt::Debug;
use std::time::Duration;

use statusbus_core::{
    Batch, Bus, Category, Depth, Facts as AskedFacts, FlushMark, Instant, Item, KeyMode, Keyed,
    Place, Slot, Topic,
};

use crate::flight::Flight;
use crate::naive::Naive;
use crate::said::{CATEGORIES, Call, Case, Said};
use crate::seen::{Became, Buffer, ByTopic, Ears, SeenBatch, SeenGap, SeenUpdate};
use crate::tally::TOLD;

type Slots<U> = Box<[Slot<U>]>;

struct Both<K: KeyMode, const RANKED: bool> {
    bus: Bus<Said<K, RANKED>, Slots<Said<K, RANKED>>, Ears, CATEGORIES, TOLD>,
    buffers: [Buffer<Said<K, RANKED>>; 2],
    naive: Naive,
    flights: [Flight; 2],
    /// Marks of both, and the updates that were queued when they were given.
    marks: Vec<(FlushMark, u64, Vec<u32>)>,
    /// What whoever polls was told when it went to sleep.
    told: Option<u64>,
}

/// Runs a case; the error says what differs.
pub(crate) fn run<K: KeyMode, const RANKED: bool>(case: &Case) -> Result<(), String> {
    let keyed = std::any::type_name::<K>() == std::any::type_name::<Keyed>();
    let slots = (0..case.slots).map(|_| Slot::VACANT).collect();
    let items = |capacity| Batch::with_items((0..capacity).map(|_| Item::VACANT).collect());
    let mut both = Both::<K, RANKED> {
        bus: Bus::with_slots(slots, case.knobs.config(), Ears::default()),
        buffers: case.buffers.map(items),
        naive: Naive::new(keyed, RANKED, case.slots, case.knobs),
        flights: case.buffers.map(Flight::new),
        marks: Vec::new(),
        told: None,
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
            Call::Push(facts) => {
                let update = Said::new(facts);
                let last = bus.last_reading(&update).map(Instant::as_micros);
                same("last reading", last, naive.last_reading(&facts))?;
                let became = Became::from(bus.push(update, now));
                same("push", became, naive.push(facts, reading))?;
            }
            Call::Offer(facts) => {
                let said = Said::new(facts);
                let asked = AskedFacts::of(&said);
                let (mut place, mut read) = (Place::new(said), false);
                let outcome = bus.offer(&mut place, asked, || {
                    read = true;
                    now
                });
                let became = Became::of(outcome, place.take().map(|back| back.facts));
                let (expected, needed) = naive.offer(facts, reading);
                same("offer", (became, read), (Some(expected), needed))?;
            }
            Call::Poll(at) => {
                let mut expired = Vec::new();
                let buffer = &mut buffers[at];
                let due = bus.poll_with(buffer, |update| expired.push(update.facts), now);
                let expected = naive.poll(&mut flights[at], reading);
                same("poll", due.then_some(expired), expected)?;
                same("by topic", topics(buffer), SeenBatch::of(buffer, due).topics())?;
                self.told = naive.wanted();
            }
            Call::Delivered(at) => {
                bus.delivered(&mut buffers[at], now);
                naive.delivered(&mut flights[at], reading);
            }
            Call::Failed(at, accepted) => {
                bus.failed(&mut buffers[at], accepted, now);
                naive.failed(&mut flights[at], accepted, reading);
            }
            Call::FailedAt(at, place) => {
                let first = flights[at].updates.first().map_or(1, |first| first.seq);
                let seq = first + place;
                let back = bus.failed_at(&mut buffers[at], seq, now);
                let back = back.map(|update| update.facts.id);
                same("left out", back, naive.failed_at(&mut flights[at], seq, reading))?;
                let buffer = &mut buffers[at];
                same("by topic", topics(buffer), SeenBatch::of(buffer, true).topics())?;
            }
            Call::GiveAway(at, accepted) => {
                let buffer = &mut buffers[at];
                let items = (0..buffer.capacity()).map(|_| Item::VACANT).collect();
                drop(buffer.take_gap());
                let (updates, receipt) = buffer.detach(items);
                let given =
                    updates.iter().map(|handed| SeenUpdate::of(&handed, handed.update.facts));
                same("given away", given.collect(), flights[at].left().collect::<Vec<_>>())?;
                match accepted {
                    9 => bus.settle(receipt, now),
                    _ => bus.settle_failed(receipt, accepted, now),
                }
                naive.given_away(&mut flights[at], accepted, reading);
            }
            Call::TakeOut(at, count) => {
                let out = buffers[at].drain().take(count);
                let out = out.map(|handed| SeenUpdate::of(&handed, handed.update.facts));
                same("taken out", out.collect(), flights[at].take_out(count))?;
                let buffer = &mut buffers[at];
                same("by topic", topics(buffer), SeenBatch::of(buffer, true).topics())?;
            }
            Call::TakeGap(at) => {
                let gap = buffers[at].take_gap();
                same("gap", gap.as_ref().map(SeenGap::of), flights[at].take_gap())?;
            }
            Call::ConfirmLosses(at, count) => {
                buffers[at].confirm_losses(count);
                flights[at].confirm_losses(count);
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
                bus.reconfigure(knobs.config(), |it, loss| left.push((it.facts, loss)), now);
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
                let Depth { queued, peak, oldest } = bus.depth();
                let depth = (queued, peak, oldest.as_micros() as u64);
                same("depth", depth, naive.depth())?;
            }
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
        same("telemetry", std::mem::take(&mut bus.telemetry().0), naive.heard())?;
        for (buffer, flight) in buffers.iter().zip(flights.iter()) {
            let expected = flight.seen();
            same("length", buffer.len(), expected.updates.len())?;
            same("batch", SeenBatch::of(buffer, expected.reason.is_some()), expected)?;
        }
        for (mark, expected, queued) in &self.marks {
            let flushed = bus.is_flushed(*mark);
            same("flushed", flushed, naive.is_flushed(*expected))?;
            same("flushed up to", bus.flushed() >= *mark, flushed)?;
            let waits = naive.queued().any(|id| queued.contains(&id));
            same("flushed too early", flushed && waits, false)?;
        }
        // whoever sleeps is not wanted sooner than it was told
        let wanted = |at: Option<u64>| at.unwrap_or(u64::MAX);
        let overslept = naive.is_asleep() && wanted(naive.wanted()) < wanted(self.told);
        same("overslept", overslept, false)
    }

    /// Closes and polls until nothing is left, with a sink that works or one that fails for ever.
    fn end(&mut self, reading: u64, sink_fails: bool) -> Result<(), String> {
        for at in 0..2 {
            self.call(Call::Delivered(at), reading)?;
        }
        self.call(Call::Close, reading)?;
        let mut batch: Buffer<Said<K, RANKED>> =
            Batch::with_items(Box::new([const { Item::VACANT }; 3]));
        let mut polls = 0;
        while self.bus.poll(&mut batch, Instant::from_micros(reading)) {
            same("drained too early", self.bus.is_drained(), false)?;
            match sink_fails {
                true => self.bus.failed(&mut batch, 0, Instant::from_micros(reading)),
                false => self.bus.delivered(&mut batch, Instant::from_micros(reading)),
            }
            polls += 1;
            same("spinning", polls > 20, false)?;
        }
        let ledger = self.bus.ledger();
        let left = (ledger.queued, ledger.in_flight, ledger.is_balanced());
        same("left", left, (0, 0, true))?;
        same("drained", self.bus.is_drained(), true)?;
        let unflushed = self.marks.iter().any(|(mark, ..)| !self.bus.is_flushed(*mark));
        same("unflushed", unflushed, false)
    }
}

fn topics<K: KeyMode, const RANKED: bool>(buffer: &mut Buffer<Said<K, RANKED>>) -> ByTopic {
    let updates = |topic: Topic<'_, Said<K, RANKED>>| {
        let seen = topic.iter().map(|handed| SeenUpdate::of(&handed, handed.update.facts));
        (*topic.topic(), seen.collect())
    };
    buffer.topics().map(updates).collect()
}

fn same<T: Debug + PartialEq>(what: &str, is: T, expected: T) -> Result<(), String> {
    if is == expected {
        return Ok(());
    }
    Err(format!("{what} differs\n    core:  {is:?}\n    model: {expected:?}"))
}
