//! Sockets behind the server of this crate, on a real port.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use statusbus_axum::{Routes, Server, ShutdownHandle};
use statusbus_tokio::{Spawn, Status};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

/// A server in a runtime of its own, whose end is like that of a process.
struct Served {
    status: Status,
    shutdown: ShutdownHandle,
    address: SocketAddr,
    server: JoinHandle<()>,
    runtime: Runtime,
}

async fn serve(connections: usize) -> Served {
    let status = Status::builder().spawn();
    let routes = Routes::new(&status);
    let (shutdown, until) = (routes.shutdown_handle(), routes.shutdown_handle());
    let (runtime, router) = (Runtime::new().expect("a runtime"), routes.router());
    let bound = runtime.spawn(Server::bind("127.0.0.1:0")).await.expect("no panic");
    let server = bound.expect("a free port").with_connections(connections);
    let address = server.local_addr();
    let server = runtime.spawn(server.run(router, until));
    Served { status, shutdown, address, server, runtime }
}

impl Served {
    async fn stream(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("it listens")
    }

    async fn connect(&self) -> WebSocketStream<TcpStream> {
        let url = format!("ws://{}/socket/websocket?vsn=2.0.0", self.address);
        client_async(url, self.stream().await).await.expect("a socket").0
    }

    /// Waits for the server only, and drops the tasks that still run in its runtime.
    async fn end(self) {
        self.shutdown.close();
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
async fn a_socket_holds_its_connection_permit() {
    let served = serve(1).await;
    let socket = served.connect().await;
    let mut answer = String::new();
    served.stream().await.read_to_string(&mut answer).await.expect("text");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    drop(socket);
    served.end().await;
}

#[tokio::test]
async fn the_server_ends_after_the_last_close_frame() {
    let served = serve(100).await;
    let mut sockets = Vec::new();
    for _ in 0..50 {
        sockets.push(served.connect().await);
    }
    served.end().await;
    for mut socket in sockets {
        let reported = socket.next().await.expect("a frame").expect("an open socket");
        assert_eq!(close_code(reported), Some(1012));
    }
}

#[tokio::test]
async fn a_client_that_still_sends_a_large_message_receives_the_close_reason() {
    let served = serve(1).await;
    let (mut says, mut hears) = served.connect().await.split();
    let too_large = Message::text("x".repeat(16 * 1024 * 1024));
    let (_, reported) = tokio::join!(says.send(too_large), hears.next());
    assert_eq!(close_code(reported.expect("a frame").expect("an open socket")), Some(1009));
    served.end().await;
}
