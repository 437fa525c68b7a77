//! Retained values that readers share.

use statusbus_core::Category;

use super::{build, builder, explore, join, send, spawn, texts};
use crate::Selector;

#[test]
fn no_reader_begins_with_a_value_that_was_removed_before() {
    explore(|| {
        let (status, mut delivery) = build(builder());
        send(&status, "a");
        let _ = delivery.step();
        let beside = {
            let status = status.clone();
            spawn(move || {
                let mut reader = status.subscribe(Selector::Everything).with_retained().open();
                // Held on to: others can share it.
                reader.try_next()
            })
        };
        assert!(status.remove_retained("a", Category::INFO, None));
        let mut reader = status.subscribe(Selector::Everything).with_retained().open();
        assert_eq!(texts(reader.try_next()), "", "the value was removed before");
        drop(join(beside));
    });
}
