//! Refusals, limits and expiry.

use super::*;

#[tokio::test(start_paused = true)]
async fn invalid_requests_are_refused_with_the_remedy() {
    let status = bus();
    let mut client = Client::of(&status);
    let joins = [
        ("room:lobby", json!({}), "unmatched topic", "status:{conversation}"),
        ("phoenix", json!({}), "unmatched topic", "status:{conversation}"),
        ("status:", json!({}), "invalid_conversation", "1 to 128 bytes"),
        ("status:a:tool", json!({}), "invalid_conversation", "':'"),
        ("status:*", json!({}), "invalid_conversation", "'*'"),
        ("status:a", json!({"categories": ["gossip"]}), "invalid_categories", "1 unknown"),
        (
            "status:a",
            json!({"categories": "tool"}),
            "invalid_payload",
            "`categories` has to be an array of strings or null, and is a string",
        ),
        (
            "status:a",
            json!({"categories": ["tool", 1]}),
            "invalid_payload",
            "`categories` has to be an array of strings or null",
        ),
        (
            "status:a",
            json!({"last_event_id": 7}),
            "invalid_payload",
            "`last_event_id` has to be a string or null, and is a number",
        ),
        (
            "status:a",
            json!("hello"),
            "invalid_payload",
            "the payload has to be an object or null, and is a string",
        ),
        (
            "status:a",
            json!([["tool"], "00000000000000ab-1"]),
            "invalid_payload",
            "the payload has to be an object or null, and is an array",
        ),
    ];
    for (topic, params, reason, part) in joins {
        client.join(topic, params);
        let (answer, response) = client.receive_reply();
        assert_eq!((&*answer, &response["reason"]), ("error", &json!(reason)), "{topic}");
        assert!(response["message"].as_str().is_some_and(|text| text.contains(part)), "{response}");
    }
    client.send("1", "status:a", "subscribe_categories", json!({"categories": ["tool"]}));
    assert_eq!(client.receive_reply().1["reason"], "unmatched topic");

    client.join("status:a", Value::Null);
    assert_eq!(client.receive_reply().0, "ok");
    let joined = client.sent.to_string();
    let asked = [
        ("update_subscription", json!({}), "unknown_event"),
        ("phx_close", json!({}), "unknown_event"),
        ("subscribe_categories", json!({}), "invalid_payload"),
        ("subscribe_categories", json!(null), "invalid_payload"),
        ("subscribe_categories", json!([["tool"]]), "invalid_payload"),
        ("unsubscribe_categories", json!({"categories": [1]}), "invalid_payload"),
        ("unsubscribe_categories", json!({"categories": ["tool", "x"]}), "invalid_categories"),
    ];
    for (event, payload, reason) in asked {
        client.send(&joined, "status:a", event, payload);
        let (answer, response) = client.receive_reply();
        assert_eq!((&*answer, &response["reason"]), ("error", &json!(reason)), "{event}");
    }
    client.send(
        &joined,
        "status:a",
        "subscribe_categories",
        json!({"categories": ["x", "tool", "y"]}),
    );
    let response = client.receive_reply().1;
    assert_eq!((&response["invalid"], &response["valid"]), (&json!(["x", "y"]), &json!(ALL)));
    // The refused requests changed nothing.
    client.send(&joined, "status:a", "get_subscriptions", json!({}));
    let subscriptions = json!({"subscribed_categories": [], "available_categories": ALL});
    assert_eq!(client.receive_reply(), ("ok".into(), subscriptions));
    assert_balanced(status).await;
}

#[tokio::test(start_paused = true)]
async fn invalid_messages_are_refused_and_the_connection_continues() {
    let status = bus();
    let mut client = Client::of(&status);
    client.join("status:a", json!({"categories": ["tool"]}));
    client.receive();
    for text in ["", "hello", "{}", "[]", r#"["1","2","status:a","phx_leave"]"#] {
        client.send_text(text);
        let received = client.receive();
        let (answer, response) = reply(&received[0]);
        assert_eq!((&received[0][2], &*answer), (&json!("phoenix"), "error"), "{text}");
        assert_eq!(response["reason"], "invalid_message", "{text}");
    }
    client.session.receive_binary();
    assert_eq!(
        reply(&client.receive()[0]).1["message"],
        "binary frames are not supported: send JSON text"
    );
    publish(&status, "a", Category::TOOL, &["still there"]).await;
    assert_eq!(client.receive_texts(), ["still there"]);
    assert_balanced(status).await;
}

#[tokio::test(start_paused = true)]
async fn categories_change_30_times_a_minute_and_then_there_is_a_retry_time() {
    let status = bus();
    let mut client = Client::of(&status);
    client.join("status:a", json!({}));
    client.receive();
    let change = |client: &mut Client, turn: u64| {
        let event = ["subscribe_categories", "unsubscribe_categories"][turn as usize % 2];
        client.send("1", "status:a", event, json!({"categories": ["tool"]}));
        client.receive_reply()
    };
    for turn in 0..30 {
        assert_eq!(change(&mut client, turn).0, "ok");
        client.now += Duration::from_secs(1);
    }
    let (answer, response) = change(&mut client, 30);
    assert_eq!((&*answer, &response["reason"]), ("error", &json!("rate_limit_exceeded")));
    assert_eq!(response["retry_after_ms"], 30_000);
    // Reading the subscriptions does not count as a change.
    client.send("1", "status:a", "get_subscriptions", json!({}));
    assert_eq!(client.receive_reply().1["subscribed_categories"], json!([]));
    client.now += Duration::from_micros(29_999_500);
    assert_eq!(change(&mut client, 30).1["retry_after_ms"], 1);
    client.now += Duration::from_micros(500);
    assert_eq!(change(&mut client, 30).0, "ok");
    assert_eq!(change(&mut client, 31).0, "error");
    assert_balanced(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_has_a_hundred_channels() {
    let status = bus();
    let mut client = Client::of(&status);
    for channel in 0..100 {
        client.join(&format!("status:{channel}"), json!({}));
        assert_eq!(client.receive_reply().0, "ok");
    }
    client.join("status:100", json!({}));
    let (answer, response) = client.receive_reply();
    assert_eq!((&*answer, &response["reason"]), ("error", &json!("too many channels joined")));
    assert_eq!(status.readers(), 100);
    client.send("1", "status:0", "phx_leave", json!({}));
    client.receive();
    client.join("status:100", json!({}));
    assert_eq!(client.receive_reply().0, "ok");
    assert_balanced(status).await;
}

#[tokio::test(start_paused = true)]
async fn the_idle_timeout_is_a_minute() {
    let status = bus();
    let mut client = Client::of(&status);
    let start = client.now;
    assert_eq!(client.session.deadline(), start + Duration::from_secs(60));
    assert!(!client.session.is_idle(start + Duration::from_millis(59_999)));
    assert!(client.session.is_idle(start + Duration::from_secs(60)));
    client.now += Duration::from_secs(59);
    client.send_text("not even a message");
    assert!(!client.session.is_idle(start + Duration::from_secs(118)));
    assert_eq!(client.session.deadline(), start + Duration::from_secs(119));
    assert_balanced(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_fast_client_is_slowed_down_and_loses_nothing() {
    let status = bus();
    let mut client = Client::of(&status);
    for _ in 0..250 {
        assert_eq!(client.session.wait(client.now), Duration::ZERO);
        client.send_text(r#"[null,"1","phoenix","heartbeat",{}]"#);
    }
    assert_eq!(client.session.wait(client.now), Duration::from_millis(20));
    client.now += Duration::from_millis(20);
    assert_eq!(client.session.wait(client.now), Duration::ZERO);
    assert_eq!(client.receive().len(), 250);
    assert_balanced(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_join_has_a_reason() {
    let status = bus();
    let mut client = Client::of(&status);
    let join = client.session.receive(r#"["1","1","status:a","phx_join",{}]"#, client.now);
    let join = join.expect("a join request");
    assert_eq!(Ok(&join.subscribe.selector), Selector::conversation("a").as_ref());
    client.session.refuse(&join, Refusal::new("unauthorized", "not yours"));
    let refused = json!({"reason": "unauthorized", "message": "not yours"});
    assert_eq!(reply(&client.receive()[0]), ("error".into(), refused));
    assert_eq!(status.readers(), 0);
    assert_balanced(status).await;
}

#[tokio::test(start_paused = true)]
async fn a_channel_ends_with_the_permission_and_can_be_joined_again() {
    let status = bus();
    let mut client = Client::of(&status);
    let join = client.session.receive(r#"["1","1","status:a","phx_join",{}]"#, client.now);
    let ends = client.now + Duration::from_secs(5);
    client.session.admit(join.expect("a join request"), Some(ends));
    client.join("status:b", json!({}));
    client.receive();
    assert_eq!(client.session.deadline(), ends);
    client.session.expire(ends - Duration::from_millis(1));
    assert_eq!(client.receive(), [Value::Null; 0]);
    client.session.expire(ends);
    let received = client.receive();
    // phoenix.js joins again after this event, and the join is authorized again.
    assert_eq!((&received[0][0], &received[0][3]), (&json!("1"), &json!("phx_error")));
    assert_eq!((received.len(), status.readers()), (1, 1));
    client.join("status:a", json!({}));
    assert_eq!(client.receive_reply().0, "ok");
    assert_balanced(status).await;
}
