//! Rule 13: a device or a tab that was frozen delivers nothing stale, and nothing gets stuck. Where times
//! have 32 bits, the base that they count from moves meanwhile.

use statusbus_core::{
    Accepted, Batch, Bus, FlushReason, Instant, Leading, Overflow, OverflowEvent, Polled, Slot,
};

use crate::support::{Host, NARROW, Named, Note, Record, config, delayed, ms, note};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const FREEZES: [u64; 5] = [20 * MINUTE, HOUR, 72 * MINUTE, 23 * HOUR, 50 * DAY];

/// Where the clock is when the freeze begins: also just before and behind the moves of the base.
const STARTS: [u64; 5] = [0, 10 * SECOND, 35 * MINUTE, 35 * MINUTE + 47_483, 54 * MINUTE];

/// Ages are exact up to this, in microseconds, where times have 32 bits.
const EXACT: u64 = 1 << 30;

#[track_caller]
fn assert_age(micros: u64, exact_ms: u64) {
    let exact = exact_ms * 1_000;
    if NARROW {
        assert!((exact.min(EXACT)..=exact).contains(&micros), "{micros} for {exact}");
    } else {
        assert_eq!(micros, exact);
    }
}

#[test]
fn nothing_stale_is_delivered_and_nothing_gets_stuck() {
    for (start, freeze) in STARTS.into_iter().flat_map(|at| FREEZES.map(|freeze| (at, freeze))) {
        let mut host = Host::new(config(10, 10));
        host.advance_to(start).queue([note("in flight")]);
        host.expect_in_flight([], ["in flight"]);
        host.lay_aside();
        host.queue([
            note("10 ms").ttl(10),
            note("1 h").ttl(HOUR),
            note("24 h").ttl(24 * HOUR),
            note("no TTL"),
        ]);
        host.expect_next(start + 50);
        let end = start + freeze;
        host.records();

        host.advance_to(end);
        host.take_up();
        host.deliver();
        assert_eq!(host.records(), [Record::Settled(ms(freeze))], "the latency is exact");
        host.expect_next(end);
        assert_age(host.bus.depth().oldest.as_micros() as u64, freeze);
        let (polled, expired) = host.poll_part(usize::MAX);
        assert_eq!(polled, Polled::Batch);
        assert_eq!(host.batch.reason(), FlushReason::Interval);
        let lives = [("10 ms", 10), ("1 h", HOUR), ("24 h", 24 * HOUR), ("no TTL", u64::MAX)];
        let (alive, over): (Vec<_>, Vec<_>) = lives.into_iter().partition(|&(_, ttl)| ttl > freeze);
        assert_eq!(expired, over.iter().map(|life| life.0).collect::<Vec<_>>());
        assert_eq!(host.names(), alive.iter().map(|life| life.0).collect::<Vec<_>>());
        for (one, (_, ttl)) in host.batch.iter().zip(alive) {
            assert_age(one.waited_micros(), freeze);
            if ttl == u64::MAX {
                assert_eq!(one.ttl_left(), None);
            } else {
                let (left, exact) = (one.ttl_left_micros(), (ttl - freeze) * 1_000);
                let inexact = if NARROW { 2_048 } else { 0 };
                assert!((exact..=exact + inexact).contains(&left), "{left} for {exact}");
            }
        }
        host.deliver();

        // It goes on as ever.
        host.expect_next(None);
        host.queue([note("after").ttl(60)]);
        host.expect_next(end + 50);
        host.advance_to(end + 49).expect_nothing();
        host.advance_to(end + 50).expect_batch(["after"]);
        host.advance_to(end + 200).queue([note("at once").ttl(10)]);
        host.expect_next(end + 200);
        host.expect_batch(["at once"]);
        host.expect_next(None);
    }
}

#[test]
fn deadlines_that_pass_in_a_freeze_are_due_and_those_behind_it_hold() {
    let freezes = STARTS.into_iter().flat_map(|at| FREEZES.map(|freeze| (at, freeze)));
    for ((start, freeze), is_behind) in freezes.flat_map(|freeze| [(freeze, true), (freeze, false)])
    {
        let mut host = Host::new(config(10, 10));
        host.advance_to(start).queue([note("a")]);
        host.expect_in_flight([], ["a"]);
        host.fail(0);
        host.expect_next(start + 50);
        let end = start + freeze;
        if !is_behind {
            host.advance_to(end).expect_gap([("sink", 1)], []);
            host.expect_next(None);
            continue;
        }
        // The gap is due, and the first update is not: it is counted from a clock that was read.
        host.advance_to(end).queue([note("b")]);
        host.expect_next(end);
        host.expect_in_flight([("sink", 1)], ["b"]);
        host.fail(0);
        host.queue([note("c")]);
        host.expect_next(end + 50);
        host.advance_to(end + 49).expect_nothing();
        host.advance_to(end + 50).expect_gap([("sink", 2)], ["c"]);
        host.expect_next(None);
    }
}

#[test]
fn a_flush_interval_of_an_hour_ends_within_the_hour() {
    let hour = config(10, 10).with_flush_interval(ms(HOUR)).expect("in range");
    for start in [0, 10 * MINUTE, 20 * MINUTE, 35 * MINUTE, 36 * MINUTE] {
        let mut host = Host::new(hour.with_leading(Leading::Delayed));
        host.advance_to(start).queue([note("a").ttl(HOUR)]);
        let at = host.bus.poll_at().expect("it is queued").as_micros() / 1_000;
        if NARROW {
            // What does not fit 32 bits ends early.
            assert!((start + 35 * MINUTE..=start + HOUR).contains(&at), "{start}: {at}");
        } else {
            assert_eq!(at, start + HOUR);
        }
        let mut now = start;
        while now + MINUTE < at {
            now += MINUTE;
            host.advance_to(now).expect_nothing();
            let again = host.bus.poll_at().expect("it is queued").as_micros() / 1_000;
            assert!((at..=start + HOUR).contains(&again), "a deadline moved to {again}");
        }
        host.advance_to(start + HOUR - 1).poll();
        host.flush();
        let delivered = host.drain().iter().map(|batch| batch.1).sum::<usize>() + host.batch.len();
        assert_eq!(delivered, 1);
    }
}

#[test]
fn after_idling_for_longer_than_the_interval_the_first_update_is_due_at_once() {
    for interval in [50, 20 * MINUTE, 40 * MINUTE, HOUR] {
        for idle in [interval, HOUR, 3 * HOUR, 2 * DAY] {
            let config = config(10, 10).with_flush_interval(ms(interval)).expect("in range");
            let mut host = Host::new(config);
            host.advance_to(MINUTE).queue([note("a")]);
            host.expect_batch(["a"]);
            host.advance_to(MINUTE + idle).queue([note("b")]);
            host.expect_next(MINUTE + idle);
            host.expect_batch(["b"]);
        }
    }
}

#[test]
fn a_long_ttl_ends_to_a_millisecond_for_each_move_of_the_base() {
    for ttl in [30 * MINUTE, HOUR, 24 * HOUR, 20 * DAY] {
        let moves = if NARROW { 2 + ttl / (17 * MINUTE) } else { 0 };
        for (end, is_alive) in [(ttl - 1, true), (ttl + 2 * moves, false)] {
            let mut host = Host::new(config(10, 10));
            host.use_buffer(0); // polling advances the time and takes nothing
            host.queue([note("a").ttl(ttl), note("b")]);
            // In steps of 7 minutes, so that the base moves many times.
            for now in (0..end).step_by(7 * MINUTE as usize) {
                host.advance_to(now).expect_nothing();
            }
            host.advance_to(end).expect_nothing();
            host.use_buffer(10);
            let (_, expired) = host.poll_part(9);
            assert_eq!(expired.is_empty(), is_alive, "{ttl} ms after {end} ms");
            if is_alive {
                let left = host.batch.iter().next().map(|one| one.ttl_left_micros());
                let left = left.expect("it is in the batch");
                assert!((1_000..=1_000 + 2_000 * moves).contains(&left), "{left}");
            }
            host.deliver();
        }
    }
}

#[test]
fn a_ttl_of_minutes_is_exact_over_a_move_of_the_base() {
    for (start, ttl) in [35, 36, 50].into_iter().flat_map(|at| [1, 20, 34].map(|ttl| (at, ttl))) {
        let (start, ttl) = (start * MINUTE, ttl * MINUTE);
        for (end, is_alive) in [(start + ttl - 1, true), (start + ttl, false)] {
            let mut host = Host::new(config(10, 10));
            host.use_buffer(0);
            host.advance_to(start).queue([note("a").ttl(ttl)]);
            for now in (start..end).step_by(30 * SECOND as usize) {
                host.advance_to(now).expect_nothing();
            }
            host.use_buffer(10);
            host.advance_to(end).poll();
            assert_eq!(host.batch.is_empty(), !is_alive, "{ttl} ms from {start} ms");
            host.deliver();
        }
    }
}

#[test]
fn the_longest_ttl_that_32_bits_hold_is_25_days() {
    for (ttl, end, is_alive) in [
        (24 * DAY, 24 * DAY - 1, true),
        (24 * DAY, 24 * DAY + 1, false),
        (60 * DAY, 50 * DAY, !NARROW),
    ] {
        let mut host = Host::new(config(10, 10));
        host.queue([note("a").ttl(ttl)]);
        host.advance_to(end).poll();
        assert_eq!(host.batch.is_empty(), !is_alive, "{ttl} ms after {end} ms");
        host.deliver();
    }
}

#[test]
fn a_freeze_in_the_middle_of_a_batch_leaves_its_parts_whole() {
    for (start, freeze) in STARTS.into_iter().flat_map(|at| FREEZES.map(|freeze| (at, freeze))) {
        let mut host = delayed(10, 4);
        host.advance_to(start).queue([
            note("a"),
            note("b").ttl(60),
            note("c").ttl(24 * HOUR),
            note("d"),
        ]);
        host.advance_to(start + 50).expect_part(1, Polled::More, ["a"]);
        host.advance_to(start + freeze);
        let (polled, expired) = host.poll_part(9);
        assert_eq!((polled, &expired[0][..]), (Polled::Batch, "b"), "its TTL counts to now");
        assert_eq!(host.names().last(), Some(&"d"));
        let ages: Vec<_> = host.batch.iter().map(|one| one.waited_micros()).collect();
        assert_eq!(ages[0], 50_000);
        for age in ages {
            // To the beginning of the batch; in 32 bits that may be out of reach.
            assert!(age == 50_000 || NARROW && age < 50_000, "{age}");
        }
        host.deliver();
        host.advance_to(start + freeze + 50).poll();
        host.deliver();
        host.expect_next(None);
    }
}

#[test]
fn a_clock_that_goes_back_by_an_hour_holds_every_deadline_and_ttl_where_it_is() {
    for start in [2 * HOUR, 2 * HOUR + 35 * MINUTE] {
        let mut host = delayed(10, 10);
        host.advance_to(start).queue([note("a").ttl(40), note("b").ttl(2 * HOUR), note("c")]);
        host.advance_to(start + 30).expect_nothing();
        host.advance_to(start - HOUR).expect_nothing();
        host.expect_next(start - HOUR + 20);
        host.advance_to(start - HOUR + 19).expect_nothing();
        host.advance_to(start - HOUR + 20);
        assert_eq!(host.poll_part(9), (Polled::Batch, vec!["a".to_owned()]));
        assert_eq!(host.names(), ["b", "c"]);
        assert_eq!(host.waits(), [50, 50]);
        host.deliver();
    }
}

#[test]
#[cfg_attr(miri, ignore = "long")]
fn under_a_clock_that_jumps_no_update_is_stale_and_none_expires_early() {
    for seed in 1..20_u64 {
        let mut host = Host::new(config(60, 10).with_overflow(Overflow::Reject));
        let (mut random, mut reading, mut elapsed) = (seed, 100 * DAY, 0_u64);
        let mut sent: Vec<(u64, u64)> = Vec::new(); // when, by the steps forward, and the TTL
        let mut moves = 0_u64;
        let (mut delivered, mut lost) = (0, 0);
        let mut check = |host: &Host,
                         expired: &[String],
                         sent: &[(u64, u64)],
                         elapsed: u64,
                         moves: u64| {
            let of = |name: &str| sent[name.parse::<usize>().expect("a number")];
            for (at, ttl) in expired.iter().map(|name| of(name)) {
                assert!(elapsed - at >= ttl.min(24 * DAY), "{ttl} expired after {}", elapsed - at);
            }
            for (at, ttl) in host.names().into_iter().map(of) {
                let late = if NARROW { 2 + 2 * moves } else { 0 };
                assert!(elapsed - at < ttl + late, "{ttl} delivered after {}", elapsed - at);
            }
            delivered += host.batch.len();
            lost += expired.len();
        };
        for _ in 0..3_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(seed);
            let choice = random >> 33;
            let spans = [0, 1, 10, 49, 300, MINUTE, 17 * MINUTE, 36 * MINUTE, HOUR, 30 * HOUR];
            let step = spans[choice as usize % 10];
            if choice >> 8 & 3 == 0 {
                reading -= step.min(reading);
            } else {
                reading += step;
                elapsed += step;
                moves += 1; // the base moves at most once a step
            }
            host.advance_to(reading);
            let ttl = [5, 100, MINUTE, HOUR, 24 * HOUR, 20 * DAY][(choice >> 10) as usize % 6];
            if choice >> 20 & 1 == 0 {
                if host.push(note(sent.len().to_string()).ttl(ttl)).is_queued() {
                    moves = if host.bus.ledger().queued == 1 { 1 } else { moves };
                }
                sent.push((elapsed, ttl));
            } else {
                loop {
                    let (polled, expired) = host.poll_part(usize::MAX);
                    if polled != Polled::Batch {
                        break;
                    }
                    check(&host, &expired, &sent, elapsed, moves);
                    host.deliver();
                }
                assert!(host.bus.poll_at().is_none_or(|at| at > host.now()), "nothing is stuck");
                let soon = host.now() + ms(50);
                assert!(host.bus.poll_at().is_none_or(|at| at <= soon), "nothing is put off");
            }
        }
        assert!(delivered > 100 && lost > 100, "{delivered} and {lost}");
    }
}

#[test]
fn overflow_goes_on_being_reported_while_the_base_moves() {
    for start in [0, 35 * MINUTE + 47 * SECOND, HOUR, 50 * DAY] {
        let mut host = Host::new(config(1, 10).with_overflow(Overflow::DropNewest));
        host.advance_to(start).queue([note("a")]);
        let mut reported = Vec::new();
        for now in (start..start + 5_500).step_by(10) {
            host.advance_to(now).push(note("b"));
            for record in host.records() {
                if let Record::Overflow(event) = record {
                    reported.push((now - start, event));
                }
            }
        }
        let ongoing = |lost| OverflowEvent::Ongoing { lost };
        let expected = [
            (0, OverflowEvent::Started),
            (1_000, ongoing(100)),
            (2_000, ongoing(200)),
            (3_000, ongoing(300)),
            (4_000, ongoing(400)),
            (5_000, ongoing(500)),
        ];
        assert_eq!(reported, expected, "from {start}");
        host.drain();
    }
}

#[test]
fn overflow_begins_and_ends_over_moves_of_the_base_without_telemetry_too() {
    let mut bus: Bus<Note, [Slot<Note>; 1]> = Bus::new();
    let mut batch: Batch<Note, [_; 1]> = Batch::new();
    for minutes in [0, 34, 35, 37, 60, 100, 36 * 60, 72 * 60] {
        let now = Instant::from_millis(minutes * MINUTE);
        for name in ["a", "b"] {
            let mut update = note(name);
            let options = update.options();
            assert!(bus.push(&mut update, options, || now).is_queued());
        }
        assert!(bus.is_overflowing());
        assert_eq!(bus.poll(&mut batch, now), Polled::Batch);
        assert!(!bus.is_overflowing());
        bus.settle(&mut batch, Accepted::All, now);
        assert_eq!(bus.poll(&mut batch, now), Polled::Wait(None), "without telemetry no timer");
    }
    let ledger = bus.ledger();
    assert_eq!((ledger.sent, ledger.delivered, ledger.dropped.evicted), (16, 8, 8));
    assert!(ledger.is_balanced());
}

#[test]
fn the_age_of_the_oldest_update_saturates_and_never_goes_back() {
    let mut host = delayed(10, 10);
    host.use_buffer(0);
    host.queue([note("a")]);
    let mut last = 0;
    for minutes in 1..300 {
        let now = host.advance_to(minutes * MINUTE).now();
        assert_eq!(now, Instant::from_millis(minutes * MINUTE));
        host.expect_nothing();
        let oldest = host.bus.depth().oldest.as_micros() as u64;
        assert_age(oldest, minutes * MINUTE);
        if !NARROW || minutes < 35 {
            assert!(oldest > last, "{oldest} after {last}");
        }
        last = oldest;
    }
}
