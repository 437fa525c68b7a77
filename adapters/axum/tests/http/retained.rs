//! Retained values.

use serde_json::json;
use statusbus_tokio::{Category, Spawn, Status};

use crate::support::serve;
use crate::support::source::texts;

#[tokio::test]
async fn retained_values_have_a_position_from_which_a_stream_continues() {
    let served = serve(Status::builder().with_epoch(7).spawn()).await;
    for text in ["old", "new"] {
        served.status.update("conv-1", Category::PROGRESS, text).key("k").send();
        served.status.tool("conv-1", text);
        served.status.system().info(text);
        served.status.flush().await;
    }
    let answer = served.get("/v1/status/conv-1").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let answer = answer.json();
    assert_eq!(texts(&answer["updates"]), ["new", "new"]);
    assert_eq!(answer["updates"][0]["key"], "k");
    assert_eq!(answer["id"], "0000000000000007-6");
    let answer = served.get("/v1/system").await.json();
    assert_eq!(
        (texts(&answer["updates"]), &answer["id"]),
        (vec!["new".to_owned()], &json!("0000000000000007-6"))
    );
    let answer = served.get("/v1/status/conv-1?categories=tool").await.json();
    assert_eq!(texts(&answer["updates"]), ["new"]);

    let path = "/v1/status/conv-1/events?last_event_id=0000000000000007-6";
    let mut source = served.events(path).await;
    source.recovers().await;
    served.status.tool("conv-1", "next");
    assert_eq!(source.read(1).await, ["next"]);
    served.end().await;
}

#[tokio::test]
async fn reading_an_unknown_conversation_does_not_create_it() {
    let served = serve(Status::builder().with_epoch(7).with_conversations(3).spawn()).await;
    for name in ["a", "b", "c"] {
        served.status.tool(name, "value");
    }
    served.status.flush().await;
    for number in 0..50 {
        let answer = served.get(&format!("/v1/status/nobody-{number}")).await;
        assert_eq!(answer.json(), json!({"id": "0000000000000007-3", "updates": []}));
    }
    for name in ["a", "b", "c"] {
        let answer = served.get(&format!("/v1/status/{name}")).await.json();
        assert_eq!(texts(&answer["updates"]), ["value"]);
    }
    assert_eq!(served.get("/v1/status/a:b").await.reason(), (400, "invalid".to_owned()));
    served.end().await;
}
