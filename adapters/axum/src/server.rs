//! A server that nobody can hold up.

mod connections;
mod head;
mod linger;
mod patient;

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tower_service::Service;

use crate::closing::Closing;
pub(crate) use connections::Connections;
use connections::Open;
use linger::{Unread, Watched};
use patient::Patient;

/// Serves a router over HTTP/1.1, with what `axum::serve` leaves to others: connections are bounded
/// in number, in what they may keep and in how long they may stand still, and all are gone at the
/// deadline of a shutdown.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use statusbus_axum::{Routes, Server};
/// use statusbus_tokio::Status;
///
/// let status = Status::builder().spawn();
/// let routes = Routes::new(&status);
/// let closing = routes.closing();
/// let server = Server::bind("127.0.0.1:7077").await?;
/// server.run(routes.router(), closing).await;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is served until it is run"]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    connections: usize,
    patience: Duration,
    send_buffer: usize,
}

/// What hyper keeps of a request that has not come whole, and of a response that is not taken, in
/// bytes. What does not fit is refused (431), or waits.
const BUFFER: usize = 64 * 1024;

/// How long a request's head may take to come.
const HEAD: Duration = Duration::from_secs(10);

impl Server {
    /// Listens on an address, as in `127.0.0.1:7077`; port 0: any that is free.
    ///
    /// # Errors
    /// There is no such address, or its port is taken.
    pub async fn bind(address: impl tokio::net::ToSocketAddrs) -> io::Result<Self> {
        Self::new(TcpListener::bind(address).await?)
    }

    /// Serves who comes to this listener.
    ///
    /// # Errors
    /// It does not know its address.
    pub fn new(listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        Ok(Self {
            listener,
            address,
            connections: 12_000,
            patience: Duration::from_secs(60),
            send_buffer: 256 * 1024,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Most connections at a time; who comes then is answered 503. Default 12,000, at about 20 KiB
    /// each and what is waiting to be read.
    pub const fn connections(mut self, most: usize) -> Self {
        self.connections = most;
        self
    }

    /// How long a connection may stand still, with nothing read and nothing written, before it is
    /// closed; on Linux also how long what was sent may go without an answer of the peer's system, so
    /// that one whose cable was cut is noticed. An event stream says something every 15 s. Default 60 s.
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// What the system keeps for a peer that does not read, in bytes. Default 256 KiB.
    pub const fn send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = bytes;
        self
    }

    /// Serves until `closing` begins, then lets the connections end, and cuts off those that have
    /// not by its deadline.
    pub async fn run(self, router: Router, closing: Closing) {
        let Self { listener, connections, patience, send_buffer, .. } = self;
        let places = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
        let counts = Arc::new(Connections::default());
        let mut open = JoinSet::new();
        loop {
            let (stream, peer) = tokio::select! {
                biased;
                () = closing.begun() => break,
                // Those that have ended leave nothing.
                Some(_) = open.join_next() => continue,
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        wait_after(&error).await;
                        continue;
                    }
                },
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                counts.refuse();
                turn_away(&stream);
                continue;
            };
            set_up(&stream, patience, send_buffer);
            let unread = Unread::default();
            let stream = Patient::new(stream, patience, unread.clone());
            let place = Place { _permit: place, _open: counts.open_one() };
            let counts = Arc::clone(&counts);
            open.spawn(connection(
                stream,
                peer,
                router.clone(),
                closing.clone(),
                (Arc::new(place), counts, unread),
            ));
        }
        drop(listener);
        let all = async {
            while open.join_next().await.is_some() {}
            closing.sockets_gone().await;
        };
        match closing.deadline() {
            Some(deadline) => drop(tokio::time::timeout_at(deadline, all).await),
            None => all.await,
        }
        open.shutdown().await;
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

/// The place of a connection among those that may be open. Who takes a connection over keeps it.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    _open: Open,
}

/// Serves one connection to its end.
async fn connection(
    stream: Patient<TcpStream>,
    peer: SocketAddr,
    router: Router,
    closing: Closing,
    (place, counts, unread): (Arc<Place>, Arc<Connections>, Unread),
) {
    let counted = Arc::clone(&counts);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(Arc::clone(&place));
        request.extensions_mut().insert(Arc::clone(&counted));
        let (mut router, unread) = (router.clone(), unread.clone());
        async move {
            let request = request.map(|body| Watched::new(body, &unread));
            let answer = match head::check(&request) {
                // A router is always ready.
                Ok(()) => router.call(request.map(Body::new)).await,
                Err(problem) => {
                    drop(request);
                    Ok(problem.into_response())
                }
            };
            closes_if(unread.has_body(), answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = closing.begun() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        counts.fail();
        tracing::debug!(%peer, %error, "a connection failed");
    }
}

/// Tells a client whose body was not read that its connection is closed.
fn closes_if(
    is_unread: bool,
    mut answer: Result<Response, Infallible>,
) -> Result<Response, Infallible> {
    if let Ok(response) = &mut answer
        && is_unread
    {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// Bounds what the system keeps for a peer, and how long for one that has vanished.
fn set_up(stream: &TcpStream, patience: Duration, send_buffer: usize) {
    let socket = socket2::SockRef::from(stream);
    let set = [
        stream.set_nodelay(true),
        socket.set_send_buffer_size(send_buffer),
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        socket.set_tcp_user_timeout(Some(patience)),
    ];
    for error in set.into_iter().filter_map(Result::err) {
        tracing::debug!(%error, "a socket does not take an option");
    }
    let _ = patience;
}

/// Tells who has come one too many, if that can be done at once.
fn turn_away(stream: &TcpStream) {
    const BODY: &str =
        "{\"reason\":\"crowded\",\"detail\":\"too many connections are open: come back\"}\n";
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{BODY}",
        BODY.len()
    );
    let _ = stream.try_write(answer.as_bytes());
}

/// A connection that was gone before it was accepted is no reason to wait; a lack of file
/// descriptors is: others have to end first.
async fn wait_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    tracing::warn!(%error, "no connection can be accepted");
    tokio::time::sleep(Duration::from_millis(200)).await;
}
