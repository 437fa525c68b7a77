//! A server without a network, and a client of it.

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
use statusbus_axum::{Closing, Routes};
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
    pub(crate) closing: Closing,
    router: Router,
    /// How often something was written, by all connections together.
    pub(crate) writes: Arc<AtomicUsize>,
}

/// What fits between a server and a client that does not read.
pub(crate) const BETWEEN: usize = 32 * 1024;

impl Server {
    pub(crate) fn new(status: &Status, routes: Routes) -> Self {
        let closing = routes.closing();
        let peer = SocketAddr::from(([127, 0, 0, 1], 40_000));
        let router = routes.router().layer(Extension(ConnectInfo(peer)));
        Self { status: status.clone(), closing, router, writes: Arc::default() }
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

    /// Opens a socket, or answers with the status and the body that it was refused with.
    pub(crate) async fn open(&self, request: Request) -> Result<Client, (u16, Value)> {
        match tokio_tungstenite::client_async(request, self.pipe()).await {
            Ok((socket, _)) => Ok(Client { socket, said: 0, dialogue: Dialogue::default() }),
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
    /// What is said and heard as the API description has it.
    pub(crate) dialogue: Dialogue,
    said: u64,
}

impl Client {
    pub(crate) async fn send(&mut self, message: impl Into<Message>) {
        let message = message.into();
        self.dialogue.say(message.to_text().unwrap_or_default());
        self.socket.send(message).await.expect("an open socket");
    }

    pub(crate) async fn say(&mut self, topic: &str, event: &str, payload: Value) {
        self.said += 1;
        let said = self.said.to_string();
        // Who names no join means the one that is.
        let join_ref = (event == "phx_join").then_some(&said);
        self.send(json!([join_ref, said, topic, event, payload]).to_string()).await;
    }

    /// Joins, and answers with the reply.
    pub(crate) async fn join(&mut self, topic: &str, params: Value) -> Value {
        self.say(topic, "phx_join", params).await;
        self.hear().await[4].clone()
    }

    /// The next message.
    pub(crate) async fn hear(&mut self) -> Value {
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) => {
                let heard = serde_json::from_str(&text).expect("JSON");
                self.dialogue.hear(&heard);
                heard
            }
            other => panic!("{other:?}"),
        }
    }

    /// The text of the update that is next.
    pub(crate) async fn hear_text(&mut self) -> String {
        let heard = self.hear().await;
        heard[4]["text"].as_str().unwrap_or_else(|| panic!("{heard}")).to_owned()
    }

    /// The code with which it is closed, whatever is said before; answers that it closes, too.
    pub(crate) async fn hear_close(&mut self) -> Option<u16> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Close(frame))) => {
                    // The answer waits in it. Who was cut off cannot bring it any more.
                    let _ = self.socket.flush().await;
                    return frame.map(|frame| frame.code.into());
                }
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

/// A connection on which writing is counted.
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

/// Lets virtual time pass, a millisecond at a time, until something holds; answers how much has.
pub(crate) async fn until(holds: impl Fn() -> bool) -> Duration {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(3_600), "it never holds");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    began.elapsed()
}

/// Ends what is still open; the counters have to add up.
pub(crate) async fn balances(server: Server) {
    let ledger = server.closing.shutdown(Duration::from_secs(1)).await;
    assert!(ledger.is_balanced(), "{ledger:?}");
}
