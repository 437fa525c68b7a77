//! Frames are encoded once for all readers of a selection.

use statusbus_tokio::Metadata;

use super::super::super::push::Content;
use super::*;
use crate::state::FRAME_TARGET;

/// What the clients of a server share.
#[derive(Default)]
struct Shared {
    frames: Arc<FrameCache>,
    counts: Arc<ChannelCounts>,
}

impl Shared {
    /// Payloads that were encoded, and that were received without encoding.
    fn payloads(&self) -> (u64, u64) {
        (self.frames.encoded(), self.frames.shared())
    }

    /// Channels that are joined, that were joined, and that were refused.
    fn channels(&self) -> (u64, u64, u64) {
        (self.counts.now(), self.counts.joined(), self.counts.refused())
    }
}

fn client(status: &Status, shared: &Shared) -> Client {
    let client = Client::of(status);
    let limits = SessionLimits::of(&Limits::new());
    let Shared { frames, counts } = shared;
    let (frames, counts) = (Arc::clone(frames), Arc::clone(counts));
    let session = Session::new(status.clone(), limits, frames, counts, client.now);
    Client { session, ..client }
}

/// Joins, and discards the reply.
fn joined(client: &mut Client, categories: &Value) {
    client.join("status:conv-1", json!({"categories": categories}));
    client.receive_reply();
}

#[tokio::test(start_paused = true)]
async fn sharing_does_not_change_what_a_client_receives() {
    let (status, shared) = (bus(), Shared::default());
    let mut clients =
        [client(&status, &shared), client(&status, &shared), client(&status, &shared)];
    let (tool, both) = (json!(["tool"]), json!(["tool", "info"]));
    let [one, two, alone] = &mut clients;
    for (client, categories) in [(&mut *one, &tool), (&mut *two, &tool), (&mut *alone, &both)] {
        // The refs of the clients differ.
        client.send("", "phoenix", "heartbeat", json!({}));
        client.receive_reply();
        joined(client, categories);
    }
    let metadata: Metadata = "{\"a\":\r\n[1]}".parse().expect("an object");
    status.update("conv-1", Category::TOOL, "x\r\n\0</script>\u{2028}").metadata(metadata).send();
    status.update("conv-1", Category::TOOL, "behind it").key("k").send();
    status.flush().await;
    let received = one.receive();
    assert_eq!(received.len(), 2);
    assert_eq!(two.receive(), received);
    assert_eq!(shared.payloads(), (1, 1));
    assert_eq!(alone.receive(), received);
    assert_eq!(shared.payloads(), (2, 1), "no other client has its selection");

    // A client that adds a category leaves the group.
    two.send("2", "status:conv-1", "subscribe_categories", json!({"categories": ["info"]}));
    two.receive_reply();
    publish(&status, "conv-1", Category::INFO, &["for two"]).await;
    assert_eq!(one.receive_texts(), [""; 0]);
    assert_eq!(two.receive_texts(), ["for two"]);
    assert_eq!(alone.receive_texts(), ["for two"]);
    assert_eq!(shared.payloads(), (3, 2));
    assert_balanced(status).await;
}

/// The size of the next updates for a client.
fn held(client: &mut Client) -> Option<usize> {
    match client.session.poll_output(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Output::Updates(Updates { content: Content::Live(lines), .. })) => {
            Some(lines.len())
        }
        Poll::Ready(other) => panic!("updates were expected: {other:?}"),
        Poll::Pending => None,
    }
}

#[tokio::test(start_paused = true)]
async fn large_batches_are_split_into_parts() {
    let (status, shared) = (bus(), Shared::default());
    let mut clients = [client(&status, &shared), client(&status, &shared)];
    for client in &mut clients {
        joined(client, &json!(["tool"]));
    }
    // The maximum size of a text. Each of its bytes takes six in JSON.
    let text = "\u{1}".repeat(16 * 1024);
    for number in 0..10 {
        status.tool("conv-1", format!("{number}{}", &text[1..]));
        status.info("conv-1", "not chosen");
    }
    status.flush().await;
    let [one, two] = &mut clients;
    let parts: Vec<_> = std::iter::from_fn(|| held(one)).collect();
    assert_eq!(parts.len(), 10);
    assert!(
        parts.iter().all(|part| (FRAME_TARGET..FRAME_TARGET + 40 * 1024).contains(part)),
        "{parts:?}"
    );
    let received = two.receive();
    let numbers = received.iter().filter_map(|frame| frame[4]["text"].as_str()?.get(..1));
    assert!(numbers.eq((0..10).map(|number| number.to_string()).collect::<Vec<_>>()));
    let ids: Vec<_> = received.iter().map(|frame| frame[4]["id"].clone()).collect();
    assert_eq!(shared.payloads(), (10, 10), "each part is encoded once");
    // A client can resume after each update.
    for (read, id) in ids.iter().enumerate() {
        let mut again = client(&status, &shared);
        again.join("status:conv-1", json!({"categories": ["tool"], "last_event_id": id}));
        let rest = again.receive();
        assert_eq!((&rest[0][4]["response"]["recovered"], rest.len()), (&json!(true), 10 - read));
    }
    assert_balanced(status).await;
}

#[tokio::test(start_paused = true)]
async fn joined_channels_are_counted_until_they_are_left() {
    let (status, shared) = (bus(), Shared::default());
    let mut client = client(&status, &shared);
    client.join("status:conv-1", json!({}));
    client.join("status:conv-1", json!({}));
    client.join("status:conv-2", json!({}));
    assert_eq!(shared.channels(), (2, 3, 0));
    for (topic, params) in [
        ("status:a:b", json!({})),
        ("elsewhere", json!({})),
        ("status:a", json!({"categories": ["gossip"]})),
        ("status:a", json!({"categories": 7})),
    ] {
        client.join(topic, params);
    }
    assert_eq!(shared.channels(), (2, 3, 4));
    let join = client.session.receive(r#"["9","9","status:b","phx_join",{}]"#, client.now);
    let join = join.expect("a valid request");
    client.session.refuse(&join, Refusal::new("unauthorized", "it is not yours"));
    assert_eq!(shared.channels(), (2, 3, 5));
    client.send("3", "status:conv-2", "phx_leave", json!({}));
    assert_eq!(shared.counts.now(), 1);
    drop(client.session);
    assert_eq!(shared.counts.now(), 0);
    assert_balanced(status).await;
}
