//! Rule 8: the ledger is exact after every call. The host compares it with its own counts after each;
//! here are long runs in which everything happens.

use statusbus_core::{
    DropReason, Dropped, Leading, Ledger, Losses, Overflow, RefuseReason, Refused,
};

use crate::support::{Host, Note, config, note};

fn random_note(n: u64) -> Note {
    let update = note(n.to_string());
    let update = if n.is_multiple_of(3) { update.low() } else { update };
    let update = if n.is_multiple_of(97) { update.high() } else { update };
    let update = if n.is_multiple_of(5) { update.key("k") } else { update };
    let update = if n.is_multiple_of(35) { update.key("l").ends_run() } else { update };
    if n.is_multiple_of(11) { update.ttl(3) } else { update }
}

#[test]
#[cfg_attr(miri, ignore = "long")]
fn every_update_of_a_long_flood_is_accounted_for() {
    for overflow in Overflow::ALL {
        let mut host = Host::new(config(50, 8).with_overflow(overflow));
        for n in 0..5_000_u64 {
            host.advance_to(n / 7).push(random_note(n));
            if n % 61 == 0 {
                host.poll();
                host.settle_one(host.bus.seq().saturating_sub(n % 4));
                host.confirm_losses(n as usize % 3);
                host.fail(n as usize % 9);
            }
            if n % 500 == 0 {
                host.reconfigure(config(20 + n as usize % 31, 8).with_overflow(overflow));
            }
        }
        host.close();
        host.drain();
        let ledger = host.bus.ledger();
        assert_eq!((ledger.sent, ledger.queued, ledger.in_flight), (5_000, 0, 0));
        assert!(ledger.delivered > 0 && ledger.coalesced > 0 && ledger.dropped.sink > 0);
        assert!(ledger.expired > 0 && ledger.dropped.shrunk > 0);
    }
}

#[test]
#[cfg_attr(miri, ignore = "long")]
fn batches_in_parts_and_in_several_buffers_are_accounted_for() {
    for leading in [Leading::Immediate, Leading::Delayed] {
        let mut host = Host::new(config(30, 6).with_leading(leading));
        let mut random = 5_u64;
        let mut aside = 0;
        for n in 0..6_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(n);
            host.advance_to(n);
            match random >> 60 {
                0..=7 => {
                    host.push(random_note(random >> 20 & 0xFFF));
                }
                8..=11 => {
                    let _ = host.poll_part(1 + (random >> 30) as usize % 3);
                }
                12 if aside < 3 => {
                    host.lay_aside();
                    aside += 1;
                }
                13 => {
                    host.fail((random >> 30) as usize % 5);
                    if aside > 0 {
                        host.take_up();
                        aside -= 1;
                    }
                }
                14 => {
                    host.settle_one(host.batch.first_seq() + (random >> 30) % 4);
                }
                _ => host.deliver(),
            }
        }
        for _ in 0..aside {
            host.deliver();
            host.take_up();
        }
        host.deliver();
        host.close();
        host.drain();
        assert!(host.bus.is_drained());
        let ledger = host.bus.ledger();
        assert_eq!((ledger.queued, ledger.in_flight), (0, 0));
        assert!(ledger.delivered > 500 && ledger.dropped.sink > 50, "{ledger:?}");
    }
}

#[test]
fn counts_by_reason_add_up_to_the_totals() {
    let mut dropped = Dropped::default();
    (dropped.newest, dropped.oldest, dropped.evicted) = (1, 2, 4);
    (dropped.outranked, dropped.shrunk, dropped.sink) = (8, 16, 32);
    assert_eq!(dropped.total(), 63);
    let counts = DropReason::ALL.map(|reason| dropped.count(reason));
    assert_eq!(counts, [1, 2, 4, 8, 16, 32]);
    let mut refused = Refused::default();
    (refused.full, refused.closed, refused.invalid) = (1, 2, 4);
    (refused.unknown_category, refused.too_large, refused.unauthorized) = (8, 16, 32);
    assert_eq!(refused.total(), 63);
    let counts = RefuseReason::ALL.map(|reason| refused.count(reason));
    assert_eq!(counts, [1, 2, 4, 8, 16, 32]);
}

#[test]
fn a_ledger_that_does_not_add_up_is_not_balanced() {
    let mut ledger = Ledger::default();
    assert!(ledger.is_balanced());
    ledger.sent = 7;
    assert!(!ledger.is_balanced());
    (ledger.delivered, ledger.coalesced, ledger.expired) = (1, 1, 1);
    (ledger.queued, ledger.in_flight) = (1, 1);
    (ledger.dropped.sink, ledger.refused.full) = (1, 1);
    assert!(ledger.is_balanced());
}

#[test]
fn counts_that_do_not_fit_saturate() {
    let dropped =
        Dropped::default().with_count(DropReason::Newest, u64::MAX).with_count(DropReason::Sink, 2);
    assert_eq!(dropped.total(), u64::MAX);
    let mut losses = Losses { dropped, expired: 1 };
    losses.add(&Losses { dropped, expired: u64::MAX });
    assert_eq!((losses.total(), losses.dropped.sink, losses.expired), (u64::MAX, 4, u64::MAX));
    let mut ledger = Ledger::default();
    ledger.dropped = dropped;
    ledger.sent = 1;
    assert!(!ledger.is_balanced());
}
