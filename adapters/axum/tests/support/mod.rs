//! A server and its clients for tests. Nothing here sleeps: tests wait for events, with a timeout for
//! tests that hang.

#![allow(dead_code, unused_imports)] // each test program uses a part of it
#![allow(clippy::panic)] // a panic is a test failure

pub(crate) mod api;
pub(crate) mod client;
pub(crate) mod source;

use std::net::SocketAddr;
use std::time::Duration;

use hyper::body::Bytes;
use statusbus_axum::{Routes, Server, ShutdownHandle};
use statusbus_tokio::{Ledger, Status};
use tokio::task::JoinHandle;

pub(crate) use client::{Answer, Client};
pub(crate) use source::{Frame, Source};

/// The time after which a test is considered to hang.
pub(crate) const HANGS: Duration = Duration::from_secs(30);

pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(HANGS, future).await.expect("it hangs")
}

/// A bus that is served on a free port of this machine.
pub(crate) struct Served {
    pub(crate) status: Status,
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: ShutdownHandle,
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
    let shutdown = routes.shutdown_handle();
    let server = server(Server::bind("127.0.0.1:0").await.expect("a free port"));
    let address = server.local_addr();
    let server = tokio::spawn(server.run(routes.router(), shutdown.clone()));
    Served { status, address, shutdown, server }
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

    /// Opens an event stream after an event.
    pub(crate) async fn events_after(&self, path: &str, id: &str) -> Source {
        self.client().await.events(path, Some(id)).await
    }

    pub(crate) async fn shutdown(self, deadline: Duration) -> Ledger {
        let ledger = self.shutdown.shutdown(deadline).await;
        within(self.server).await.expect("the server does not panic");
        assert!(ledger.is_balanced(), "{ledger:?}");
        ledger
    }

    /// Shuts down, and checks that no connection had to be aborted.
    pub(crate) async fn end(self) -> Ledger {
        let began = std::time::Instant::now();
        let ledger = self.shutdown(HANGS).await;
        assert!(began.elapsed() < HANGS / 2, "a connection had to be aborted");
        ledger
    }
}
