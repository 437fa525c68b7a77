//! Conversations come and go: what is kept of them, and when they are forgotten.

use std::time::Duration;

use statusbus_tokio::{Category, Event, Spawn, Status, Subscription};

use crate::support::{
    config, delivered, end, everything, found, heap, names, of, reader, said, texts,
};

const IDLE: Duration = Duration::from_secs(60);

fn resume(status: &Status, name: &str, seq: u64) -> Subscription {
    let resume = status.subscribe(of(name)).resume(1, seq);
    resume.open()
}

/// Lets a minute go by, and something be said, which is when idle conversations are looked at.
async fn idle(status: &Status) {
    tokio::time::sleep(IDLE).await;
    status.tool("other", "something");
    delivered(status).await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_conversation_is_forgotten_after_a_time() {
    let status = Status::builder().with_idle_timeout(IDLE).spawn();
    status.tool("a", "one");
    status.tool("b", "two");
    delivered(&status).await;
    tokio::time::sleep(IDLE - Duration::from_millis(2)).await;
    status.tool("b", "three");
    delivered(&status).await;
    assert_eq!(status.conversations(), 2, "not yet");
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_eq!(status.conversations(), 2, "no timer runs for it");
    status.tool("b", "four");
    delivered(&status).await;
    assert_eq!(status.conversations(), 1);
    assert_eq!(found(&mut status.subscribe(of("a")).with_retained().open()), ["[]"]);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_is_read_is_not_forgotten() {
    let status =
        Status::builder().with_idle_timeout(IDLE).with_epoch(1).with_conversations(1).spawn();
    let mut a = reader(&status, "a");
    status.tool("a", "one");
    delivered(&status).await;
    idle(&status).await;
    idle(&status).await;
    assert_eq!(said(&mut a), ["one"]);
    assert!(resume(&status, "a", 0).recovered());
    assert_eq!(found(&mut status.subscribe(of("a")).with_retained().open()), ["[one]"]);
    drop(a);
    idle(&status).await;
    assert!(!resume(&status, "a", 0).recovered(), "now nobody reads it");
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn conversations_beyond_a_number_are_forgotten() {
    let status = Status::builder().with_conversations(10).spawn();
    for name in names("c", 0..10) {
        status.tool(&name, "something");
        delivered(&status).await;
    }
    assert_eq!(status.conversations(), 10, "as many as there may be");
    for name in names("d", 0..1_000) {
        status.tool(&name, "something");
        delivered(&status).await;
        assert!(status.conversations() <= 10);
    }
    assert_eq!(end(status).await.delivered, 1_010);
}

#[tokio::test(start_paused = true)]
async fn those_that_are_held_count_but_stay() {
    let status = Status::builder().with_epoch(1).with_conversations(10).spawn();
    let held: Vec<_> =
        names("h", 0..20).iter().map(|name| status.conversation(name).expect("a name")).collect();
    for handle in &held {
        handle.tool("one");
    }
    delivered(&status).await;
    for name in names("c", 0..100) {
        status.tool(&name, "something");
        delivered(&status).await;
    }
    assert_eq!(status.conversations(), 21, "the held ones, and the last of the others");
    for (handle, name) in held.iter().zip(names("h", 0..20)) {
        let mut reading = reader(&status, &name);
        handle.tool("two");
        delivered(&status).await;
        assert_eq!(said(&mut reading), ["two"], "handle and name mean the same conversation");
        assert!(resume(&status, &name, 0).recovered());
    }
    drop(held);
    for name in names("d", 0..100) {
        status.tool(&name, "something");
        delivered(&status).await;
    }
    assert!(status.conversations() <= 10);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_conversation_with_an_update_in_the_queue_stays_the_same_one() {
    let status = Status::builder().with_conversations(1).spawn();
    status.tool("a", "queued");
    for name in names("c", 0..50) {
        let _ = status.conversation(&name).expect("a name");
    }
    let mut a = reader(&status, "a");
    delivered(&status).await;
    assert_eq!(said(&mut a), ["queued"]);
    drop(a);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_quiet_conversation_can_be_resumed_although_another_one_floods_the_window() {
    let status = Status::builder().with_epoch(1).with_window(100).with_history(8).spawn();
    for name in names("a", 0..20) {
        status.tool("a", name);
        delivered(&status).await;
    }
    for number in 0..10 {
        for _ in 0..100 {
            status.tool("b", "flood");
        }
        delivered(&status).await;
        let resumed = found(&mut resume(&status, "a", 12));
        assert_eq!(resumed.join(" "), names("a", 12..20).join(" "), "round {number}");
    }
    assert!(!resume(&status, "a", 11).recovered());
    assert_eq!(status.missed(), 0);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn the_history_is_kept_also_of_a_batch_that_is_larger() {
    for size in 1..=100 {
        let status = Status::builder().with_epoch(1).with_window(100).with_history(8).spawn();
        status.tool("b", "the first goes by itself");
        delivered(&status).await;
        // One batch, and it leaves the window as a whole.
        for name in names("a", 0..size) {
            status.tool("a", name);
        }
        delivered(&status).await;
        for _ in 0..3 {
            for _ in 0..100 {
                status.tool("b", "flood");
            }
            delivered(&status).await;
        }
        let from = size.saturating_sub(8);
        let mut resumed = resume(&status, "a", 1 + from as u64);
        assert!(resumed.recovered(), "{size}");
        assert_eq!(status.unread(), (size - from) as u64);
        assert_eq!(said(&mut resumed), names("a", from..size));
        if from > 0 {
            assert!(!resume(&status, "a", from as u64).recovered(), "{size}");
        }
        drop(resumed);
        end(status).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_history_costs_no_more_than_its_updates() {
    let status = Status::builder().with_epoch(1).with_window(64).with_history(16).spawn();
    let mut after_few = 0;
    for number in 0..3_000 {
        for name in names("quiet", 0..5) {
            status.tool(&name, "now and then");
        }
        for _ in 0..64 {
            status.tool("b", "flood");
        }
        delivered(&status).await;
        if number == 100 {
            after_few = heap::held();
        }
    }
    let grown = heap::held() - after_few;
    assert!(grown < 8_192, "{grown} bytes");
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn who_reads_while_the_history_is_copied_keeps_what_it_holds() {
    let status = Status::builder().with_epoch(1).with_window(4).with_history(16).spawn();
    let mut a = reader(&status, "a");
    let mut held = Vec::new();
    for number in 0..40 {
        status.tool("a", format!("{number}"));
        delivered(&status).await;
        for _ in 0..4 {
            status.tool("b", "flood");
        }
        delivered(&status).await;
        // What was handed out does not change under the reader, however the ring moves on.
        let mut resumed = resume(&status, "a", a.resume_point().expect("it began"));
        held.extend(std::iter::from_fn(|| resumed.try_next()));
        held.extend(std::iter::from_fn(|| a.try_next()));
    }
    let heard = held.iter().map(|event| match event {
        Event::Batch(batch) => texts(batch).concat(),
        other => panic!("only updates: {other:?}"),
    });
    let twice = (0..40).flat_map(|number| [number.to_string(), number.to_string()]);
    assert_eq!(heard.collect::<Vec<_>>(), twice.collect::<Vec<_>>());
    drop((a, held));
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_million_conversations_take_the_memory_of_a_thousand() {
    const LIMIT: usize = 1_000;
    let builder = Status::builder().with_conversations(LIMIT).with_window(1_000).with_history(4);
    let status = builder.with_config(config(1_000, 100)).spawn();
    let mut after_few = 0;
    for number in 0..1_000_000 {
        status.send(&format!("c{number}"), Category::TOOL, "something");
        if number % 1_000 == 999 {
            delivered(&status).await;
            // Those that wait in the queue cannot be forgotten.
            assert!(status.conversations() <= LIMIT + 1_000, "{}", status.conversations());
            if number == 9_999 {
                after_few = heap::held();
            }
        }
    }
    let grown = heap::held() - after_few;
    assert!(grown < 200_000, "{grown} bytes, with {after_few} before");
    assert_eq!(end(status).await.delivered, 1_000_000);
}

#[tokio::test(start_paused = true)]
async fn nobody_mistakes_a_conversation_for_another_one() {
    let status = Status::builder().with_conversations(16).with_retained_keys(2).spawn();
    let mut all = everything(&status);
    for number in 0..2_000_usize {
        let name = format!("c{}", number * 7919 % 97);
        status.update(&name, Category::TOOL, name.as_str()).key(format!("{number}")).send();
        if number % 13 == 0 {
            delivered(&status).await;
        }
    }
    delivered(&status).await;
    let mut updates = 0;
    while let Some(Event::Batch(batch)) = all.try_next() {
        for update in batch.iter() {
            assert_eq!(update.conversation(), Some(update.text()));
            updates += 1;
        }
    }
    assert_eq!(updates, 2_000);
    for name in names("c", 0..97) {
        let mut late = status.subscribe(of(&name)).with_retained().open();
        let Some(Event::Retained(batch)) = late.try_next() else {
            panic!("retained values first");
        };
        assert!(texts(&batch).iter().all(|text| *text == name));
    }
    drop(all);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_goes_takes_nothing_from_what_is_queued() {
    let status = Status::builder().spawn();
    let mut everything = everything(&status);
    for round in 0..3 {
        status.tool("a", "by name");
        drop(reader(&status, "a"));
        let handle = status.conversation("b").expect("a name");
        handle.tool("by handle");
        drop(reader(&status, "b"));
        drop(handle);
        drop(reader(&status, "b"));
        let mut late = reader(&status, "a");
        delivered(&status).await;
        assert_eq!(found(&mut late), ["by name"], "round {round}");
        let Some(Event::Batch(batch)) = everything.try_next() else { panic!("a batch") };
        let about: Vec<_> = batch.iter().map(|update| update.conversation()).collect();
        assert_eq!(about, [Some("a"), Some("b")], "round {round}");
    }
    drop(everything);
    end(status).await;
}

#[tokio::test(start_paused = true)]
async fn names_that_readers_make_up_take_no_places() {
    let status = Status::builder().with_epoch(1).with_conversations(10).spawn();
    for name in 0..9 {
        status.tool(&name.to_string(), "value");
    }
    delivered(&status).await;
    assert!(status.is_known("8") && !status.is_known("nobody"));
    for name in 0..1_000 {
        let mut nobody = reader(&status, &format!("nobody-{name}"));
        assert!(said(&mut nobody).is_empty());
        assert_eq!(status.conversations(), 10, "as long as it is read");
    }
    assert_eq!(status.conversations(), 9);
    for name in 0..9 {
        let mut late = status.subscribe(of(&name.to_string())).with_retained().open();
        assert_eq!(found(&mut late), ["[value]"]);
    }
    assert!(resume(&status, "nobody-1", 9).recovered(), "nothing was said in it");
    end(status).await;
}
