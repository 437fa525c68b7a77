//! The JSON forms.
#![cfg(feature = "json")]

use std::time::Duration;

use serde::Serialize;
use statusbus_hub::json::Updates;
use statusbus_hub::{Category, Event, Metadata, Priority, Selector, Status};
use statusbus_tokio::Spawn;

fn written(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("memory")
}

#[tokio::test(start_paused = true)]
async fn an_update_has_all_its_fields_and_lies_on_one_line() {
    let status = Status::builder().with_epoch(0xab).spawn();
    let mut reader = status.subscribe(Selector::Everything).open();
    let metadata: Metadata = "{\"fraction\":\r\n0.50}".parse().expect("an object");
    status
        .update("conv-1", Category::PROGRESS, "half \"way\"\r\n\0\u{2028}</script>")
        .key("k")
        .metadata(metadata)
        .priority(Priority::Normal)
        .send();
    status.system().info("up");
    status.flush().await;
    let Some(Event::Batch(batch)) = reader.try_next() else { panic!("a batch") };
    let text = written(&Updates::new(&batch, status.categories()));
    let (before, rest) = text.split_once(r#""at":""#).expect("a time");
    assert_eq!(
        before,
        "[{\"seq\":1,\"conversation\":\"conv-1\",\"category\":\"progress\",\
         \"text\":\"half \\\"way\\\"\\r\\n\\u0000\u{2028}</script>\",\
         \"metadata\":{\"fraction\":  0.50},\"key\":\"k\",\"priority\":\"normal\","
    );
    let (at, rest) = rest.split_once('"').expect("a time");
    assert!(at.parse::<jiff::Timestamp>().is_ok() && at.ends_with('Z'), "{at}");
    let system = r#""conversation":null,"category":"info","text":"up","metadata":null,"key":null,"priority":"normal""#;
    assert!(rest.contains(system), "{rest}");
    drop(reader);
    assert!(status.shutdown(Duration::from_secs(1)).await.is_balanced());
}
