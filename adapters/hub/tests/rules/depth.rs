//! The depth of the queue, and its peak in the last one to two seconds.

use std::time::Duration;

use statusbus_hub::Status;

use crate::support::{Bus, SECOND, Start, config, names, test};

fn send(bus: &Bus, count: usize) {
    for name in names("a", 0..count) {
        bus.tool("a", name);
    }
}

#[test]
fn reading_the_depth_does_not_reset_the_peak() {
    let bus = Status::builder().with_config(config(100, 100)).start();
    send(&bus, 50);
    for _ in 0..3 {
        assert_eq!((bus.depth().queued, bus.depth().peak), (50, 50));
    }
    bus.deliver();
    for _ in 0..3 {
        assert_eq!((bus.depth().queued, bus.depth().peak), (0, 50));
    }
    bus.end();
}

#[test]
fn a_peak_ends_after_two_seconds_also_if_it_was_never_read() {
    let bus = Status::builder().with_config(config(100, 100)).start();
    send(&bus, 70);
    bus.deliver();
    bus.advance(5 * SECOND);
    send(&bus, 3);
    assert_eq!((bus.depth().queued, bus.depth().peak), (3, 3));
    bus.deliver();
    bus.advance(5 * SECOND);
    assert_eq!((bus.depth().peak, bus.depth().oldest), (0, Duration::ZERO));
    bus.end();
}
