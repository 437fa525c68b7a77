//! Whether one that never reads is noticed by the others. Rounds with and without it take turns.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::served::Served;
use crate::{Outcome, micros, tell};

/// With and without, each so often: an odd number, for the median.
const ROUNDS: usize = 5;
/// How long a round measures.
const ROUND: Duration = Duration::from_secs(8);
/// How long it takes before for everybody to connect.
const CONNECT: Duration = Duration::from_secs(3);

/// What a round has found: latencies in microseconds, memory in MiB.
struct Round {
    p50: u64,
    p99: u64,
    memory: u64,
}

pub(crate) async fn rounds(readers: usize) -> Outcome<()> {
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        without.push(round(readers, Stuck::None).await?);
        with.push(round(readers, Stuck::One).await?);
    }
    let median = |rounds: &[Round], of: fn(&Round) -> u64| {
        let mut all: Vec<_> = rounds.iter().map(of).collect();
        all.sort_unstable();
        all[ROUNDS / 2]
    };
    let ratio =
        |of: fn(&Round) -> u64| median(&with, of) as f64 / median(&without, of).max(1) as f64;
    for (name, of) in
        [("p50", (|round| round.p50) as fn(&Round) -> u64), ("p99", |round| round.p99)]
    {
        tell(&format!(
            "median {name}: {} us without, {} us with one that never reads: {:.2} x",
            median(&without, of),
            median(&with, of),
            ratio(of)
        ))?;
    }
    tell(&format!(
        "median memory: {} MiB without, {} MiB with",
        median(&without, |round| round.memory),
        median(&with, |round| round.memory)
    ))
}

/// Who never reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stuck {
    None,
    One,
}

async fn round(readers: usize, stuck: Stuck) -> Outcome<Round> {
    let served = Served::start("ticks")?;
    let held = match stuck {
        Stuck::One => Some(served.read_with_no_room().await?),
        Stuck::None => None,
    };
    fill(&served, 3).await?;
    if held.is_some() && served.health().await?["unread"].as_u64() < Some(500) {
        return Err("the one that never reads is not stuck".into());
    }
    let begin = Instant::now() + CONNECT;
    let mut reading = Vec::new();
    for _ in usize::from(held.is_some())..readers {
        reading.push(tokio::spawn(latencies(served.read().await?, begin, begin + ROUND)));
    }
    let (mut all, mut readers) = (Vec::new(), 0);
    for reader in reading {
        let latencies = reader.await?;
        readers += usize::from(!latencies.is_empty());
        all.extend(latencies);
    }
    let unread = served.health().await?["unread"].as_u64().unwrap_or(0);
    // More than twice what is kept for readers to come to: it misses what it does not read.
    fill(&served, 40).await?;
    let (_, memory) = served.memory()?;
    all.sort_unstable();
    let at = |share: usize| all.get(all.len() * share / 1_000).copied().unwrap_or(0);
    let (p50, p99) = (at(500), at(990));
    tell(&format!(
        "{readers} read, {} never ({unread} unread): p50 {p50:>6} us, p99 {p99:>6} us, p99.9 {:>6} us, \
         server at most {memory} MiB",
        usize::from(held.is_some()),
        at(999)
    ))?;
    Ok(Round { p50, p99, memory })
}

/// Says so many MiB. Of three, some do not fit on the way to one that never reads.
async fn fill(served: &Served, megabytes: usize) -> Outcome<()> {
    let text = "x".repeat(1_000);
    let update =
        format!("{{\"conversation\":\"fill\",\"category\":\"info\",\"text\":\"{text}\"}}\n");
    for _ in 0..megabytes {
        served.publish(&update.repeat(1_000)).await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Reads until `end`; answers the latencies of what was said after `begin`, in microseconds.
async fn latencies(mut stream: TcpStream, begin: Instant, end: Instant) -> Vec<u64> {
    const MARK: &[u8] = b"\"text\":\"";
    let (mut all, mut rest) = (Vec::new(), Vec::new());
    let mut piece = vec![0; 1 << 14];
    while let Ok(Ok(read @ 1..)) = timeout_at(end, stream.read(&mut piece)).await {
        let (now, counts) = (micros(), Instant::now() > begin);
        rest.extend_from_slice(&piece[..read]);
        let mut done = 0;
        while let Some(found) = rest[done..].windows(MARK.len()).position(|at| at == MARK) {
            let digits = done + found + MARK.len();
            let Some(len) = rest[digits..].iter().position(|byte| !byte.is_ascii_digit()) else {
                break;
            };
            let said = std::str::from_utf8(&rest[digits..digits + len]).ok();
            let said = said.and_then(|text| text.parse::<u64>().ok()).filter(|_| counts);
            all.extend(said.map(|said| now.saturating_sub(said)));
            done = digits + len;
        }
        // A mark and the digits behind it may be in two pieces.
        let keep = done.max(rest.len().saturating_sub(64));
        rest.drain(..keep);
    }
    all
}
