//! What is read, in which order, and where it goes on.

use std::future::poll_fn;

use statusbus_tokio::{Config, Overflow};

use super::*;

#[tokio::test(start_paused = true)]
async fn who_joins_late_gets_what_stands_and_then_what_is_said() {
    let status = bus();
    say(&status, "conv-1", Category::TOOL, &["old tool", "tool"]).await;
    say(&status, "conv-1", Category::INFO, &["info"]).await;
    say(&status, "conv-1", Category::ERROR, &["not chosen"]).await;
    let mut client = Client::of(&status);
    client.join("status:conv-1", json!({"categories": ["tool", "info"]}));
    say(&status, "conv-1", Category::TOOL, &["new"]).await;
    let heard = client.hears();
    assert_eq!(reply(&heard[0]).1["last_event_id"], Value::Null);
    let got = |index: usize| (&heard[index][4]["text"], &heard[index][4]["id"]);
    // The last one that stands says where the stream is; the first must not say an older place.
    assert_eq!(got(1), (&json!("tool"), &Value::Null));
    assert_eq!(got(2), (&json!("info"), &json!("00000000000000ab-4")));
    assert_eq!(got(3), (&json!("new"), &json!("00000000000000ab-5")));
    assert_eq!(heard[3][4].get("retained"), None);
    assert_eq!(heard.len(), 4);
    balances(status).await;
}

#[tokio::test(start_paused = true)]
async fn resuming_goes_on_with_no_gap_and_no_duplicate() {
    let status = bus();
    say(&status, "conv-1", Category::TOOL, &["1", "2", "3", "4"]).await;
    let mut client = Client::of(&status);
    let params = json!({"categories": ["tool"], "last_event_id": "00000000000000ab-2"});
    client.join("status:conv-1", params);
    say(&status, "conv-1", Category::TOOL, &["5"]).await;
    let heard = client.hears();
    let (answer, response) = reply(&heard[0]);
    assert_eq!((&*answer, &response["recovered"]), ("ok", &json!(true)));
    assert_eq!(response["last_event_id"], "00000000000000ab-2");
    let texts: Vec<_> = heard[1..].iter().map(|frame| &frame[4]["text"]).collect();
    assert_eq!(texts, ["3", "4", "5"]);
    balances(status).await;
}

#[tokio::test(start_paused = true)]
async fn where_resuming_is_not_possible_that_is_said_and_what_stands_comes_first() {
    let status = bus();
    say(&status, "conv-1", Category::TOOL, &["1", "2"]).await;
    let nowhere =
        ["00000000000000ac-1", "00000000000000ab-99", "00000000000000ab", "", "\u{1f600}"];
    for last in nowhere {
        let mut client = Client::of(&status);
        client.join("status:conv-1", json!({"categories": ["tool"], "last_event_id": last}));
        let heard = client.hears();
        assert_eq!(reply(&heard[0]).1["recovered"], false, "{last}");
        assert_eq!((&heard[1][4]["text"], heard.len()), (&json!("2"), 2), "{last}");
    }
    balances(status).await;
}

#[tokio::test(start_paused = true)]
async fn choosing_more_neither_loses_nor_repeats_anything() {
    let status = bus();
    let mut client = Client::of(&status);
    client.join("status:a", json!({"categories": ["tool"]}));
    client.hears();
    say(&status, "a", Category::INFO, &["old info", "info"]).await;
    say(&status, "a", Category::TOOL, &["tool"]).await;
    assert_eq!(client.hears_texts(), ["tool"]);
    // Delivered, and not read yet when the client chooses.
    say(&status, "a", Category::TOOL, &["tool 2"]).await;
    status.update("a", Category::INFO, "keyed info").key("k").send();
    status.flush().await;
    client.say("1", "status:a", "subscribe_categories", json!({"categories": ["info", "tool"]}));
    let heard = client.hears();
    assert_eq!(reply(&heard[0]).1["subscribed"], json!(["tool", "info"]));
    let got: Vec<_> = heard[1..].iter().map(|frame| &frame[4]["text"]).collect();
    assert_eq!(got, ["info", "tool 2", "keyed info"]);
    // What stands says where the reader is, not where its values were.
    let ids: Vec<_> = heard[1..].iter().map(|frame| &frame[4]["id"]).collect();
    assert_eq!(ids, ["00000000000000ab-3", "00000000000000ab-4", "00000000000000ab-5"]);
    balances(status).await;
}

#[tokio::test(start_paused = true)]
async fn what_nobody_gets_is_told_where_it_would_have_been() {
    let config = Config::new().queue_limit(2).expect("a limit").overflow(Overflow::DropNewest);
    let (status, runner) = Status::builder().epoch(EPOCH).config(config).build();
    let mut client = Client::of(&status);
    client.join("status:a", json!({"categories": ["tool"]}));
    client.hears();
    for text in ["1", "2", "3", "4"] {
        status.tool("a", text);
    }
    tokio::spawn(runner.run());
    status.flush().await;
    say(&status, "a", Category::TOOL, &["5"]).await;
    let heard = client.hears();
    let gap = heard.iter().find(|frame| frame[3] == "gap").expect("a gap");
    let id = gap[4]["id"].as_str().expect("a place").to_owned();
    assert_eq!(gap[4], json!({"count": 2, "reasons": {"newest": 2}, "scope": "topic", "id": id}));
    let order: Vec<_> = heard.iter().map(|frame| frame[4]["text"].as_str()).collect();
    assert_eq!(order, [None, Some("1"), Some("2"), Some("5")]);
    balances(status).await;
}

#[tokio::test(start_paused = true)]
async fn who_is_too_slow_is_told_how_much_it_missed_and_gets_what_stands() {
    let status = Status::builder().epoch(EPOCH).window(8).history(4).spawn();
    let (mut client, mut undecided) = (Client::of(&status), Client::of(&status));
    client.join("status:a", json!({"categories": ["tool", "info"]}));
    client.hears();
    undecided.join("status:a", json!({}));
    undecided.hears();
    say(&status, "a", Category::INFO, &["info"]).await;
    for _ in 0..200 {
        say(&status, "a", Category::TOOL, &["tool"]).await;
    }
    let heard = client.hears();
    let missed = json!({"count": 201, "reasons": {"lagged": 201}, "scope": "reader", "id": null});
    assert_eq!((&heard[0][3], &heard[0][4]), (&json!("gap"), &missed));
    let got = |index: usize| (&heard[index][4]["text"], &heard[index][4]["id"]);
    assert_eq!(got(1), (&json!("info"), &Value::Null));
    assert_eq!(got(2), (&json!("tool"), &json!("00000000000000ab-201")));
    assert_eq!(heard.len(), 3);
    say(&status, "a", Category::TOOL, &["goes on"]).await;
    assert_eq!(client.hears_texts(), ["goes on"]);
    // Who has chosen nothing has missed nothing.
    assert_eq!(undecided.hears(), [Value::Null; 0]);
    balances(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_busy_channel_does_not_hold_up_a_quiet_one() {
    let status = bus();
    let mut client = Client::of(&status);
    client.join("status:busy", json!({"categories": ["tool"]}));
    client.join("status:quiet", json!({"categories": ["tool"]}));
    client.hears();
    say(&status, "busy", Category::TOOL, &["1", "2", "3", "4"]).await;
    say(&status, "quiet", Category::TOOL, &["quiet"]).await;
    let place = client.hears_texts().iter().position(|text| text == "quiet");
    assert!(place.is_some_and(|place| place <= 1), "{place:?}");
    balances(status).await;
}

#[tokio::test(start_paused = true)]
async fn the_end_comes_when_everything_is_read() {
    let status = bus();
    let mut client = Client::of(&status);
    for topic in ["status:a", "status:b"] {
        client.join(topic, json!({"categories": ["tool"]}));
    }
    client.hears();
    status.tool("a", "last of a");
    status.tool("b", "last of b");
    let shutdown = tokio::spawn({
        let status = status.clone();
        async move { status.shutdown(Duration::from_secs(1)).await }
    });
    let mut told = 0;
    while !matches!(poll_fn(|cx| client.session.poll_told(cx)).await, Told::End) {
        told += 1;
    }
    assert_eq!(told, 2);
    let ledger = shutdown.await.expect("the ledger");
    assert!(ledger.is_balanced() && ledger.delivered == 2, "{ledger:?}");
    assert_eq!(client.hears(), [Value::Null; 0]);
    assert_eq!((status.readers(), status.unread()), (0, 0));
}

/// The id from which a client resumes behind these frames, as the README's does.
fn last_id(heard: &[Value]) -> Value {
    let mut ids = heard.iter().flat_map(|frame| {
        let payload = &frame[4];
        [&payload["id"], &payload["last_event_id"], &payload["response"]["last_event_id"]]
    });
    ids.rfind(|id| id.is_string()).cloned().unwrap_or_default()
}

/// What a client hears that joins behind these frames.
fn resume_behind(status: &Status, heard: &[Value]) -> Vec<Value> {
    let mut client = Client::of(status);
    let params = json!({"categories": Category::BUILT_IN, "last_event_id": last_id(heard)});
    client.join("status:a", params);
    client.hears()
}

#[tokio::test(start_paused = true)]
async fn behind_each_of_several_gaps_at_one_position_a_client_resumes_without_losing_one() {
    let config = Config::new().queue_limit(2).expect("a limit").overflow(Overflow::DropNewest);
    let status = Status::builder().epoch(EPOCH).config(config).spawn();
    let mut client = Client::of(&status);
    client.join("status:a", json!({"categories": Category::BUILT_IN}));
    let mut full = client.hears();
    for _ in 0..3 {
        // In one go: the runner has no turn in between, and takes two.
        let [tool, info] = [Category::TOOL, Category::INFO];
        for category in [tool, info, tool, info, Category::ERROR] {
            status.update("a", category, "x").send();
        }
        status.flush().await;
        say(&status, "a", tool, &["alone"]).await;
    }
    full.extend(client.hears());
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
    balances(status).await;
}

#[tokio::test(start_paused = true)]
async fn behind_each_frame_of_a_lag_a_client_resumes_to_all_values() {
    let bus = Status::builder().epoch(EPOCH).window(16).history(4).conversation_bytes(1 << 20);
    let status = bus.spawn();
    let mut client = Client::of(&status);
    client.join("status:a", json!({"categories": Category::BUILT_IN}));
    let mut full = client.hears();
    for number in 0..10 {
        let text = number.to_string().repeat(16 * 1024);
        status.update("a", Category::PROGRESS, text).key(number.to_string()).send();
    }
    for _ in 0..200 {
        say(&status, "a", Category::TOOL, &["too much"]).await;
    }
    full.extend(client.hears());
    say(&status, "a", Category::INFO, &["goes on"]).await;
    full.extend(client.hears());
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
    balances(status).await;
}

#[tokio::test(start_paused = true)]
async fn the_losses_inside_a_lag_come_behind_it() {
    let status = Status::builder().epoch(EPOCH).window(16).history(4).spawn();
    let mut client = Client::of(&status);
    client.join("status:a", json!({"categories": Category::BUILT_IN}));
    client.hears();
    for category in [Category::TOOL, Category::INFO] {
        status.update("a", category, "expires").ttl(Duration::ZERO).send();
    }
    status.flush().await;
    for _ in 0..200 {
        say(&status, "a", Category::TOOL, &["too much"]).await;
    }
    let heard = client.hears();
    let events: Vec<_> = heard.iter().map(|frame| frame[3].as_str().expect("an event")).collect();
    assert_eq!(events, ["gap", "gap", "gap", "status_update"]);
    let ids: Vec<_> = heard.iter().map(|frame| frame[4]["id"].is_string()).collect();
    assert_eq!(ids, [false, false, false, true]);
    let expired = heard[1..3].iter().map(|gap| gap[4]["reasons"]["expired"].as_u64());
    assert_eq!(expired.collect::<Vec<_>>(), [Some(1), Some(1)], "{heard:?}");
    balances(status).await;
}
