//! Serving what is said over HTTP, beside showing it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use statusbus_axum::{Bearer, Routes, Server, ShutdownHandle};
use statusbus_tokio::Status;
use tokio::task::JoinHandle;

use crate::args::{Listen, Serving as Arguments};

/// Where it is served if nobody says otherwise.
const USUAL: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7077);

/// How long whoever reads may take to read the rest.
const PATIENCE: Duration = Duration::from_secs(2);

/// A server that runs.
pub(crate) struct Serving {
    shutdown: ShutdownHandle,
    server: JoinHandle<()>,
}

/// What to do when the usual port is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Others have to know where to publish.
    Fails,
    /// Take any other.
    Another,
}

/// Lets this process open as many files as it may: a thousand, as is usual, are used up long before the
/// server's own limits, and then nobody gets an answer. Not for a process that starts others, which
/// would inherit it.
fn raise_file_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        // Where that is refused the limit stays as it is.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}

/// Serves the bus, and tells where; nothing if it is not to be served.
pub(crate) async fn open(
    arguments: &Arguments,
    taken: Taken,
    status: &Status,
) -> io::Result<Option<Serving>> {
    if taken == Taken::Fails {
        raise_file_limit();
    }
    let address = match arguments.listen {
        Some(Listen::Off) => return Ok(None),
        Some(Listen::At(address)) => address,
        None => USUAL,
    };
    let mut routes = Routes::new(status);
    match &arguments.token {
        Some(token) => routes = routes.authorize(Bearer::new(token).map_err(io::Error::other)?),
        None if address.ip().is_loopback() => {}
        None => return Err(open_to_all(address)),
    }
    let server = match Server::bind(&address.to_string()).await {
        Err(error) if arguments.listen.is_none() && taken == Taken::Another && is_taken(&error) => {
            Server::bind(&SocketAddr::new(address.ip(), 0).to_string()).await
        }
        bound => bound,
    };
    let server = server.map_err(|error| cannot_listen(address, &error))?;
    crate::complain(format_args!("serving at http://{}", server.local_addr()));
    let shutdown = routes.shutdown_handle();
    let server = tokio::spawn(server.run(routes.router(), shutdown.clone()));
    Ok(Some(Serving { shutdown, server }))
}

impl Serving {
    /// Ends: whoever reads a bus that was shut down gets the rest, if it does not take too long.
    pub(crate) async fn end(self) {
        let Self { shutdown, mut server } = self;
        tokio::select! {
            () = shutdown.close_after(PATIENCE) => {}
            _ = &mut server => return,
        }
        let _ = server.await;
    }
}

fn is_taken(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrInUse
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> io::Error {
    let text = match is_taken(error) {
        true => format!(
            "cannot listen on {address}: the port is in use: choose another one with --listen"
        ),
        false => format!("cannot listen on {address}: {error}"),
    };
    io::Error::new(error.kind(), text)
}

fn open_to_all(address: SocketAddr) -> io::Error {
    let text = format!(
        "listening on {address} is for others than this machine, and nothing says who may: give a token with --token or WATCH_TOKEN"
    );
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}
