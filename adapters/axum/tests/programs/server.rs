//! A server that can be killed.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use statusbus_axum::{Routes, ShutdownHandle};
use statusbus_tokio::Status;
use tokio::runtime::Runtime;

/// A server in a runtime of its own, whose tasks all end with the runtime, as with a killed process.
pub(crate) struct Server {
    pub(crate) status: Status,
    pub(crate) shutdown: ShutdownHandle,
    pub(crate) address: SocketAddr,
    set_up: SetUp,
    runtime: Option<Runtime>,
    /// Reserves the port while no server listens on it.
    port: Socket,
}

/// Settings that differ from the defaults.
#[derive(Clone, Copy)]
pub(crate) struct SetUp {
    pub(crate) at: Ipv4Addr,
    pub(crate) routes: fn(Routes) -> Routes,
    pub(crate) server: fn(statusbus_axum::Server) -> statusbus_axum::Server,
}

impl Default for SetUp {
    fn default() -> Self {
        Self { at: Ipv4Addr::LOCALHOST, routes: |routes| routes, server: |server| server }
    }
}

impl Server {
    pub(crate) fn start(status: &Status) -> Self {
        Self::start_with(status, |routes| routes)
    }

    pub(crate) fn start_with(status: &Status, routes: fn(Routes) -> Routes) -> Self {
        Self::set_up(status, SetUp { routes, ..SetUp::default() })
    }

    pub(crate) fn set_up(status: &Status, set_up: SetUp) -> Self {
        let port = socket(SocketAddr::from((set_up.at, 0)));
        Self::listen(status, set_up, port)
    }

    fn listen(status: &Status, set_up: SetUp, port: Socket) -> Self {
        let address = port.local_addr().ok().and_then(|address| address.as_socket());
        let address = address.expect("an address");
        let listener = socket(address);
        listener.listen(1024).expect("nobody else listens");
        listener.set_nonblocking(true).expect("a socket");
        let listener = TcpListener::from(listener);
        let built = (set_up.routes)(Routes::new(status));
        let shutdown = built.shutdown_handle();
        let router = built.router();
        let runtime = Runtime::new().expect("a runtime");
        let until = shutdown.clone();
        runtime.spawn(async move {
            let server = statusbus_axum::Server::new(listener).expect("an address");
            (set_up.server)(server).run(router, until).await;
        });
        Self { status: status.clone(), shutdown, address, set_up, runtime: Some(runtime), port }
    }

    /// Kills the server without a shutdown. The bus continues.
    pub(crate) async fn kill(mut self) -> Self {
        if let Some(runtime) = self.runtime.take() {
            // In a thread that may block: afterwards every socket is closed.
            let ended = move || runtime.shutdown_timeout(Duration::from_secs(10));
            tokio::task::spawn_blocking(ended).await.expect("the end");
        }
        self
    }

    /// Serves another bus after the next start.
    pub(crate) fn on(self, status: &Status) -> Self {
        Self { status: status.clone(), ..self }
    }

    /// Starts again on the same port.
    pub(crate) fn restart(self) -> Self {
        Self::listen(&self.status, self.set_up, self.port)
    }

    /// Shuts down, and checks the ledger.
    pub(crate) async fn assert_balanced(self) {
        let ledger = self.shutdown.shutdown(Duration::from_secs(5)).await;
        assert!(ledger.is_balanced(), "{ledger:?}");
        self.kill().await;
    }
}

/// A socket at an address that another socket may use, too.
fn socket(address: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).expect("a socket");
    socket.set_reuse_address(true).expect("an option");
    socket.bind(&address.into()).expect("a free port");
    socket
}
