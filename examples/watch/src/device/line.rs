//! Lines to a device: opening and reading them.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serial2_tokio::SerialPort;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};

use super::address::{Address, Place};
use crate::tail::{Identity, identity};

/// How often a file is looked at for more.
const EVERY: Duration = Duration::from_millis(200);

/// How long connecting may take.
const CONNECTING: Duration = Duration::from_secs(10);

/// Where lines come from, one after the other.
pub(super) struct Lines {
    place: Place,
    listener: Option<TcpListener>,
    baud: u32,
    end: End,
}

/// What a line does that has been read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It waits for more: a file that grows, a FIFO that somebody else may write to.
    Waits,
    /// It has ended.
    Ends,
}

/// A line that is open.
pub(super) enum Line {
    Serial(SerialPort),
    Tcp(TcpStream),
    File(Growing),
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
    #[cfg(unix)]
    Fifo(tokio::net::unix::pipe::Receiver),
}

/// A file that something writes to.
pub(super) struct Growing {
    file: File,
    path: PathBuf,
    /// Up to here it has been read.
    at: u64,
    identity: Option<Identity>,
    end: End,
}

impl Lines {
    /// Begins to listen, if it is to.
    pub(super) async fn new(address: &Address, baud: u32, end: End) -> io::Result<Self> {
        let place = address.place.clone();
        let listener = match &place {
            Place::Listen(address) => {
                let cannot = |error: io::Error| {
                    let text = format!("cannot listen on {address}: {error}");
                    io::Error::new(error.kind(), text)
                };
                Some(TcpListener::bind(address).await.map_err(cannot)?)
            }
            _ => None,
        };
        Ok(Self { place, listener, baud, end })
    }

    /// Where they are.
    pub(super) const fn place(&self) -> &Place {
        &self.place
    }

    /// Where the device is to connect to.
    pub(super) fn listening_at(&self) -> Option<std::net::SocketAddr> {
        self.listener.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Opens a line. Safe to cancel.
    pub(super) async fn open(&self) -> io::Result<Line> {
        match &self.place {
            Place::Path(path) => open_path(path, self.baud, self.end).await,
            Place::Connect(address) => {
                let connecting = tokio::time::timeout(CONNECTING, TcpStream::connect(address));
                connecting.await.map_err(|_| io::ErrorKind::TimedOut)?.and_then(tcp)
            }
            Place::Listen(_) => self.next_caller().await,
        }
    }

    /// Waits for another line that takes the place of the one that is read: a device that was
    /// switched off does not hang up, and calls anew. For ever, where nobody calls.
    pub(super) async fn newer(&self) -> Line {
        loop {
            if let Ok(line) = self.next_caller().await {
                return line;
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    async fn next_caller(&self) -> io::Result<Line> {
        match &self.listener {
            Some(listener) => tcp(listener.accept().await?.0),
            None => std::future::pending().await,
        }
    }
}

impl Line {
    /// Reads what has come: 0 bytes when it has ended. Safe to cancel.
    pub(super) async fn read(&mut self, chunk: &mut [u8]) -> io::Result<usize> {
        use tokio::io::AsyncReadExt;
        match self {
            Self::Serial(port) => port.read(chunk).await,
            Self::Tcp(stream) => stream.read(chunk).await,
            Self::File(file) => file.read(chunk).await,
            #[cfg(unix)]
            Self::Unix(stream) => stream.read(chunk).await,
            #[cfg(unix)]
            Self::Fifo(fifo) => fifo.read(chunk).await,
        }
    }

    /// Whether whoever writes to it can wait, so that nothing has to be lost here.
    pub(super) const fn can_wait(&self) -> bool {
        !matches!(self, Self::Serial(_) | Self::Tcp(_))
    }
}

async fn open_path(path: &Path, baud: u32, end: End) -> io::Result<Line> {
    // On Windows a port has a name that is no path.
    #[cfg(windows)]
    if !path.exists() {
        return SerialPort::open(path, baud).map(Line::Serial);
    }
    let kind = std::fs::metadata(path)?.file_type();
    if kind.is_file() {
        return Growing::open(path, end).map(Line::File);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_char_device() {
            return open_serial(path, baud).map(Line::Serial);
        }
        if kind.is_socket() {
            return tokio::net::UnixStream::connect(path).await.map(Line::Unix);
        }
        if kind.is_fifo() {
            return open_fifo(path, end).await.map(Line::Fifo);
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, NONE))
}

const NONE: &str = "it is no serial port, FIFO, socket or file";

#[cfg(unix)]
fn open_serial(path: &Path, baud: u32) -> io::Result<SerialPort> {
    SerialPort::open(path, baud).map_err(|error| match error.raw_os_error() {
        Some(code) if code == rustix::io::Errno::NOTTY.raw_os_error() => {
            io::Error::new(io::ErrorKind::InvalidInput, NONE)
        }
        _ => error,
    })
}

#[cfg(unix)]
async fn open_fifo(path: &Path, end: End) -> io::Result<tokio::net::unix::pipe::Receiver> {
    let file = match end {
        // Who has it open for writing, too, waits for nobody to do that, and it does not end when the
        // last one who writes goes.
        End::Waits => File::options().read(true).write(true).open(path)?,
        End::Ends => {
            let path = path.to_owned();
            tokio::task::spawn_blocking(|| File::open(path)).await??
        }
    };
    tokio::net::unix::pipe::Receiver::from_file(file)
}

/// A connection that notices within half a minute that there is nobody at its other end.
fn tcp(stream: TcpStream) -> io::Result<Line> {
    let alive = TcpKeepalive::new().with_time(Duration::from_secs(15));
    let alive = alive.with_interval(Duration::from_secs(5));
    #[cfg(not(target_os = "openbsd"))]
    let alive = alive.with_retries(3);
    SockRef::from(&stream).set_tcp_keepalive(&alive)?;
    Ok(Line::Tcp(stream))
}

impl Growing {
    fn open(path: &Path, end: End) -> io::Result<Self> {
        let file = File::open(path)?;
        let identity = identity(&file.metadata()?);
        Ok(Self { file, path: path.to_owned(), at: 0, identity, end })
    }

    async fn read(&mut self, chunk: &mut [u8]) -> io::Result<usize> {
        loop {
            let len = self.file.read(chunk)?;
            self.at += len as u64;
            if len > 0 || self.end == End::Ends || self.is_over()? {
                return Ok(len);
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Whether it was cut off, or another one has its name.
    fn is_over(&self) -> io::Result<bool> {
        // While nothing has its name it may still be written to.
        let Ok(named) = std::fs::metadata(&self.path) else { return Ok(false) };
        let len = self.file.metadata()?.len();
        Ok(len < self.at || identity(&named) != self.identity && len == self.at)
    }
}
