//! Rule 8: the ledger is exact after every call. The host checks after each that it balances; here
//! is what it counts where.

use statusbus_core::{Category, Ledger, Overflow, RefuseReason};

use crate::support::{Host, config, note};

#[test]
fn a_new_bus_has_counted_nothing() {
    let host: Host = Host::new(config(4, 4));
    assert_eq!(host.bus.ledger(), Ledger::default());
}

#[test]
fn sent_counts_attempts_whatever_becomes_of_them() {
    let mut host = Host::new(config(1, 4).overflow(Overflow::Reject));
    host.queue([note("queued").key("k")]);
    host.push(note("merged").key("k"));
    host.push(note("full"));
    host.push(note("unknown").category(Category::from_index(20).expect("below 32")));
    host.close();
    host.push(note("closed"));
    assert_eq!(host.bus.ledger().sent, 5);
    host.expect_ledger([
        ("coalesced", 1),
        ("full", 1),
        ("closed", 1),
        ("unknown_category", 1),
        ("queued", 1),
    ]);
}

#[test]
fn what_an_adapter_refuses_at_its_door_it_reports_to_the_core() {
    let mut host: Host = Host::new(config(1, 4));
    for reason in RefuseReason::ALL {
        host.bus.refuse(reason);
    }
    assert_eq!(host.bus.ledger().sent, 6);
    host.expect_ledger([
        ("full", 1),
        ("closed", 1),
        ("invalid", 1),
        ("unknown_category", 1),
        ("too_large", 1),
        ("unauthorized", 1),
    ]);
}

#[test]
fn every_update_of_a_long_flood_is_accounted_for() {
    for overflow in Overflow::ALL {
        let mut host = Host::new(config(50, 8).overflow(overflow));
        for n in 0..5_000_u64 {
            let update = note(n.to_string());
            let update = if n % 3 == 0 { update.progress() } else { update };
            let update = if n % 97 == 0 { update.terminal() } else { update };
            let update = if n % 5 == 0 { update.key("k") } else { update };
            let update = if n % 11 == 0 { update.ttl(3) } else { update };
            host.at(n / 7).push(update);
            if n % 61 == 0 {
                host.poll();
                host.fail(n as usize % 9);
            }
        }
        host.close();
        host.drain();
        let ledger = host.bus.ledger();
        assert_eq!((ledger.sent, ledger.queued, ledger.in_flight), (5_000, 0, 0));
        assert!(ledger.delivered > 0 && ledger.coalesced > 0 && ledger.dropped.sink > 0);
    }
}

#[test]
fn the_reasons_add_up_to_the_totals() {
    let mut host = Host::new(config(2, 4));
    host.queue(["a", "b"].map(note));
    host.push(note("c"));
    host.push(note("d").progress());
    host.poll();
    host.fail(0);
    let dropped = host.bus.ledger().dropped;
    assert_eq!((dropped.evicted, dropped.outranked, dropped.sink), (1, 1, 2));
    assert_eq!(dropped.total(), 4);
}

#[test]
fn a_ledger_that_does_not_add_up_says_so() {
    let balanced = Ledger { sent: 2, delivered: 1, queued: 1, ..Ledger::default() };
    assert!(balanced.is_balanced());
    assert!(!Ledger { sent: 3, ..balanced }.is_balanced());
}
