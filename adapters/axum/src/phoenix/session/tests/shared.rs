//! What several read is written once.

use statusbus_tokio::Metadata;

use super::*;

/// A client that shares with others what is written once.
fn client(status: &Status, all: &Arc<Channels>) -> Client {
    let client = Client::of(status);
    let limits = SessionLimits::of(&Limits::new());
    let session = Session::new(status.clone(), limits, Arc::clone(all), client.now);
    Client { session, ..client }
}

/// Joins and hears that it has.
fn joined(client: &mut Client, categories: &Value) {
    client.join("status:conv-1", json!({"categories": categories}));
    client.hears_reply();
}

#[tokio::test(start_paused = true)]
async fn those_who_read_the_same_get_what_they_would_get_alone() {
    let (status, all) = (bus(), Arc::default());
    let mut clients = [client(&status, &all), client(&status, &all), client(&status, &all)];
    let (tool, both) = (json!(["tool"]), json!(["tool", "info"]));
    let [one, two, alone] = &mut clients;
    for (client, categories) in [(&mut *one, &tool), (&mut *two, &tool), (&mut *alone, &both)] {
        // Their refs differ.
        client.say("", "phoenix", "heartbeat", json!({}));
        client.hears_reply();
        joined(client, categories);
    }
    let metadata: Metadata = "{\"a\":\r\n[1]}".parse().expect("an object");
    status.update("conv-1", Category::TOOL, "x\r\n\0</script>\u{2028}").metadata(metadata).send();
    status.update("conv-1", Category::TOOL, "behind it").key("k").send();
    status.flush().await;
    let heard = one.hears();
    assert_eq!(heard.len(), 2);
    assert_eq!(two.hears(), heard);
    assert_eq!(all.payloads(), (1, 1));
    assert_eq!(alone.hears(), heard);
    assert_eq!(all.payloads(), (1, 1), "nothing is kept for who reads alone");

    // Who reads more from now on is no more one of them.
    two.say("2", "status:conv-1", "subscribe_categories", json!({"categories": ["info"]}));
    two.hears_reply();
    say(&status, "conv-1", Category::INFO, &["for two"]).await;
    assert_eq!(one.hears_texts(), [""; 0]);
    assert_eq!(two.hears_texts(), ["for two"]);
    assert_eq!(alone.hears_texts(), ["for two"]);
    assert_eq!(all.payloads(), (2, 2));
    balances(status).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_long_is_written_for_each_so_that_nobody_holds_on_to_it() {
    let (status, all) = (bus(), Arc::default());
    let mut clients = [client(&status, &all), client(&status, &all)];
    for client in &mut clients {
        joined(client, &json!(["tool"]));
    }
    let long = "x".repeat(16 * 1024);
    // Five are too long together, three are not.
    for (count, payloads) in [(5, (0, 0)), (3, (1, 1))] {
        for _ in 0..count {
            status.tool("conv-1", long.as_str());
        }
        status.flush().await;
        for client in &mut clients {
            assert_eq!(client.hears_texts(), vec![long.as_str(); count]);
        }
        assert_eq!(all.payloads(), payloads);
    }
    balances(status).await;
}

#[tokio::test(start_paused = true)]
async fn channels_are_counted_as_long_as_they_are_joined() {
    let (status, all) = (bus(), Arc::default());
    let mut client = client(&status, &all);
    client.join("status:conv-1", json!({}));
    client.join("status:conv-1", json!({}));
    client.join("status:conv-2", json!({}));
    assert_eq!((all.now(), all.joined(), all.refused()), (2, 3, 0));
    for (topic, params) in [
        ("status:a:b", json!({})),
        ("elsewhere", json!({})),
        ("status:a", json!({"categories": ["gossip"]})),
        ("status:a", json!({"categories": 7})),
    ] {
        client.join(topic, params);
    }
    assert_eq!((all.now(), all.joined(), all.refused()), (2, 3, 4));
    client.say("3", "status:conv-2", "phx_leave", json!({}));
    assert_eq!(all.now(), 1);
    drop(client.session);
    assert_eq!(all.now(), 0);
    balances(status).await;
}
