//! Behind the server of this crate, on a real port.

use std::time::Duration;

use futures_util::StreamExt;
use statusbus_axum::{Routes, Server};
use statusbus_tokio::Status;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn a_socket_keeps_its_place_and_is_told_before_the_server_has_ended() {
    let status = Status::builder().spawn();
    let routes = Routes::new(&status);
    let closing = routes.closing();
    let server = Server::bind("127.0.0.1:0").await.expect("a free port").connections(1);
    let address = server.local_addr();
    let server = tokio::spawn(server.run(routes.router(), closing.clone()));

    let url = format!("ws://{address}/socket/websocket?vsn=2.0.0");
    let stream = TcpStream::connect(address).await.expect("it listens");
    let (mut socket, _) = client_async(url, stream).await.expect("a socket");
    let mut other = TcpStream::connect(address).await.expect("it listens");
    let mut answer = String::new();
    other.read_to_string(&mut answer).await.expect("text");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");

    closing.close();
    server.await.expect("its end");
    let told = socket.next().await.expect("a frame").expect("an open socket");
    assert!(matches!(told, Message::Close(Some(frame)) if u16::from(frame.code) == 1012));
    assert!(status.shutdown(Duration::from_secs(1)).await.is_balanced());
}
