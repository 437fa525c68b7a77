//! Order of pushes, and resume positions.

use std::future::poll_fn;

use statusbus_tokio::{Config, Overflow, Spawn};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_late_client_receives_the_retained_values_first() {
    let status = bus();
    publish(&status, "conv-1", Category::TOOL, &["old tool", "tool"]).await;
    publish(&status, "conv-1", Category::INFO, &["info"]).await;
    publish(&status, "conv-1", Category::ERROR, &["not chosen"]).await;
    let mut client = Client::of(&status);
    client.join("status:conv-1", json!({"categories": ["tool", "info"]}));
    publish(&status, "conv-1", Category::TOOL, &["new"]).await;
    let received = client.receive();
    assert_eq!(reply(&received[0]).1["last_event_id"], Value::Null);
    let got = |index: usize| (&received[index][4]["text"], &received[index][4]["id"]);
    // Only the last retained value has an id: the position of the stream.
    assert_eq!(got(1), (&json!("tool"), &Value::Null));
    assert_eq!(got(2), (&json!("info"), &json!("00000000000000ab-4")));
    assert_eq!(got(3), (&json!("new"), &json!("00000000000000ab-5")));
    assert_eq!(received[3][4].get("retained"), None);
    assert_eq!(received.len(), 4);
    assert_balanced(status).await;
}

#[tokio::test(start_paused = true)]
async fn resuming_has_no_gap_and_no_duplicate() {
    let status = bus();
    publish(&status, "conv-1", Category::TOOL, &["1", "2", "3", "4"]).await;
    let mut client = Client::of(&status);
    let params = json!({"categories": ["tool"], "last_event_id": "00000000000000ab-2"});
    client.join("status:conv-1", params);
    publish(&status, "conv-1", Category::TOOL, &["5"]).await;
    let received = client.receive();
    let (answer, response) = reply(&received[0]);
    assert_eq!((&*answer, &response["recovered"]), ("ok", &json!(true)));
    assert_eq!(response["last_event_id"], "00000000000000ab-2");
    let texts: Vec<_> = received[1..].iter().map(|frame| &frame[4]["text"]).collect();
    assert_eq!(texts, ["3", "4", "5"]);
    assert_balanced(status).await;
}

#[tokio::test(start_paused = true)]
async fn an_impossible_resume_is_reported_and_starts_with_the_retained_values() {
    let status = bus();
    publish(&status, "conv-1", Category::TOOL, &["1", "2"]).await;
    let nowhere =
        ["00000000000000ac-1", "00000000000000ab-99", "00000000000000ab", "", "\u{1f600}"];
    for last in nowhere {
        let mut client = Client::of(&status);
        client.join("status:conv-1", json!({"categories": ["tool"], "last_event_id": last}));
        let received = client.receive();
        assert_eq!(reply(&received[0]).1["recovered"], false, "{last}");
        assert_eq!((&received[1][4]["text"], received.len()), (&json!("2"), 2), "{last}");
    }
    assert_balanced(status).await;
}

#[tokio::test(start_paused = true)]
async fn adding_categories_neither_loses_nor_repeats_updates() {
    let status = bus();
    let mut client = Client::of(&status);
    client.join("status:a", json!({"categories": ["tool"]}));
    client.receive();
    publish(&status, "a", Category::INFO, &["old info", "info"]).await;
    publish(&status, "a", Category::TOOL, &["tool"]).await;
    assert_eq!(client.receive_texts(), ["tool"]);
    // Delivered, and not read when the client adds categories.
    publish(&status, "a", Category::TOOL, &["tool 2"]).await;
    status.update("a", Category::INFO, "keyed info").key("k").send();
    status.flush().await;
    client.send("1", "status:a", "subscribe_categories", json!({"categories": ["info", "tool"]}));
    let received = client.receive();
    assert_eq!(reply(&received[0]).1["subscribed"], json!(["tool", "info"]));
    let got: Vec<_> = received[1..].iter().map(|frame| &frame[4]["text"]).collect();
    assert_eq!(got, ["info", "tool 2", "keyed info"]);
    // Retained values have the position of the reader, not their own.
    let ids: Vec<_> = received[1..].iter().map(|frame| &frame[4]["id"]).collect();
    assert_eq!(ids, ["00000000000000ab-3", "00000000000000ab-4", "00000000000000ab-5"]);
    assert_balanced(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_gap_is_reported_in_place_of_the_lost_updates() {
    let config =
        Config::new().with_queue_limit(2).expect("a limit").with_overflow(Overflow::DropNewest);
    let (status, runner) = Status::builder().with_epoch(EPOCH).with_config(config).build();
    let mut client = Client::of(&status);
    client.join("status:a", json!({"categories": ["tool"]}));
    client.receive();
    for text in ["1", "2", "3", "4"] {
        status.tool("a", text);
    }
    tokio::spawn(runner.run());
    status.flush().await;
    publish(&status, "a", Category::TOOL, &["5"]).await;
    let received = client.receive();
    let gap = received.iter().find(|frame| frame[3] == "gap").expect("a gap");
    let id = gap[4]["id"].as_str().expect("a place").to_owned();
    assert_eq!(gap[4], json!({"count": 2, "reasons": {"newest": 2}, "scope": "topic", "id": id}));
    let order: Vec<_> = received.iter().map(|frame| frame[4]["text"].as_str()).collect();
    assert_eq!(order, [None, Some("1"), Some("2"), Some("5")]);
    assert_balanced(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_lagging_client_receives_the_missed_count_and_the_retained_values() {
    let status = Status::builder().with_epoch(EPOCH).with_window(8).with_history(4).spawn();
    let (mut client, mut undecided) = (Client::of(&status), Client::of(&status));
    client.join("status:a", json!({"categories": ["tool", "info"]}));
    client.receive();
    undecided.join("status:a", json!({}));
    undecided.receive();
    publish(&status, "a", Category::INFO, &["info"]).await;
    for _ in 0..200 {
        publish(&status, "a", Category::TOOL, &["tool"]).await;
    }
    let received = client.receive();
    let missed = json!({"count": 201, "reasons": {"lagged": 201}, "scope": "reader", "id": null});
    assert_eq!((&received[0][3], &received[0][4]), (&json!("gap"), &missed));
    let got = |index: usize| (&received[index][4]["text"], &received[index][4]["id"]);
    assert_eq!(got(1), (&json!("info"), &Value::Null));
    assert_eq!(got(2), (&json!("tool"), &json!("00000000000000ab-201")));
    assert_eq!(received.len(), 3);
    publish(&status, "a", Category::TOOL, &["goes on"]).await;
    assert_eq!(client.receive_texts(), ["goes on"]);
    // A client without categories misses nothing.
    assert_eq!(undecided.receive(), [Value::Null; 0]);
    assert_balanced(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_busy_channel_does_not_starve_a_quiet_one() {
    let status = bus();
    let mut client = Client::of(&status);
    client.join("status:busy", json!({"categories": ["tool"]}));
    client.join("status:quiet", json!({"categories": ["tool"]}));
    client.receive();
    publish(&status, "busy", Category::TOOL, &["1", "2", "3", "4"]).await;
    publish(&status, "quiet", Category::TOOL, &["quiet"]).await;
    let place = client.receive_texts().iter().position(|text| text == "quiet");
    assert!(place.is_some_and(|place| place <= 1), "{place:?}");
    assert_balanced(status).await;
}

#[tokio::test(start_paused = true)]
async fn the_end_follows_the_last_update() {
    let status = bus();
    let mut client = Client::of(&status);
    for topic in ["status:a", "status:b"] {
        client.join(topic, json!({"categories": ["tool"]}));
    }
    client.receive();
    status.tool("a", "last of a");
    status.tool("b", "last of b");
    let shutdown = tokio::spawn({
        let status = status.clone();
        async move { status.shutdown(Duration::from_secs(1)).await }
    });
    let mut part = 0;
    while !matches!(poll_fn(|cx| client.session.poll_output(cx)).await, Output::End) {
        part += 1;
    }
    assert_eq!(part, 2);
    let ledger = shutdown.await.expect("the ledger");
    assert!(ledger.is_balanced() && ledger.delivered == 2, "{ledger:?}");
    assert_eq!(client.receive(), [Value::Null; 0]);
    assert_eq!((status.readers(), status.unread()), (0, 0));
}

/// The id from which a client resumes after these frames, chosen as in the README's example.
fn last_id(received: &[Value]) -> Value {
    let mut ids = received.iter().flat_map(|frame| {
        let payload = &frame[4];
        [&payload["id"], &payload["last_event_id"], &payload["response"]["last_event_id"]]
    });
    ids.rfind(|id| id.is_string()).cloned().unwrap_or_default()
}

/// The frames for a client that resumes after these ones.
fn resume_behind(status: &Status, received: &[Value]) -> Vec<Value> {
    let mut client = Client::of(status);
    let params = json!({"categories": Category::BUILT_IN, "last_event_id": last_id(received)});
    client.join("status:a", params);
    client.receive()
}

#[tokio::test(start_paused = true)]
async fn resuming_after_any_of_several_gaps_at_one_position_loses_none() {
    let config =
        Config::new().with_queue_limit(2).expect("a limit").with_overflow(Overflow::DropNewest);
    let status = Status::builder().with_epoch(EPOCH).with_config(config).spawn();
    let mut client = Client::of(&status);
    client.join("status:a", json!({"categories": Category::BUILT_IN}));
    let mut full = client.receive();
    for _ in 0..3 {
        // Without an await in between: the runner delivers two batches.
        let [tool, info] = [Category::TOOL, Category::INFO];
        for category in [tool, info, tool, info, Category::ERROR] {
            status.update("a", category, "x").send();
        }
        status.flush().await;
        publish(&status, "a", tool, &["alone"]).await;
    }
    full.extend(client.receive());
    let gaps = full.iter().filter(|frame| frame[3] == "gap");
    assert_eq!(gaps.clone().count(), 9);
    assert_eq!(gaps.filter(|gap| gap[4]["id"].is_string()).count(), 3, "one of a position");
    for cut in 1..=full.len() {
        let last = last_id(&full[..cut]);
        let has_id = (1..=cut).find(|&to| last_id(&full[..to]) == last).expect("it is one of them");
        let resumed = resume_behind(&status, &full[..cut]);
        assert_eq!(reply(&resumed[0]).1["recovered"], true, "cut behind {cut}");
        let payloads = |frames: &[Value]| frames.iter().map(|frame| frame[4].clone()).collect();
        let (got, expected): (Vec<_>, Vec<_>) =
            (payloads(&resumed[1..]), payloads(&full[has_id..]));
        assert_eq!(got, expected, "cut behind {cut}");
    }
    assert_balanced(status).await;
}

#[tokio::test(start_paused = true)]
async fn resuming_after_any_frame_of_a_lag_gets_all_values() {
    let bus = Status::builder()
        .with_epoch(EPOCH)
        .with_window(16)
        .with_history(4)
        .with_conversation_bytes(1 << 20);
    let status = bus.spawn();
    let mut client = Client::of(&status);
    client.join("status:a", json!({"categories": Category::BUILT_IN}));
    let mut full = client.receive();
    for number in 0..10 {
        let text = number.to_string().repeat(16 * 1024);
        status.update("a", Category::PROGRESS, text).key(number.to_string()).send();
    }
    for _ in 0..200 {
        publish(&status, "a", Category::TOOL, &["too much"]).await;
    }
    full.extend(client.receive());
    publish(&status, "a", Category::INFO, &["goes on"]).await;
    full.extend(client.receive());
    let places = |frames: &[Value]| {
        let updates = frames.iter().filter(|frame| frame[3] == "status_update");
        let place = |frame: &Value| (frame[4]["category"].to_string(), frame[4]["key"].to_string());
        updates.map(place).collect::<std::collections::BTreeSet<_>>()
    };
    let all = places(&full);
    assert_eq!(all.len(), 12);
    for cut in 0..=full.len() {
        let mut seen = full[..cut].to_vec();
        seen.extend(resume_behind(&status, &full[..cut]));
        assert_eq!(places(&seen), all, "cut behind {cut}");
    }
    assert_balanced(status).await;
}

#[tokio::test(start_paused = true)]
async fn the_losses_inside_a_lag_follow_it() {
    let status = Status::builder().with_epoch(EPOCH).with_window(16).with_history(4).spawn();
    let mut client = Client::of(&status);
    client.join("status:a", json!({"categories": Category::BUILT_IN}));
    client.receive();
    for category in [Category::TOOL, Category::INFO] {
        status.update("a", category, "expires").ttl(Duration::ZERO).send();
    }
    status.flush().await;
    for _ in 0..200 {
        publish(&status, "a", Category::TOOL, &["too much"]).await;
    }
    let received = client.receive();
    let events: Vec<_> =
        received.iter().map(|frame| frame[3].as_str().expect("an event")).collect();
    assert_eq!(events, ["gap", "gap", "gap", "status_update"]);
    let ids: Vec<_> = received.iter().map(|frame| frame[4]["id"].is_string()).collect();
    assert_eq!(ids, [false, false, false, true]);
    let expired = received[1..3].iter().map(|gap| gap[4]["reasons"]["expired"].as_u64());
    assert_eq!(expired.collect::<Vec<_>>(), [Some(1), Some(1)], "{received:?}");
    assert_balanced(status).await;
}
