//! Joining, leaving and choosing categories.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_heartbeat_is_answered() {
    let status = bus();
    let mut client = Client::of(&status);
    client.send_text(r#"[null,"7","phoenix","heartbeat",{}]"#);
    let answer = json!([null, "7", "phoenix", "phx_reply", {"status": "ok", "response": {}}]);
    assert_eq!(client.receive(), [answer]);
    assert_balanced(status).await;
}

#[tokio::test(start_paused = true)]
async fn clients_of_the_original_broadcaster_choose_categories_after_joining() {
    let status = bus();
    let mut client = Client::of(&status);
    client.join("status:conv-1", json!({}));
    let joined = json!(["1", "1", "status:conv-1", "phx_reply", {"status": "ok", "response": {
        "conversation_id": "conv-1",
        "available_categories": ALL,
        "subscribed_categories": [],
        "last_event_id": "00000000000000ab-0",
    }}]);
    assert_eq!(client.receive(), [joined]);
    publish(&status, "conv-1", Category::TOOL, &["unheard"]).await;
    assert_eq!(client.receive_texts(), [""; 0]);

    client.send("1", "status:conv-1", "subscribe_categories", json!({"categories": ["tool"]}));
    let received = client.receive();
    assert_eq!(reply(&received[0]), ("ok".into(), json!({"subscribed": ["tool"]})));
    assert_eq!(received[1][4]["text"], "unheard");
    assert_eq!((&received[1][4]["retained"], received.len()), (&json!(true), 2));
    publish(&status, "conv-1", Category::TOOL, &["heard"]).await;
    publish(&status, "conv-1", Category::INFO, &["not chosen"]).await;
    publish(&status, "conv-2", Category::TOOL, &["another conversation"]).await;
    assert_eq!(client.receive_texts(), ["heard"]);
    assert_balanced(status).await;
}

#[tokio::test(start_paused = true)]
async fn an_update_has_the_original_fields_and_the_resume_position() {
    let status = bus();
    let mut client = Client::of(&status);
    client.join("status:conv-1", json!({"categories": ["tool", "progress"]}));
    client.receive();
    let metadata: statusbus_tokio::Metadata = r#"{"hits":[3]}"#.parse().expect("an object");
    let text = "\r\n\0\u{2028}</script>\u{1f600}";
    status.update("conv-1", Category::TOOL, text).metadata(metadata).key("k").send();
    status.progress("conv-1", "41 %");
    status.flush().await;
    let mut received = client.receive();
    assert_eq!(received.len(), 2, "{received:?}");
    for update in &mut received {
        let timestamp = update[4]["timestamp"].take();
        let timestamp = timestamp.as_str().expect("text");
        assert!(timestamp.len() == 27 && timestamp.ends_with('Z'), "{timestamp}");
    }
    assert_eq!(
        received[0],
        json!(["1", null, "status:conv-1", "status_update", {
            "category": "tool", "text": text, "metadata": {"hits": [3]}, "timestamp": null,
            "id": "00000000000000ab-1", "key": "k", "priority": "normal",
        }])
    );
    assert_eq!(
        received[1][4],
        json!({
            "category": "progress", "text": "41 %", "metadata": {}, "timestamp": null,
            "id": "00000000000000ab-2", "key": null, "priority": "low",
        })
    );
    assert_balanced(status).await;
}

#[tokio::test(start_paused = true)]
async fn system_wide_is_a_topic_of_its_own() {
    let status = bus();
    let mut client = Client::of(&status);
    client.join("status:system", json!({"categories": ["info"]}));
    assert_eq!(client.receive_reply().1["conversation_id"], "system");
    status.system().info("up");
    status.info("conv-1", "not of the system");
    status.info("system", "refused at the door");
    status.flush().await;
    assert_eq!(client.receive_texts(), ["up"]);
    assert_balanced(status).await;
}

#[tokio::test(start_paused = true)]
async fn joining_again_closes_the_channel_before() {
    let status = bus();
    let mut client = Client::of(&status);
    client.join("status:conv-1", json!({"categories": ["tool"]}));
    client.receive();
    client.join("status:conv-1", json!({"categories": ["info"]}));
    let received = client.receive();
    assert_eq!(received[0], json!(["1", "1", "status:conv-1", "phx_close", {}]));
    assert_eq!((&received[1][0], &*reply(&received[1]).0), (&json!("2"), "ok"));
    publish(&status, "conv-1", Category::TOOL, &["of the first"]).await;
    publish(&status, "conv-1", Category::INFO, &["of the second"]).await;
    let received = client.receive();
    assert_eq!((&received[0][0], &received[0][4]["text"]), (&json!("2"), &json!("of the second")));
    assert_eq!((received.len(), status.readers()), (1, 1));
    assert_balanced(status).await;
}

#[tokio::test(start_paused = true)]
async fn leaving_is_answered_and_closes() {
    let status = bus();
    let mut client = Client::of(&status);
    client.join("status:conv-1", json!({"categories": ["tool"]}));
    client.receive();
    client.send("1", "status:conv-1", "phx_leave", json!({}));
    let ok = json!({"status": "ok", "response": {}});
    assert_eq!(
        client.receive(),
        [
            json!(["1", "2", "status:conv-1", "phx_reply", ok]),
            json!(["1", "1", "status:conv-1", "phx_close", {}]),
        ]
    );
    publish(&status, "conv-1", Category::TOOL, &["unheard"]).await;
    assert_eq!((client.receive_texts(), status.readers()), (vec![], 0));
    // Leaving twice succeeds.
    client.send("1", "status:conv-1", "phx_leave", json!({}));
    assert_eq!(client.receive(), [json!(["1", "3", "status:conv-1", "phx_reply", ok])]);
    assert_balanced(status).await;
}

#[tokio::test(start_paused = true)]
async fn messages_for_an_earlier_join_are_ignored() {
    let status = bus();
    let mut client = Client::of(&status);
    client.join("status:conv-1", json!({}));
    client.join("status:conv-1", json!({}));
    client.receive();
    for event in ["phx_leave", "get_subscriptions", "subscribe_categories"] {
        client.send("1", "status:conv-1", event, json!({"categories": ["tool"]}));
    }
    assert_eq!(client.receive(), [Value::Null; 0]);
    // A message without a join ref is for the current join.
    client.send_text(r#"[null,"9","status:conv-1","get_subscriptions",{}]"#);
    let received = client.receive();
    assert_eq!((&received[0][0], &received[0][1]), (&json!("2"), &json!("9")));
    assert_eq!(reply(&received[0]).1["subscribed_categories"], json!([]));
    assert_balanced(status).await;
}

#[tokio::test(start_paused = true)]
async fn categories_of_the_application_are_available() {
    let status = Status::builder().with_category("deploy").expect("a category").spawn();
    let mut client = Client::of(&status);
    client.join("status:a", json!({"categories": ["deploy"]}));
    let response = client.receive_reply().1;
    assert_eq!(response["subscribed_categories"], json!(["deploy"]));
    client.send("1", "status:a", "get_available_categories", json!({}));
    let response = client.receive_reply().1;
    let available = response["available_categories"].as_array().expect("an array");
    assert_eq!((available.len(), &available[7]), (8, &json!("deploy")));
    assert_eq!(response["descriptions"].as_object().map(serde_json::Map::len), Some(7));
    assert_balanced(status).await;
}

#[tokio::test(start_paused = true)]
async fn removing_categories_keeps_the_others() {
    let status = bus();
    let mut client = Client::of(&status);
    client.join("status:a", json!({"categories": ["tool", "info"]}));
    client.receive();
    client.send(
        "1",
        "status:a",
        "unsubscribe_categories",
        json!({"categories": ["tool", "error"]}),
    );
    assert_eq!(client.receive_reply(), ("ok".into(), json!({"subscribed": ["info"]})));
    publish(&status, "a", Category::TOOL, &["unheard"]).await;
    publish(&status, "a", Category::INFO, &["heard"]).await;
    assert_eq!(client.receive_texts(), ["heard"]);
    assert_balanced(status).await;
}
