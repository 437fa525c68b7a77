//! Behind the server of this crate, on a real port.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use statusbus_axum::{Closing, Routes, Server};
use statusbus_tokio::Status;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

/// A server in a runtime of its own, which ends with it as its process would.
struct Served {
    status: Status,
    closing: Closing,
    address: SocketAddr,
    server: JoinHandle<()>,
    runtime: Runtime,
}

async fn serve(connections: usize) -> Served {
    let status = Status::builder().spawn();
    let routes = Routes::new(&status);
    let (closing, until) = (routes.closing(), routes.closing());
    let (runtime, router) = (Runtime::new().expect("a runtime"), routes.router());
    let bound = runtime.spawn(Server::bind("127.0.0.1:0")).await.expect("no panic");
    let server = bound.expect("a free port").connections(connections);
    let address = server.local_addr();
    let server = runtime.spawn(server.run(router, until));
    Served { status, closing, address, server, runtime }
}

impl Served {
    async fn stream(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("it listens")
    }

    async fn connect(&self) -> WebSocketStream<TcpStream> {
        let url = format!("ws://{}/socket/websocket?vsn=2.0.0", self.address);
        client_async(url, self.stream().await).await.expect("a socket").0
    }

    /// Ends with the server, whatever else still runs in its runtime.
    async fn end(self) {
        self.closing.close();
        self.server.await.expect("its end");
        self.runtime.shutdown_background();
        assert!(self.status.shutdown(Duration::from_secs(1)).await.is_balanced());
    }
}

fn close_code(message: Message) -> Option<u16> {
    match message {
        Message::Close(frame) => frame.map(|frame| frame.code.into()),
        _ => None,
    }
}

#[tokio::test]
async fn a_socket_keeps_its_place_among_the_connections() {
    let served = serve(1).await;
    let socket = served.connect().await;
    let mut answer = String::new();
    served.stream().await.read_to_string(&mut answer).await.expect("text");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    drop(socket);
    served.end().await;
}

#[tokio::test]
async fn the_server_ends_when_everyone_was_told() {
    let served = serve(100).await;
    let mut sockets = Vec::new();
    for _ in 0..50 {
        sockets.push(served.connect().await);
    }
    served.end().await;
    for mut socket in sockets {
        let told = socket.next().await.expect("a frame").expect("an open socket");
        assert_eq!(close_code(told), Some(1012));
    }
}

#[tokio::test]
async fn who_still_sends_what_is_too_large_hears_why_it_is_closed() {
    let served = serve(1).await;
    let (mut says, mut hears) = served.connect().await.split();
    let too_large = Message::text("x".repeat(16 * 1024 * 1024));
    let (_, told) = tokio::join!(says.send(too_large), hears.next());
    assert_eq!(close_code(told.expect("a frame").expect("an open socket")), Some(1009));
    served.end().await;
}
