//! What can be set while it runs.

use core::time::Duration;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use statusbus_embassy::{Buffer, Category, CategoryError, Message, Priority, SYSTEM, Status};

use crate::support::{Task, Time};
use crate::{balanced, small};

#[test]
fn a_batch_is_limited_by_the_buffer() {
    let (_time, status) = (Time::begin(), small());
    let mut buffer = Buffer::<_, 3>::new();
    let mut runner = status.runner(&mut buffer).expect("the only one");
    assert_eq!(status.config().batch_size(), 3);
    status.reconfigure(status.config().with_batch_size(100).expect("in range"));
    assert_eq!(status.config().batch_size(), 3);
    status.reconfigure(status.config().with_batch_size(2).expect("in range"));
    assert_eq!(status.config().batch_size(), 2);
    for _ in 0..4 {
        status.info(SYSTEM, "full");
    }
    let mut next = Task::new(runner.next());
    next.rest();
    assert_eq!(next.output().and_then(|b| b.as_ref()).map(|b| b.updates().count()), Some(2));
    drop(next);
    balanced(status);
}

#[test]
fn updates_beyond_a_smaller_limit_are_dropped() {
    let (_time, status) = (Time::begin(), small());
    for _ in 0..6 {
        status.info(SYSTEM, "queued");
    }
    let config = status.config().with_queue_limit(2).expect("in range");
    assert_eq!(status.reconfigure(config), 4);
    assert_eq!((balanced(status).dropped.shrunk, balanced(status).queued), (4, 2));
    let config = status.config().with_queue_limit(1_000).expect("in range");
    assert_eq!(status.reconfigure(config), 0);
    assert_eq!(status.config().queue_limit(), 8); // its slots
}

#[test]
fn categories_of_the_application_are_checked_and_found() {
    let _time = Time::begin();
    let status: Status<CriticalSectionRawMutex, Message<16>, 4, (), 9> = Status::new();
    assert_eq!(status.set_categories(&["a", "a"]), Err(CategoryError::Taken));
    assert_eq!(status.set_categories(&["info"]), Err(CategoryError::Taken));
    assert_eq!(status.set_categories(&["a:b"]), Err(CategoryError::Name));
    assert_eq!(status.set_categories(&["a", "b", "c"]), Err(CategoryError::Full));
    assert_eq!(status.category("a"), None);
    assert_eq!(status.set_categories(&["a", "b"]), Ok(()));
    let b = status.category("b").expect("registered");
    assert_eq!((b.index(), status.category_name(b)), (8, Some("b")));
    assert_eq!(status.category("error"), Some(Category::ERROR));
    assert_eq!(status.category("c"), None);
    status.send(SYSTEM, b, "said");
    assert_eq!(balanced(&status).queued, 1);
}

#[test]
fn a_category_has_a_priority_and_a_ttl() {
    let (time, status) = (Time::begin(), small());
    status.reconfigure_category(Category::INFO, Priority::Normal, Some(Duration::from_millis(5)));
    status.info(SYSTEM, "short-lived");
    time.pass(embassy_time::Duration::from_millis(5));
    let mut buffer = Buffer::<_, 3>::new();
    let mut runner = status.runner(&mut buffer).expect("the only one");
    let mut next = Task::new(runner.next());
    next.rest();
    drop(next);
    drop(runner);
    assert_eq!(balanced(status).expired, 1);
}

#[test]
fn depth_shows_how_many_slots_were_needed() {
    let (time, status) = (Time::begin(), small());
    for _ in 0..5 {
        status.info(SYSTEM, "queued");
    }
    time.pass(embassy_time::Duration::from_millis(7));
    status.request_flush();
    let depth = status.depth();
    assert_eq!((depth.queued, depth.peak, depth.oldest), (5, 5, Duration::from_millis(7)));
    assert_eq!(status.seq(), 0);
    balanced(status);
}
