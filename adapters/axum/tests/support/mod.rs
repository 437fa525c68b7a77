//! A server and its clients, for tests. Nothing here waits for a time to pass: it waits for what is
//! to come, and gives up when a test hangs.

#![allow(dead_code, unused_imports)] // each test program uses its part
#![allow(clippy::panic)] // a test that panics says what went wrong

pub(crate) mod api;
pub(crate) mod client;
pub(crate) mod source;

use std::net::SocketAddr;
use std::time::Duration;

use hyper::body::Bytes;
use statusbus_axum::{Closing, Routes, Server};
use statusbus_tokio::{Ledger, Status};
use tokio::task::JoinHandle;

pub(crate) use client::{Answer, Client};
pub(crate) use source::{Frame, Source};

/// When a test is taken to hang.
pub(crate) const HANGS: Duration = Duration::from_secs(30);

pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(HANGS, future).await.expect("it hangs")
}

/// A bus that is served on a free port of this machine.
pub(crate) struct Served {
    pub(crate) status: Status,
    pub(crate) address: SocketAddr,
    pub(crate) closing: Closing,
    server: JoinHandle<()>,
}

pub(crate) async fn serve(status: Status) -> Served {
    serve_with(status, |routes| routes, |server| server).await
}

pub(crate) async fn serve_with(
    status: Status,
    routes: impl FnOnce(Routes) -> Routes,
    server: impl FnOnce(Server) -> Server,
) -> Served {
    let routes = routes(Routes::new(&status));
    let closing = routes.closing();
    let server = server(Server::bind("127.0.0.1:0").await.expect("a free port"));
    let address = server.local_addr();
    let server = tokio::spawn(server.run(routes.router(), closing.clone()));
    Served { status, address, closing, server }
}

impl Served {
    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.client().await.get(path).await
    }

    /// Publishes a body of this content type.
    pub(crate) async fn post(&self, content_type: &str, body: impl Into<Bytes>) -> Answer {
        let client = self.client().await;
        let request = client.request("POST", "/v1/status").header("content-type", content_type);
        client.answer(request, body).await
    }

    /// Publishes JSON.
    pub(crate) async fn publish(&self, body: impl ToString) -> Answer {
        self.post("application/json", body.to_string()).await
    }

    /// Reads an event stream.
    pub(crate) async fn events(&self, path: &str) -> Source {
        self.client().await.events(path, None).await
    }

    /// Reads on behind an event.
    pub(crate) async fn events_after(&self, path: &str, id: &str) -> Source {
        self.client().await.events(path, Some(id)).await
    }

    pub(crate) async fn shutdown(self, deadline: Duration) -> Ledger {
        let ledger = self.closing.shutdown(deadline).await;
        within(self.server).await.expect("the server does not panic");
        assert!(ledger.is_balanced(), "{ledger:?}");
        ledger
    }

    /// Ends with nobody connected who would not go.
    pub(crate) async fn end(self) -> Ledger {
        let began = std::time::Instant::now();
        let ledger = self.shutdown(HANGS).await;
        assert!(began.elapsed() < HANGS / 2, "somebody had to be cut off");
        ledger
    }
}
