//! Publishing: each update is checked separately, and errors name the fault and the remedy.

use serde_json::{Value, json};
use statusbus_axum::Limits;
use statusbus_tokio::{Config, Overflow, RefuseReason, Spawn, Status};

use crate::support::{serve, serve_with};

fn update(text: &str) -> Value {
    json!({"conversation": "conv-1", "category": "tool", "text": text})
}

#[tokio::test]
async fn an_update_arrives_as_it_was_sent() {
    let served = serve(Status::builder().spawn()).await;
    let mut source = served.events("/v1/events").await;
    source.begins().await;
    let answer = served
        .publish(json!({"conversation": "conv-1", "category": "tool", "text": "found",
            "metadata": {"hits": 3, "of": [1, null]}, "key": "search", "priority": "high",
            "ttl_ms": 5000}))
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()),
        (202, json!({"accepted": 1, "refused": []}))
    );
    let mut updates = source.expect("status").await;
    updates[0]["at"].take();
    assert_eq!(
        updates,
        json!([{"seq": 1, "conversation": "conv-1", "category": "tool", "text": "found",
            "metadata": {"hits": 3, "of": [1, null]}, "key": "search", "priority": "high",
            "at": null}])
    );
    served.end().await;
}

#[tokio::test]
async fn many_keep_their_order_as_an_array_and_as_lines() {
    let served = serve(Status::builder().spawn()).await;
    let mut source = served.events("/v1/events").await;
    source.begins().await;
    let texts: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
    let updates: Vec<Value> = texts.iter().map(|text| update(text)).collect();
    let answer = served.publish(json!(updates)).await;
    assert_eq!(answer.json(), json!({"accepted": 1_000, "refused": []}));
    assert_eq!(source.read(1_000).await, texts);
    let lines: Vec<String> = updates.iter().map(Value::to_string).collect();
    let answer = served.post("application/x-ndjson", lines.join("\n")).await;
    assert_eq!(answer.json(), json!({"accepted": 1_000, "refused": []}));
    assert_eq!(source.read(1_000).await, texts);
    served.end().await;
}

#[tokio::test]
async fn a_conversation_may_be_a_number_and_a_missing_one_is_the_system() {
    let served = serve(Status::builder().spawn()).await;
    let mut source = served.events("/v1/events").await;
    source.begins().await;
    let about = |conversation: Value| json!({"conversation": conversation, "category": "info", "text": "x"});
    let none = json!({"category": "info", "text": "x"});
    served.publish(json!([about(json!(42)), about(json!("42")), about(json!(null)), none])).await;
    let mut seen = Vec::new();
    while seen.len() < 4 {
        let updates = source.expect("status").await;
        let updates = updates.as_array().expect("an array").clone();
        seen.extend(updates.into_iter().map(|mut update| update["conversation"].take()));
    }
    assert_eq!(seen, [json!("42"), json!("42"), json!(null), json!(null)]);
    served.end().await;
}

#[tokio::test]
async fn an_invalid_update_is_refused_alone_with_the_remedy() {
    let served = serve(Status::builder().spawn()).await;
    let mut source = served.events("/v1/events").await;
    source.begins().await;
    let with = |field: &str, value: Value| {
        let mut update = update("bad");
        update[field] = value;
        update
    };
    let bad = [
        (with("category", json!("gossip")), "unknown_category", "use one of the built-in ones"),
        (with("conversation", json!("system")), "invalid", "leave the conversation out"),
        (with("conversation", json!("a:b")), "invalid", "leave out control characters"),
        (with("conversation", json!("")), "invalid", "give it 1 to 128 bytes"),
        (
            with("conversation", json!(1.5)),
            "invalid",
            "`conversation` has to be a name, or null for the whole system, and is a number",
        ),
        (with("text", json!("x".repeat(16 * 1024 + 1))), "too_large", "shorten it to 16384"),
        (with("text", json!(7)), "invalid", "`text` has to be a string, and is a number"),
        (with("category", json!(null)), "invalid", "`category` has to be a string, and is null"),
        (with("key", json!({})), "invalid", "`key` has to be a string or null, and is an object"),
        (with("key", json!("x".repeat(129))), "too_large", "shorten it to 128"),
        (with("key", json!("")), "invalid", "at least 1 byte"),
        (with("metadata", json!({"a": "x".repeat(5_000)})), "too_large", "shorten it to 4096"),
        (
            with("metadata", json!([1])),
            "invalid",
            "`metadata` has to be an object or null, and is an array",
        ),
        (with("priority", json!("urgent")), "invalid", "choose among low, normal, high"),
        (
            with("priority", json!(["normal"])),
            "invalid",
            "`priority` has to be a string or null, and is an array",
        ),
        (
            with("ttl_ms", json!(-1)),
            "invalid",
            "`ttl_ms` has to be a whole number of milliseconds, 0 or more, or null, and is a number",
        ),
        (with("ttl_ms", json!("5000")), "invalid", "or null, and is a string"),
        (with("conversaton", json!("conv-1")), "invalid", "unknown field `conversaton`, expected"),
        (json!({"conversation": "conv-1", "category": "tool"}), "invalid", "missing field `text`"),
        (json!({"text": "x"}), "invalid", "missing field `category`"),
        (json!("x"), "invalid", "an update has to be an object, and is a string"),
        (json!(null), "invalid", "an update has to be an object, and is null"),
        (json!(true), "invalid", "an update has to be an object, and is a boolean"),
        (
            json!(["conv-1", "tool", "text"]),
            "invalid",
            "an update has to be an object, and is an array",
        ),
        (json!([null, "tool", "x", null, null, null, null]), "invalid", "has to be an object"),
    ];
    let twice = r#"{"category":"tool","text":"x","metadata":{"a":1,"a":2}}"#;
    let answer = served.post("application/json", twice).await.json();
    assert_eq!(
        (&answer["accepted"], &answer["refused"][0]["reason"]),
        (&json!(0), &json!("invalid"))
    );
    let detail = answer["refused"][0]["detail"].as_str().expect("a detail");
    assert!(detail.contains("the key \"a\" is duplicate"), "{detail}");
    let mut updates = Vec::new();
    for (number, (bad, _, _)) in bad.iter().enumerate() {
        updates.extend([update(&number.to_string()), bad.clone()]);
    }
    let answer = served.publish(json!(updates)).await.json();
    assert_eq!(answer["accepted"], bad.len());
    let refused = answer["refused"].as_array().expect("an array");
    assert_eq!(refused.len(), bad.len());
    for (number, ((sent, reason, detail), refusal)) in bad.iter().zip(refused).enumerate() {
        assert_eq!(refusal["index"], 2 * number + 1, "{sent}");
        assert_eq!(refusal["reason"], *reason, "{sent}");
        let reported = refusal["detail"].as_str().expect("a detail");
        assert!(reported.contains(detail), "{sent:.80}: {reported}");
        for of_rust in ["struct", "u64", "tuple", "sequence", "map", "unit", "integer"] {
            assert!(!reported.contains(of_rust), "{sent:.80}: {reported}");
        }
    }
    let good: Vec<String> = (0..bad.len()).map(|number| number.to_string()).collect();
    assert_eq!(source.read(bad.len()).await, good, "the others are not lost with them");
    let ledger = served.end().await;
    let count = |reason| ledger.refused.count(reason);
    assert_eq!(ledger.refused.total(), bad.len() as u64 + 1);
    assert_eq!((count(RefuseReason::UnknownCategory), count(RefuseReason::TooLarge)), (1, 3));
}

#[tokio::test]
async fn an_invalid_line_does_not_affect_the_others() {
    let served = serve(Status::builder().spawn()).await;
    let lines = format!("{}\nnonsense\n\n{}\r\n{{", update("one"), update("two"));
    let answer = served.post("application/x-ndjson", lines).await.json();
    assert_eq!(answer["accepted"], 2);
    let refused = answer["refused"].as_array().expect("an array");
    let reported: Vec<_> = refused.iter().map(|each| (&each["index"], &each["reason"])).collect();
    assert_eq!(reported, [(&json!(1), &json!("invalid")), (&json!(3), &json!("invalid"))]);
    served.end().await;
}

#[tokio::test]
async fn an_invalid_request_is_refused_as_a_whole() {
    let limits = Limits::new().with_body(10_000).with_updates(3);
    let served =
        serve_with(Status::builder().spawn(), |routes| routes.with_limits(limits), |server| server)
            .await;
    let four = json!([update("1"), update("2"), update("3"), update("4")]);
    let lines = [0; 4].map(|_| update("x").to_string()).join("\n");
    for (content_type, body, reported, detail) in [
        ("application/json", "nonsense".into(), (400, "not_json"), "application/x-ndjson"),
        ("application/json", String::new(), (400, "not_json"), "EOF"),
        (
            "application/json",
            format!("{}\n{}", update("1"), update("2")),
            (400, "not_json"),
            "x-ndjson",
        ),
        ("application/json", "[".repeat(9_000), (400, "not_json"), "line 1"),
        ("application/json", four.to_string(), (413, "too_large"), "at most 3 updates"),
        ("application/x-ndjson", lines, (413, "too_large"), "at most 3 updates"),
        ("application/json", "x".repeat(10_001), (413, "too_large"), "more than 10000 bytes"),
    ] {
        let answer = served.post(content_type, body).await;
        assert_eq!(answer.reason(), (reported.0, reported.1.to_owned()), "{}", answer.text);
        assert!(answer.text.contains(detail), "{}", answer.text);
    }
    let answer = served.post("application/json", vec![b'"', 0xff, b'"']).await;
    assert_eq!(answer.reason(), (400, "not_json".to_owned()));
    let client = served.client().await;
    let packed = client.request("POST", "/v1/status").header("content-encoding", "gzip");
    assert_eq!(client.answer(packed, "x").await.reason(), (415, "packed".to_owned()));
    assert_eq!(served.end().await.sent, 0);
}

#[tokio::test]
async fn the_encoding_identity_is_accepted_in_any_case() {
    let served = serve(Status::builder().spawn()).await;
    for (encodings, status) in [
        (&["identity"][..], 202),
        (&["IDENTITY"], 202),
        (&[" Identity , identity"], 202),
        (&["identity", "IDENTITY"], 202),
        (&["GZIP"], 415),
        (&["identity, gzip"], 415),
        (&["identity", "br"], 415),
        (&[" ,"], 202),
    ] {
        for path in ["/v1/status", "/v1/events?format=ag-ui"] {
            let client = served.client().await;
            let mut request = client.request("POST", path);
            for encoding in encodings {
                request = request.header("content-encoding", *encoding);
            }
            let body = match path {
                "/v1/status" => update("x").to_string(),
                _ => json!({"threadId": "t", "runId": "r"}).to_string(),
            };
            let answer = client.answer(request, body).await;
            let expected = if path == "/v1/status" || status == 415 { status } else { 200 };
            assert_eq!(answer.status, expected, "{path} {encodings:?}: {}", answer.text);
        }
    }
    served.end().await;
}

#[tokio::test]
async fn updates_that_a_full_queue_drops_are_reported() {
    let config = Config::new().with_queue_limit(2).expect("valid").with_overflow(Overflow::Reject);
    // The runner does not run, so nothing is delivered.
    let (status, runner) = Status::builder().with_config(config).build();
    let served = serve(status).await;
    let answer = served.publish(json!([update("1"), update("2"), update("3")])).await.json();
    assert_eq!(answer["accepted"], 2);
    assert_eq!(answer["refused"][0]["index"], 2);
    assert_eq!(answer["refused"][0]["reason"], "full");
    served.status.reconfigure(config.with_overflow(Overflow::DropNewest));
    let answer = served.publish(update("4")).await.json();
    assert_eq!(answer["accepted"], 0);
    assert_eq!(answer["refused"][0]["reason"], "newest");
    tokio::spawn(runner.run());
    let ledger = served.end().await;
    assert_eq!((ledger.delivered, ledger.dropped.newest, ledger.refused.full), (2, 1, 1));
}

#[tokio::test]
async fn a_closed_bus_refuses_updates() {
    let served = serve(Status::builder().spawn()).await;
    let client = served.client().await;
    served.status.shutdown(std::time::Duration::from_secs(1)).await;
    let request = client.request("POST", "/v1/status");
    let answer = client.answer(request, update("late").to_string()).await;
    assert_eq!(answer.reason(), (503, "closing".to_owned()));
    assert_eq!(served.end().await.refused.closed, 1);
}
