//! The JSON of updates.

use serde::Serialize;
use statusbus_hub::json::Updates;
use statusbus_hub::{Category, Event, Metadata, Priority, Selector, Status};

use crate::support::{Start, test};

fn written(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("memory")
}

#[test]
fn the_json_of_an_update_has_all_fields_on_one_line() {
    let bus = Status::builder().with_epoch(0xab).start();
    let mut reader = bus.subscribe(Selector::Everything).open();
    let metadata: Metadata = "{\"fraction\":\r\n0.50}".parse().expect("an object");
    bus.update("conv-1", Category::PROGRESS, "half \"way\"\r\n\0\u{2028}</script>")
        .key("k")
        .metadata(metadata)
        .priority(Priority::Normal)
        .send();
    bus.system().info("up");
    bus.deliver();
    let Some(Event::Batch(batch)) = reader.try_next() else { panic!("a batch") };
    let text = written(&Updates::new(&batch, bus.categories()));
    let (before, rest) = text.split_once(r#""at":""#).expect("a time");
    assert_eq!(
        before,
        "[{\"seq\":1,\"conversation\":\"conv-1\",\"category\":\"progress\",\
         \"text\":\"half \\\"way\\\"\\r\\n\\u0000\u{2028}</script>\",\
         \"metadata\":{\"fraction\":  0.50},\"key\":\"k\",\"priority\":\"normal\","
    );
    let (at, rest) = rest.split_once('"').expect("a time");
    assert_eq!(at, "2023-11-14T22:13:20.000000Z");
    let system = r#""conversation":null,"category":"info","text":"up","metadata":null,"key":null,"priority":"normal""#;
    assert!(rest.contains(system), "{rest}");
    drop(reader);
    bus.end();
}
