//! What several read is written once.

use statusbus_tokio::Metadata;

use crate::phoenix::push::Which;
use crate::sse::LONG;

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
    assert_eq!(all.payloads(), (2, 1), "it shares with nobody");

    // Who reads more from now on is no more one of them.
    two.say("2", "status:conv-1", "subscribe_categories", json!({"categories": ["info"]}));
    two.hears_reply();
    say(&status, "conv-1", Category::INFO, &["for two"]).await;
    assert_eq!(one.hears_texts(), [""; 0]);
    assert_eq!(two.hears_texts(), ["for two"]);
    assert_eq!(alone.hears_texts(), ["for two"]);
    assert_eq!(all.payloads(), (3, 2));
    balances(status).await;
}

/// The bytes of the updates that a client is told next.
fn held(client: &mut Client) -> Option<usize> {
    match client.session.poll_told(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Told::Updates(Updates { which: Which::Live(lines), .. })) => Some(lines.len()),
        Poll::Ready(other) => panic!("updates were expected: {other:?}"),
        Poll::Pending => None,
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_long_comes_in_parts_so_that_nobody_holds_much() {
    let (status, all) = (bus(), Arc::default());
    let mut clients = [client(&status, &all), client(&status, &all)];
    for client in &mut clients {
        joined(client, &json!(["tool"]));
    }
    // As long as texts can be, and each of its bytes takes six in JSON.
    let text = "\u{1}".repeat(16 * 1024);
    for number in 0..10 {
        status.tool("conv-1", format!("{number}{}", &text[1..]));
        status.info("conv-1", "not chosen");
    }
    status.flush().await;
    let [one, two] = &mut clients;
    let parts: Vec<_> = std::iter::from_fn(|| held(one)).collect();
    assert_eq!(parts.len(), 10);
    assert!(parts.iter().all(|part| (LONG..LONG + 40 * 1024).contains(part)), "{parts:?}");
    let heard = two.hears();
    let numbers = heard.iter().filter_map(|frame| frame[4]["text"].as_str()?.get(..1));
    assert!(numbers.eq((0..10).map(|number| number.to_string()).collect::<Vec<_>>()));
    let ids: Vec<_> = heard.iter().map(|frame| frame[4]["id"].clone()).collect();
    assert_eq!(all.payloads(), (10, 10), "each part is written once");
    // Wherever it is cut off, it goes on.
    for (read, id) in ids.iter().enumerate() {
        let mut again = client(&status, &all);
        again.join("status:conv-1", json!({"categories": ["tool"], "last_event_id": id}));
        let rest = again.hears();
        assert_eq!((&rest[0][4]["response"]["recovered"], rest.len()), (&json!(true), 10 - read));
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
    let wish = client.session.receive(r#"["9","9","status:b","phx_join",{}]"#, client.now);
    let wish = wish.expect("a wish that nothing is wrong with");
    client.session.refuse(&wish, Refusal::new("unauthorized", "it is not yours"));
    assert_eq!((all.now(), all.joined(), all.refused()), (2, 3, 5));
    client.say("3", "status:conv-2", "phx_leave", json!({}));
    assert_eq!(all.now(), 1);
    drop(client.session);
    assert_eq!(all.now(), 0);
    balances(status).await;
}
