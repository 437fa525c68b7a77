//! Joining, leaving and choosing.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_heartbeat_is_answered() {
    let status = bus();
    let mut client = Client::of(&status);
    client.say_text(r#"[null,"7","phoenix","heartbeat",{}]"#);
    let answer = json!([null, "7", "phoenix", "phx_reply", {"status": "ok", "response": {}}]);
    assert_eq!(client.hears(), [answer]);
    balances(status).await;
}

#[tokio::test(start_paused = true)]
async fn who_joins_as_with_the_origin_chooses_categories_later() {
    let status = bus();
    let mut client = Client::of(&status);
    client.join("status:conv-1", json!({}));
    let joined = json!(["1", "1", "status:conv-1", "phx_reply", {"status": "ok", "response": {
        "conversation_id": "conv-1",
        "available_categories": ALL,
        "subscribed_categories": [],
        "last_event_id": "00000000000000ab-0",
    }}]);
    assert_eq!(client.hears(), [joined]);
    say(&status, "conv-1", Category::TOOL, &["unheard"]).await;
    assert_eq!(client.hears_texts(), [""; 0]);

    client.say("1", "status:conv-1", "subscribe_categories", json!({"categories": ["tool"]}));
    let heard = client.hears();
    assert_eq!(reply(&heard[0]), ("ok".into(), json!({"subscribed": ["tool"]})));
    assert_eq!(heard[1][4]["text"], "unheard");
    assert_eq!((&heard[1][4]["retained"], heard.len()), (&json!(true), 2));
    say(&status, "conv-1", Category::TOOL, &["heard"]).await;
    say(&status, "conv-1", Category::INFO, &["not chosen"]).await;
    say(&status, "conv-2", Category::TOOL, &["another conversation"]).await;
    assert_eq!(client.hears_texts(), ["heard"]);
    balances(status).await;
}

#[tokio::test(start_paused = true)]
async fn an_update_has_the_fields_of_the_origin_and_where_to_resume() {
    let status = bus();
    let mut client = Client::of(&status);
    client.join("status:conv-1", json!({"categories": ["tool", "progress"]}));
    client.hears();
    let metadata: statusbus_tokio::Metadata = r#"{"hits":[3]}"#.parse().expect("an object");
    let text = "\r\n\0\u{2028}</script>\u{1f600}";
    status.update("conv-1", Category::TOOL, text).metadata(metadata).key("k").send();
    status.progress("conv-1", "41 %");
    status.flush().await;
    let mut heard = client.hears();
    assert_eq!(heard.len(), 2, "{heard:?}");
    for update in &mut heard {
        let timestamp = update[4]["timestamp"].take();
        let timestamp = timestamp.as_str().expect("text");
        assert!(timestamp.len() == 27 && timestamp.ends_with('Z'), "{timestamp}");
    }
    assert_eq!(
        heard[0],
        json!(["1", null, "status:conv-1", "status_update", {
            "category": "tool", "text": text, "metadata": {"hits": [3]}, "timestamp": null,
            "id": "00000000000000ab-1", "key": "k", "priority": "state",
        }])
    );
    assert_eq!(
        heard[1][4],
        json!({
            "category": "progress", "text": "41 %", "metadata": {}, "timestamp": null,
            "id": "00000000000000ab-2", "key": null, "priority": "progress",
        })
    );
    balances(status).await;
}

#[tokio::test(start_paused = true)]
async fn system_wide_is_a_topic_of_its_own() {
    let status = bus();
    let mut client = Client::of(&status);
    client.join("status:system", json!({"categories": ["info"]}));
    assert_eq!(client.hears_reply().1["conversation_id"], "system");
    status.system().info("up");
    status.info("conv-1", "not of the system");
    status.info("system", "refused at the door");
    status.flush().await;
    assert_eq!(client.hears_texts(), ["up"]);
    balances(status).await;
}

#[tokio::test(start_paused = true)]
async fn joining_again_closes_the_channel_before() {
    let status = bus();
    let mut client = Client::of(&status);
    client.join("status:conv-1", json!({"categories": ["tool"]}));
    client.hears();
    client.join("status:conv-1", json!({"categories": ["info"]}));
    let heard = client.hears();
    assert_eq!(heard[0], json!(["1", "1", "status:conv-1", "phx_close", {}]));
    assert_eq!((&heard[1][0], &*reply(&heard[1]).0), (&json!("2"), "ok"));
    say(&status, "conv-1", Category::TOOL, &["of the first"]).await;
    say(&status, "conv-1", Category::INFO, &["of the second"]).await;
    let heard = client.hears();
    assert_eq!((&heard[0][0], &heard[0][4]["text"]), (&json!("2"), &json!("of the second")));
    assert_eq!((heard.len(), status.readers()), (1, 1));
    balances(status).await;
}

#[tokio::test(start_paused = true)]
async fn leaving_is_answered_and_closes() {
    let status = bus();
    let mut client = Client::of(&status);
    client.join("status:conv-1", json!({"categories": ["tool"]}));
    client.hears();
    client.say("1", "status:conv-1", "phx_leave", json!({}));
    let ok = json!({"status": "ok", "response": {}});
    assert_eq!(
        client.hears(),
        [
            json!(["1", "2", "status:conv-1", "phx_reply", ok]),
            json!(["1", "1", "status:conv-1", "phx_close", {}]),
        ]
    );
    say(&status, "conv-1", Category::TOOL, &["unheard"]).await;
    assert_eq!((client.hears_texts(), status.readers()), (vec![], 0));
    // Leaving what is left already is well, too.
    client.say("1", "status:conv-1", "phx_leave", json!({}));
    assert_eq!(client.hears(), [json!(["1", "3", "status:conv-1", "phx_reply", ok])]);
    balances(status).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_said_to_an_earlier_join_is_ignored() {
    let status = bus();
    let mut client = Client::of(&status);
    client.join("status:conv-1", json!({}));
    client.join("status:conv-1", json!({}));
    client.hears();
    for event in ["phx_leave", "get_subscriptions", "subscribe_categories"] {
        client.say("1", "status:conv-1", event, json!({"categories": ["tool"]}));
    }
    assert_eq!(client.hears(), [Value::Null; 0]);
    // Who names no join means the one that is.
    client.say_text(r#"[null,"9","status:conv-1","get_subscriptions",{}]"#);
    let heard = client.hears();
    assert_eq!((&heard[0][0], &heard[0][1]), (&json!("2"), &json!("9")));
    assert_eq!(reply(&heard[0]).1["subscribed_categories"], json!([]));
    balances(status).await;
}

#[tokio::test(start_paused = true)]
async fn categories_of_the_application_are_offered_too() {
    let status = Status::builder().category("deploy").expect("a category").spawn();
    let mut client = Client::of(&status);
    client.join("status:a", json!({"categories": ["deploy"]}));
    let response = client.hears_reply().1;
    assert_eq!(response["subscribed_categories"], json!(["deploy"]));
    client.say("1", "status:a", "get_available_categories", json!({}));
    let response = client.hears_reply().1;
    let available = response["available_categories"].as_array().expect("an array");
    assert_eq!((available.len(), &available[7]), (8, &json!("deploy")));
    assert_eq!(response["descriptions"].as_object().map(serde_json::Map::len), Some(7));
    balances(status).await;
}

#[tokio::test(start_paused = true)]
async fn choosing_less_ends_just_that() {
    let status = bus();
    let mut client = Client::of(&status);
    client.join("status:a", json!({"categories": ["tool", "info"]}));
    client.hears();
    client.say("1", "status:a", "unsubscribe_categories", json!({"categories": ["tool", "error"]}));
    assert_eq!(client.hears_reply(), ("ok".into(), json!({"subscribed": ["info"]})));
    say(&status, "a", Category::TOOL, &["unheard"]).await;
    say(&status, "a", Category::INFO, &["heard"]).await;
    assert_eq!(client.hears_texts(), ["heard"]);
    balances(status).await;
}
