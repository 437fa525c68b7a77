//! The retained values of a large bus are encoded once for all readers that start at one position.

use statusbus_tokio::{Spawn, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{Served, serve_with, within};

const VALUES: usize = 10_000;
const READERS: usize = 200;

/// Target size of a part in bytes.
const PART: usize = 64 * 1024;

/// A sample of `/metrics`.
async fn metric(served: &Served, name: &str) -> usize {
    let all = served.get("/metrics").await.text;
    let line = all.lines().find(|line| line.split_once(' ').is_some_and(|(of, _)| of == name));
    let value = line.and_then(|line| line.rsplit(' ').next()).expect("it is there");
    value.parse().expect("a number")
}

/// Opens a stream of everything, reads up to the first retained value, and then stops reading.
async fn stalls(served: &Served) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4 * 1024).expect("an option");
    let mut stream = within(socket.connect(served.address)).await.expect("it listens");
    let request = format!("GET /v1/events HTTP/1.1\r\nhost: {}\r\n\r\n", served.address);
    stream.write_all(request.as_bytes()).await.expect("room");
    let (mut seen, mut piece) = (Vec::new(), [0; 512]);
    while !String::from_utf8_lossy(&seen).contains("\"seq\"") {
        let read = within(stream.read(&mut piece)).await.expect("it goes on");
        assert!(read > 0, "it goes on");
        seen.extend_from_slice(&piece[..read]);
    }
    stream
}

#[tokio::test]
async fn stalled_readers_share_one_snapshot_that_is_encoded_once() {
    let status = Status::builder().with_conversations(2 * VALUES).spawn();
    let served =
        serve_with(status, |routes| routes, |server| server.with_send_buffer(4 * 1024)).await;
    for number in 0..VALUES {
        served.status.tool(&format!("conv-{number}"), format!("{number} {}", "x".repeat(20)));
        if number % 1_000 == 0 {
            served.status.flush().await;
        }
    }
    served.status.flush().await;
    let encoded = "statusbus_http_retained_parts_encoded_total";
    let held = async || metric(&served, "statusbus_http_frame_bytes").await;
    let mut stalled = Vec::new();
    for _ in 0..READERS {
        stalled.push(stalls(&served).await);
    }
    // Each update has about 200 bytes in JSON.
    let most = VALUES * 250;
    assert!(held().await <= most, "{} bytes", held().await);
    assert!(held().await >= PART, "they are shared as long as they are read: {}", held().await);
    let parts = metric(&served, encoded).await;
    assert!(parts <= 6, "what is not read is not encoded: {parts}");

    // A reader of the whole snapshot receives all values, and each part is encoded once.
    let mut source = served.events("/v1/events").await;
    assert_eq!(source.begins().await.len(), VALUES);
    let parts = metric(&served, encoded).await;
    assert!((VALUES * 150 / PART..=most / PART + 1).contains(&parts), "{parts} parts");
    assert_eq!(served.events("/v1/events").await.begins().await.len(), VALUES);
    assert_eq!(metric(&served, encoded).await, parts, "each is encoded once");
    assert!(held().await <= most, "{} bytes", held().await);
    assert!(metric(&served, "statusbus_http_retained_parts_shared_total").await >= READERS + parts);

    // The stream continues after the retained values.
    served.status.info("conv-1", "comes");
    assert_eq!(source.read(1).await, ["comes"]);
    drop((stalled, source));
    // The new frame is cached for the other readers.
    while held().await > 1_000 {}
    served.end().await;
}
