//! Resuming at an epoch and a position: without a gap and without a duplicate, or not recovered.

use std::time::Duration;

use statusbus_hub::{Selector, Status, Subscription};

use crate::support::{
    Bus, SECOND, Start, events, everything, names, of, position, reader, test, updates,
};

const EPOCH: u64 = 42;

fn resume(bus: &Bus, selector: Selector, epoch: u64, seq: u64) -> Subscription {
    bus.subscribe(selector).resume(epoch, seq).open()
}

fn a() -> Selector {
    of("a")
}

/// A bus with the updates `a0` to `a9` of "a" at the positions 1, 3, 5 … 19, and with updates of "b" in between.
fn ten() -> Bus {
    let bus = Status::builder().with_epoch(EPOCH).start();
    for number in 0..10 {
        bus.tool("a", format!("a{number}"));
        bus.tool("b", format!("b{number}"));
    }
    bus.deliver();
    bus
}

#[test]
fn a_reader_resumes_after_its_last_event() {
    let bus = ten();
    let mut first = reader(&bus, "a");
    bus.tool("a", "a10");
    bus.deliver();
    let seq = position(&mut first);
    drop(first);
    bus.tool("a", "a11");
    bus.tool("b", "b11");
    bus.deliver();
    let mut second = resume(&bus, a(), EPOCH, seq);
    assert!(second.recovered());
    assert_eq!(second.resume_point(), Some(seq));
    assert_eq!(updates(&mut second), ["a11"]);
    drop(second);
    bus.end();
}

#[test]
fn a_reader_can_resume_at_any_position_inside_a_batch() {
    let bus = ten();
    for seq in 0..=20 {
        let mut resumed = resume(&bus, a(), EPOCH, seq);
        assert!(resumed.recovered());
        let read = seq.div_ceil(2) as usize;
        assert_eq!(bus.unread(), 10 - read as u64);
        assert_eq!(updates(&mut resumed), names("a", read..10), "behind {seq}");
        let mut all = resume(&bus, Selector::Everything, EPOCH, seq);
        assert!(all.recovered());
        assert_eq!(bus.unread(), 20 - seq);
        assert_eq!(updates(&mut all).len() as u64, 20 - seq);
    }
    bus.end();
}

#[test]
fn a_position_of_another_epoch_is_not_recovered() {
    let bus = ten();
    let mut resumed = resume(&bus, a(), EPOCH + 1, 5);
    assert!(!resumed.recovered());
    assert_eq!(events(&mut resumed), ["[a9]"]);
    drop(resumed);
    bus.end();
}

#[test]
fn a_position_in_the_future_is_not_recovered() {
    let bus = ten();
    assert!(resume(&bus, a(), EPOCH, 20).recovered(), "the head of the bus, not only of \"a\"");
    for seq in [21, 1_000, u64::MAX] {
        let mut resumed = resume(&bus, a(), EPOCH, seq);
        assert!(!resumed.recovered());
        assert_eq!(events(&mut resumed), ["[a9]"]);
        bus.tool("a", "a9");
        bus.deliver();
        assert_eq!(updates(&mut resumed), ["a9"], "it continues at the head");
    }
    bus.end();
}

#[test]
fn a_conversation_without_updates_can_be_resumed() {
    let bus = ten();
    let mut resumed = resume(&bus, of("new"), EPOCH, 7);
    assert!(resumed.recovered(), "nothing of it can be missing");
    bus.tool("new", "first");
    bus.deliver();
    assert_eq!(updates(&mut resumed), ["first"]);
    drop(resumed);
    bus.end();
}

#[test]
fn a_position_that_is_too_old_is_not_recovered() {
    let bus = Status::builder().with_epoch(EPOCH).with_window(10).with_history(3).start();
    for name in names("a", 0..50) {
        bus.tool("a", name);
        bus.deliver();
    }
    for seq in 0..=50 {
        let mut resumed = resume(&bus, a(), EPOCH, seq);
        assert_eq!(resumed.recovered(), seq >= 40, "{seq}");
        let expected = match seq {
            0..40 => vec!["[a49]".to_owned()],
            _ => names("a", seq as usize..50),
        };
        assert_eq!(events(&mut resumed), expected);
        let mut all = resume(&bus, Selector::Everything, EPOCH, seq);
        assert_eq!(all.recovered(), seq >= 40);
        assert_eq!(events(&mut all).len(), if seq < 40 { 1 } else { 50 - seq as usize });
    }
    bus.end();
}

#[test]
fn a_conversation_that_was_removed_in_between_is_not_recovered() {
    let idle = Duration::from_secs(60);
    let bus = Status::builder().with_epoch(EPOCH).with_idle_timeout(idle).start();
    bus.tool("a", "one");
    bus.deliver();
    bus.tool("a", "two");
    bus.deliver();
    bus.advance(idle);
    bus.tool("b", "something"); // the batch that removes idle conversations
    bus.deliver();
    assert_eq!(bus.conversations(), 1, "only \"b\" is left");
    let mut resumed = resume(&bus, a(), EPOCH, 1);
    assert!(!resumed.recovered());
    assert_eq!(events(&mut resumed), ["[]"]);
    bus.tool("a", "three");
    bus.deliver();
    assert_eq!(updates(&mut resumed), ["three"]);
    drop(resumed);
    // At 2 a reader had everything of "a" when that was removed.
    assert_eq!(updates(&mut resume(&bus, a(), EPOCH, 2)), ["three"]);
    bus.end();
}

#[test]
fn the_history_of_an_idle_conversation_is_removed_although_it_has_a_handle() {
    let idle = Duration::from_secs(60);
    let bus = Status::builder().with_epoch(EPOCH).with_idle_timeout(idle).start();
    let held = bus.conversation("a").expect("a name");
    held.tool("one");
    bus.deliver();
    bus.advance(idle);
    bus.tool("b", "something");
    bus.deliver();
    assert!(!resume(&bus, a(), EPOCH, 0).recovered());
    held.tool("two");
    bus.deliver();
    let mut resumed = resume(&bus, a(), EPOCH, 1);
    assert!(resumed.recovered());
    assert_eq!(updates(&mut resumed), ["two"]);
    drop((resumed, held));
    bus.end();
}

#[test]
fn system_wide_updates_can_be_resumed() {
    let bus = ten();
    bus.system().info("one");
    bus.deliver();
    bus.system().info("two");
    bus.deliver();
    let mut resumed = resume(&bus, Selector::System, EPOCH, 21);
    assert!(resumed.recovered());
    assert_eq!(updates(&mut resumed), ["two"]);
    drop(resumed);
    bus.end();
}

#[test]
fn after_the_end_kept_updates_can_still_be_read() {
    let bus = ten();
    let all = everything(&bus);
    drop(all);
    assert!(bus.run(bus.shutdown(SECOND)).is_balanced());
    let mut resumed = resume(&bus, a(), EPOCH, 17);
    assert!(resumed.recovered());
    assert_eq!(bus.rest(&mut resumed), ["a9"]);
    drop(resumed);
    bus.end();
}
