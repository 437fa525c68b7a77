//! An HTTP server with bounds on connections, memory and time.

mod head;
mod idle_timeout;
mod linger;

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
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower_service::Service;

use crate::state::{ConnectionCounts, ConnectionPermit, ShutdownHandle};

use head::MAX_HEAD;
use idle_timeout::IdleTimeout;
use linger::{TrackedBody, Unread};

/// Serves a router over HTTP/1.1 with bounds that `axum::serve` does not have: on the number of
/// connections, on the memory and the idle time of each, and on the duration of a shutdown.
///
/// A request head may have 64 KiB and take 10 s to arrive. The server inserts the peer's address as
/// connect info. Feature `server`.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use statusbus_axum::{Routes, Server};
/// use statusbus_tokio::{Spawn, Status};
///
/// let status = Status::builder().spawn();
/// let routes = Routes::new(&status);
/// let shutdown = routes.shutdown_handle();
/// let server = Server::bind("127.0.0.1:7077").await?;
/// server.run(routes.router(), shutdown).await;
/// # Ok(())
/// # }
/// ```
#[must_use = "a server does nothing until `run` is called"]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    connections: usize,
    idle_timeout: Duration,
    send_buffer: usize,
}

/// Maximum time for receiving the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

impl Server {
    /// Listens on an address, as in `127.0.0.1:7077` or `localhost:7077`. Port 0 selects a free port:
    /// see [`local_addr`](Self::local_addr).
    ///
    /// # Errors
    /// The address does not resolve, or cannot be bound.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn bind(address: &str) -> io::Result<Self> {
        Self::from_tokio(TcpListener::bind(address).await?)
    }

    /// Serves a listener that is bound already, as with socket activation. Sets it to non-blocking
    /// mode.
    ///
    /// # Errors
    /// The operating system refuses the mode or does not report the address.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Self::from_tokio(TcpListener::from_std(listener)?)
    }

    fn from_tokio(listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        Ok(Self {
            listener,
            address,
            connections: 12_000,
            idle_timeout: Duration::from_secs(60),
            send_buffer: 256 * 1024,
        })
    }

    /// The bound address.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Maximum number of open connections. Default 12,000. Further ones are answered with 503
    /// `crowded` and closed. A connection takes about 20 KiB, and the data that waits to be read.
    pub const fn with_connections(mut self, max: usize) -> Self {
        self.connections = max;
        self
    }

    /// Maximum time in which nothing is read from and nothing written to a connection before it is
    /// closed. On Linux also the maximum time without an acknowledgement of sent data
    /// (`TCP_USER_TIMEOUT`), which detects peers whose network is down. Default 60 s. Event streams
    /// send a comment every 15 s, so a shorter timeout ends them when they are silent.
    pub const fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Size in bytes of the socket's send buffer, which the operating system fills for a peer that does
    /// not read. Default 256 KiB.
    pub const fn with_send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = bytes;
        self
    }

    /// Serves until `shutdown` starts. Then closes the listener, lets open connections finish, and
    /// aborts those that are still open at the deadline of the shutdown.
    pub async fn run(self, router: Router, shutdown: ShutdownHandle) {
        let Self { listener, connections, idle_timeout, send_buffer, .. } = self;
        let permits = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
        let counts = Arc::new(ConnectionCounts::default());
        let mut open = JoinSet::new();
        loop {
            let (stream, peer) = tokio::select! {
                biased;
                () = shutdown.shutdown_started() => break,
                // Removes finished tasks from the set.
                Some(_) = open.join_next() => continue,
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        back_off(&error).await;
                        continue;
                    }
                },
            };
            let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
                counts.refuse();
                refuse(&stream);
                continue;
            };
            set_options(&stream, idle_timeout, send_buffer);
            let unread = Unread::default();
            let stream = IdleTimeout::new(stream, idle_timeout, unread.clone());
            let permit = Arc::new(ConnectionPermit::new(&counts, permit));
            let counts = Arc::clone(&counts);
            open.spawn(connection(
                stream,
                peer,
                router.clone(),
                shutdown.clone(),
                (permit, counts, unread),
            ));
        }
        drop(listener);
        let all = async {
            while open.join_next().await.is_some() {}
            shutdown.sockets_closed().await;
        };
        match shutdown.deadline() {
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

/// Serves one connection to its end.
async fn connection(
    stream: IdleTimeout<TcpStream>,
    peer: SocketAddr,
    router: Router,
    shutdown: ShutdownHandle,
    (permit, counts, unread): (Arc<ConnectionPermit>, Arc<ConnectionCounts>, Unread),
) {
    let counted = Arc::clone(&counts);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(Arc::clone(&permit));
        request.extensions_mut().insert(Arc::clone(&counted));
        let (mut router, unread) = (router.clone(), unread.clone());
        async move {
            let request = request.map(|body| TrackedBody::new(body, &unread));
            let response = match head::check(&request) {
                // A router is always ready, so `poll_ready` is not needed.
                Ok(()) => router.call(request.map(Body::new)).await,
                Err(problem) => {
                    drop(request);
                    Ok(problem.into_response())
                }
            };
            close_if(unread.has_body(), response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.shutdown_started() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        counts.fail();
        tracing::debug!(%peer, %error, "a connection failed");
    }
}

/// Announces that the connection closes after this response if the request body is unread.
fn close_if(
    is_unread: bool,
    mut response: Result<Response, Infallible>,
) -> Result<Response, Infallible> {
    if let Ok(response) = &mut response
        && is_unread
    {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Sets the socket options: no delay, the size of the send buffer, and on Linux the timeout for
/// unacknowledged data.
fn set_options(stream: &TcpStream, idle_timeout: Duration, send_buffer: usize) {
    let socket = socket2::SockRef::from(stream);
    let set = [
        stream.set_nodelay(true),
        socket.set_send_buffer_size(send_buffer),
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        socket.set_tcp_user_timeout(Some(idle_timeout)),
    ];
    for error in set.into_iter().filter_map(Result::err) {
        tracing::debug!(%error, "a socket option was refused");
    }
    let _ = idle_timeout;
}

/// Refuses a connection at the limit, with a response if the socket takes it at once.
fn refuse(stream: &TcpStream) {
    const BODY: &str =
        "{\"reason\":\"crowded\",\"detail\":\"too many connections are open: retry\"}\n";
    let response = format!(
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{BODY}",
        BODY.len()
    );
    let _ = stream.try_write(response.as_bytes());
}

/// Waits after an error of `accept`, unless it concerns one connection only: when file descriptors are
/// exhausted, other connections have to close first.
async fn back_off(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    tracing::warn!(%error, "connections cannot be accepted");
    tokio::time::sleep(Duration::from_millis(200)).await;
}
