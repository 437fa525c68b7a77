//! The server process, as seen from the readers' process.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::Outcome;

/// The server process, killed on drop.
pub(crate) struct Served {
    child: Child,
    address: String,
}

const EVERYTHING: &str = "GET /v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n";

impl Served {
    /// Starts the server with a mode as its argument.
    pub(crate) fn start(what: &str) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.args(["serve", what]).stdout(Stdio::piped()).spawn()?;
        let mut address = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut address)?;
        }
        Ok(Self { child, address: address.trim().to_owned() })
    }

    /// Sends a request, and returns the connection before the response is read.
    async fn ask(&self, request: &str) -> Outcome<TcpStream> {
        let mut stream = TcpStream::connect(&self.address).await?;
        stream.write_all(request.as_bytes()).await?;
        Ok(stream)
    }

    /// Requests everything since a position, over a connection with minimal buffers for unread data.
    pub(crate) async fn read_with_no_room(&self, since: &str) -> Outcome<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4 * 1024)?;
        let mut stream = socket.connect(self.address.parse()?).await?;
        let path = format!("/v1/events?last_event_id={since}");
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        Ok(stream)
    }

    /// Publishes updates, one on each line.
    pub(crate) async fn publish(&self, lines: &str) -> Outcome<()> {
        let request = format!(
            "POST /v1/status HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\n\
             content-length: {}\r\n\r\n{lines}",
            lines.len()
        );
        self.ask(&request).await?.read_u8().await?;
        Ok(())
    }

    /// Reads everything.
    pub(crate) async fn read(&self) -> Outcome<TcpStream> {
        self.ask(EVERYTHING).await
    }

    /// Opens a socket for Phoenix channels and joins the conversation.
    pub(crate) async fn join(&self) -> Outcome<TcpStream> {
        let head = "GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                    sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                    host: localhost\r\n\r\n";
        let mut stream = self.ask(head).await?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await?);
        }
        if !answer.starts_with(b"HTTP/1.1 101") {
            return Err(String::from_utf8_lossy(&answer).into());
        }
        let join = r#"["1","1","status:load","phx_join",{"categories":["info"]}]"#;
        // A text frame of a client, with a mask of zeros.
        let len = u8::try_from(join.len())? | 0x80;
        let frame = [&[0x81, len, 0, 0, 0, 0], join.as_bytes()].concat();
        stream.write_all(&frame).await?;
        Ok(stream)
    }

    /// The response of `/v1/health`.
    pub(crate) async fn health(&self) -> Outcome<Value> {
        let mut stream = self.ask("GET /v1/health HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
        let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
        loop {
            let read = stream.read(&mut piece).await?;
            answer.extend_from_slice(&piece[..read]);
            let text = String::from_utf8_lossy(&answer);
            if let Some((_, body)) = text.split_once("\r\n\r\n")
                && let Ok(figures) = serde_json::from_str(body)
            {
                return Ok(figures);
            }
            if read == 0 {
                return Err(format!("no figures: {text}").into());
            }
        }
    }

    /// The memory of the process in MiB, and its maximum so far.
    pub(crate) fn memory(&self) -> Outcome<(u64, u64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kilobytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
        };
        let (now, most) = (kilobytes("VmRSS:"), kilobytes("VmHWM:"));
        Ok((now.unwrap_or(0) / 1024, most.unwrap_or(0) / 1024))
    }

    /// The processor time of the process, system calls included.
    pub(crate) fn processor(&self) -> Outcome<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = stat.rsplit_once(')').ok_or("a process has a name")?;
        // Linux reports it to programs in hundredths of a second.
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
        let ticks: u64 = ticks.sum::<Result<u64, _>>()?;
        Ok(Duration::from_millis(ticks * 10))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
