//! The depth of the queue, and its peak in the last moments, for whoever asks.

use std::time::Duration;

use statusbus_tokio::{Spawn, Status};

use crate::support::{SECOND, config, delivered, end, names};

fn say(status: &Status, count: usize) {
    for name in names("a", 0..count) {
        status.tool("a", name);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_takes_nothing_away_from_others() {
    let status = Status::builder().with_config(config(100, 100)).spawn();
    say(&status, 50);
    for _ in 0..3 {
        assert_eq!((status.depth().queued, status.depth().peak), (50, 50));
    }
    delivered(&status).await;
    for _ in 0..3 {
        assert_eq!((status.depth().queued, status.depth().peak), (0, 50));
    }
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_peak_that_nobody_asked_for_is_not_found_long_after() {
    let status = Status::builder().with_config(config(100, 100)).spawn();
    say(&status, 70);
    delivered(&status).await;
    tokio::time::sleep(5 * SECOND).await;
    say(&status, 3);
    assert_eq!((status.depth().queued, status.depth().peak), (3, 3));
    delivered(&status).await;
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!((status.depth().peak, status.depth().oldest), (0, Duration::ZERO));
    end(status).await;
}
