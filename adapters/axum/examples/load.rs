//! What it costs to be read by many, and whether one that never reads is noticed by the others.
//!
//! ```sh
//! cargo run --release -p statusbus-axum --example load            # 1,000 readers
//! cargo run --release -p statusbus-axum --example load -- 10000   # the memory of many idle ones
//! ```
//!
//! The server is a process of its own. It says 5 updates of 1 KiB every 100 ms; latency is from then
//! until a reader has them. Rounds with and without the one that never reads take turns.

use std::error::Error;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use statusbus_axum::{Limits, Routes, Server};
use statusbus_tokio::Status;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const ROUNDS: usize = 4;
const ROUND: Duration = Duration::from_secs(8);
const EVERY: Duration = Duration::from_millis(100);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("serve") => serve().await,
        Some(readers) if readers != "1000" => idle(readers.parse()?).await,
        _ => rounds(1_000).await,
    }
}

/// The server: says where it is, and then what there is to read.
async fn serve() -> Outcome<()> {
    let status = Status::builder().spawn();
    let routes = Routes::new(&status).limits(Limits::new().streams(20_000));
    let closing = routes.closing();
    let server = Server::bind("127.0.0.1:0").await?.connections(20_000);
    writeln!(std::io::stdout(), "{}", server.local_addr())?;
    let serving = tokio::spawn(server.run(routes.router(), closing));
    let filler = "x".repeat(1_000);
    let mut ticks = tokio::time::interval(EVERY);
    while !serving.is_finished() {
        ticks.tick().await;
        for _ in 0..5 {
            status.info("load", format!("{} {filler}", micros()));
        }
    }
    Ok(())
}

fn micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// The server's process, ended with this.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn start() -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.arg("serve").stdout(Stdio::piped()).spawn()?;
        let mut address = String::new();
        if let Some(output) = child.stdout.take() {
            std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut address)?;
        }
        Ok(Self { child, address: address.trim().to_owned() })
    }

    async fn read(&self) -> Outcome<TcpStream> {
        let mut stream = TcpStream::connect(&self.address).await?;
        let request = format!("GET /v1/events HTTP/1.1\r\nhost: {}\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).await?;
        Ok(stream)
    }

    /// The memory of its process, in MiB.
    fn memory(&self) -> Outcome<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kilobytes.unwrap_or("0").parse::<u64>()? / 1024)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads until `end`; answers the latencies, in microseconds.
async fn latencies(mut stream: TcpStream, end: Instant) -> Vec<u64> {
    const MARK: &[u8] = b"\"text\":\"";
    let (mut all, mut rest) = (Vec::new(), Vec::new());
    let mut piece = vec![0; 1 << 14];
    while let Ok(Ok(read @ 1..)) = tokio::time::timeout_at(end, stream.read(&mut piece)).await {
        let now = micros();
        rest.extend_from_slice(&piece[..read]);
        while let Some(found) = rest.windows(MARK.len()).position(|window| window == MARK) {
            let digits = &rest[found + MARK.len()..];
            let Some(len) = digits.iter().position(|byte| !byte.is_ascii_digit()) else { break };
            let said = std::str::from_utf8(&digits[..len]).ok().and_then(|text| text.parse().ok());
            all.extend(said.map(|said: u64| now.saturating_sub(said)));
            rest.drain(..found + MARK.len() + len);
        }
        let keep = rest.len().saturating_sub(64);
        if !rest.windows(MARK.len()).any(|window| window == MARK) {
            rest.drain(..keep);
        }
    }
    all
}

async fn round(readers: usize, stuck: usize) -> Outcome<(u64, u64, u64)> {
    let served = Served::start()?;
    let mut held = Vec::new();
    for _ in 0..stuck {
        held.push(served.read().await?);
    }
    let begin = Instant::now() + Duration::from_secs(4);
    let end = begin + ROUND;
    let mut reading = Vec::new();
    for _ in 0..readers - stuck {
        reading.push(tokio::spawn(latencies(served.read().await?, end)));
    }
    let (mut all, mut readers) = (Vec::new(), 0);
    for reader in reading {
        let latencies = reader.await?;
        readers += usize::from(!latencies.is_empty());
        // What stood before, and what came while others were still connecting, is no measure.
        all.extend_from_slice(&latencies[latencies.len() / 2..]);
    }
    let memory = served.memory()?;
    all.sort_unstable();
    let at = |share: usize| all.get(all.len() * share / 1_000).copied().unwrap_or(0);
    writeln!(
        std::io::stdout(),
        "{readers} read, {stuck} never: p50 {:>6} us, p99 {:>6} us, p99.9 {:>6} us, {} updates, server {memory} MiB",
        at(500),
        at(990),
        at(999),
        all.len()
    )?;
    drop(held);
    Ok((at(500), at(990), memory))
}

async fn rounds(readers: usize) -> Outcome<()> {
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        without.push(round(readers, 0).await?.1);
        with.push(round(readers, 1).await?.1);
    }
    without.sort_unstable();
    with.sort_unstable();
    let (without, with) = (without[ROUNDS / 2], with[ROUNDS / 2]);
    let ratio = with as f64 / without.max(1) as f64;
    writeln!(std::io::stdout(), "median p99: {without} us without, {with} us with: {ratio:.2} x")?;
    Ok(())
}

/// Many who read what little there is.
async fn idle(readers: usize) -> Outcome<()> {
    let served = Served::start()?;
    let before = served.memory()?;
    let mut held = Vec::new();
    for _ in 0..readers {
        held.push(served.read().await?);
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = served.memory()?;
    let each = (after.saturating_sub(before) * 1024) as f64 / readers as f64;
    writeln!(
        std::io::stdout(),
        "{readers} readers that never read: {before} MiB before, {after} MiB now, {each:.1} KiB each"
    )?;
    tokio::time::sleep(Duration::from_secs(20)).await;
    writeln!(std::io::stdout(), "20 s later: {} MiB", served.memory()?)?;
    Ok(())
}
