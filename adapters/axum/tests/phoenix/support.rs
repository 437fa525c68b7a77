//! A server without a network, and a client.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Extension};
use futures_util::{SinkExt, StreamExt};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use statusbus_axum::{Routes, ShutdownHandle};
use statusbus_tokio::Status;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::dialogue::Dialogue;

pub(crate) struct Server {
    pub(crate) status: Status,
    pub(crate) shutdown: ShutdownHandle,
    router: Router,
    /// The number of writes over all connections.
    pub(crate) writes: Arc<AtomicUsize>,
}

/// Size of the buffer between a server and a client.
pub(crate) const BETWEEN: usize = 32 * 1024;

impl Server {
    pub(crate) fn new(status: &Status, routes: Routes) -> Self {
        let shutdown = routes.shutdown_handle();
        let peer = SocketAddr::from(([127, 0, 0, 1], 40_000));
        let router = routes.router().layer(Extension(ConnectInfo(peer)));
        Self { status: status.clone(), shutdown, router, writes: Arc::default() }
    }

    pub(crate) fn of(status: &Status) -> Self {
        Self::new(status, Routes::new(status))
    }

    /// The client's end of a connection.
    pub(crate) fn pipe(&self) -> DuplexStream {
        let (server, client) = tokio::io::duplex(BETWEEN);
        let server = Counted { inner: server, writes: Arc::clone(&self.writes) };
        let service = TowerToHyperService::new(self.router.clone());
        let connection = http1::Builder::new().serve_connection(TokioIo::new(server), service);
        tokio::spawn(connection.with_upgrades());
        client
    }

    /// Opens a socket. Returns the status and the body of a refusal.
    pub(crate) async fn open(&self, request: Request) -> Result<Client, (u16, Value)> {
        match tokio_tungstenite::client_async(request, self.pipe()).await {
            Ok((socket, _)) => Ok(Client { socket, sent: 0, dialogue: Dialogue::default() }),
            Err(Error::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                Err((response.status().as_u16(), serde_json::from_slice(body).unwrap_or_default()))
            }
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn connect(&self) -> Client {
        self.open(request("vsn=2.0.0")).await.expect("a socket")
    }
}

pub(crate) fn request(query: &str) -> Request {
    let url = format!("ws://localhost/socket/websocket?{query}");
    url.into_client_request().expect("a request")
}

pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<DuplexStream>,
    /// Validates the messages against the API description.
    pub(crate) dialogue: Dialogue,
    sent: u64,
}

impl Client {
    pub(crate) async fn send(&mut self, message: impl Into<Message>) {
        let message = message.into();
        self.dialogue.push(message.to_text().unwrap_or_default());
        self.socket.send(message).await.expect("an open socket");
    }

    pub(crate) async fn push(&mut self, topic: &str, event: &str, payload: Value) {
        self.sent += 1;
        let sent = self.sent.to_string();
        // A message without a join ref is for the current join.
        let join_ref = (event == "phx_join").then_some(&sent);
        self.send(json!([join_ref, sent, topic, event, payload]).to_string()).await;
    }

    /// Joins, and returns the reply.
    pub(crate) async fn join(&mut self, topic: &str, params: Value) -> Value {
        self.push(topic, "phx_join", params).await;
        self.receive().await[4].clone()
    }

    /// The next message.
    pub(crate) async fn receive(&mut self) -> Value {
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) => {
                let received = serde_json::from_str(&text).expect("JSON");
                self.dialogue.receive(&received);
                received
            }
            other => panic!("{other:?}"),
        }
    }

    /// The text of the next update.
    pub(crate) async fn receive_text(&mut self) -> String {
        let received = self.receive().await;
        received[4]["text"].as_str().unwrap_or_else(|| panic!("{received}")).to_owned()
    }

    /// The close code, after any other messages. Answers the close frame.
    pub(crate) async fn receive_close(&mut self) -> Option<u16> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Close(frame))) => {
                    // The answer is in the buffer. After an abort it cannot be sent.
                    let _ = self.socket.flush().await;
                    return frame.map(|frame| frame.code.into());
                }
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

/// A connection that counts writes.
struct Counted {
    inner: DuplexStream,
    writes: Arc<AtomicUsize>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        if written.is_ready() {
            self.writes.fetch_add(1, Ordering::Relaxed);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Advances virtual time by milliseconds until a condition holds. Returns the elapsed time.
pub(crate) async fn until(holds: impl Fn() -> bool) -> Duration {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(3_600), "it never holds");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    began.elapsed()
}

/// Shuts down, and checks the ledger.
pub(crate) async fn assert_balanced(server: Server) {
    let ledger = server.shutdown.shutdown(Duration::from_secs(1)).await;
    assert!(ledger.is_balanced(), "{ledger:?}");
}
