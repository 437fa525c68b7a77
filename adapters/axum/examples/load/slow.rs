//! Whether one that never reads is noticed by the others: the same readers of the same server, with and
//! without it, in short spans that take turns. Whoever else uses the machine disturbs both alike.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::served::Served;
use crate::{A_READER, Outcome, micros, tell};

/// Spans of each kind: an odd number, for the median.
const SPANS: usize = 31;
const SPAN: Duration = Duration::from_secs(1);
/// Between two spans.
const SETTLES: Duration = Duration::from_millis(300);

/// A span of time, in microseconds, and whether there was one that never read.
struct Span {
    begin: u64,
    end: u64,
    is_stuck: bool,
}

/// What was said when, and how long it took, in microseconds.
type Latency = (u64, u64);

pub(crate) async fn measure(readers: usize) -> Outcome<()> {
    let served = Served::start("ticks")?;
    let (_, alone) = served.memory()?;
    // Some of it does not fit on the way to one that never reads.
    fill(&served, 3).await?;
    let (mut reading, end) = (Vec::new(), CancellationToken::new());
    for _ in 1..readers {
        reading.push(tokio::spawn(latencies(served.read().await?, end.clone())));
    }
    sleep(Duration::from_secs(2)).await;
    let mut spans = Vec::new();
    for turn in 0..2 * SPANS {
        // Without, with, with, without: what drifts is in both.
        let is_stuck = turn % 4 == 1 || turn % 4 == 2;
        let held = if is_stuck { Some(block(&served).await?) } else { None };
        sleep(SETTLES).await;
        let begin = micros();
        sleep(SPAN).await;
        spans.push(Span { begin, end: micros(), is_stuck });
        drop(held);
    }
    end.cancel();
    let mut all: Vec<Latency> = Vec::new();
    for reader in reading {
        let latencies = reader.await?;
        if latencies.is_empty() {
            return Err("a reader has read nothing".into());
        }
        all.extend(latencies);
    }
    for share in [50, 99] {
        let median = |is_stuck| {
            let of_kind = spans.iter().filter(|span| span.is_stuck == is_stuck);
            let mut each: Vec<u64> = of_kind.map(|span| percentile(&all, span, share)).collect();
            each.sort_unstable();
            each.get(each.len() / 2).copied().unwrap_or_default()
        };
        let (without, with) = (median(false), median(true));
        tell(&format!(
            "p{share}, median of {SPANS} spans: {without} us without, {with} us with one of {readers} that \
             never reads: {:.2} x",
            with as f64 / without.max(1) as f64
        ))?;
    }
    memory(&served, alone, readers).await
}

/// The latency that so many of a hundred updates do not exceed.
fn percentile(all: &[Latency], span: &Span, share: usize) -> u64 {
    let within = all.iter().filter(|(said, _)| (span.begin..span.end).contains(said));
    let mut latencies: Vec<u64> = within.map(|(_, latency)| *latency).collect();
    latencies.sort_unstable();
    latencies.get(latencies.len() * share / 100).copied().unwrap_or_default()
}

/// What there may be of it, in KiB, besides what the server has before anybody reads: as the README
/// adds it up.
fn bound(readers: u64) -> u64 {
    // The window: 16 MiB of texts, and 104 bytes for each of 16,384 updates.
    let window = 16 * 1024 + 16_384 * 104 / 1024;
    // Frames that are kept ready; the requests that say what there is.
    let (kept, requests) = (4 * 1024, 4 * 1024);
    // A reader, and what one that does not read holds of it.
    window + kept + requests + readers * A_READER + (64 + 64 + 103)
}

/// The memory when what is kept for readers is full, and then with one that misses as much again.
async fn memory(served: &Served, alone: u64, count: usize) -> Outcome<()> {
    let bound = alone + bound(count as u64) / 1024;
    let (_, readers) = served.memory()?;
    fill(served, 40).await?;
    let (_, full) = served.memory()?;
    let held = served.read_with_no_room("").await?;
    fill(served, 40).await?;
    is_stuck(served).await?;
    let (_, with) = served.memory()?;
    drop(held);
    tell(&format!(
        "memory: at most {readers} MiB with all readers; {full} MiB when 40 MiB more were said, {with} MiB \
         when one did not read 40 MiB more; the bound is {bound} MiB"
    ))?;
    match with <= bound {
        true => Ok(()),
        false => Err("the memory is beyond its bound".into()),
    }
}

/// One that never reads, and has more before it than fits on the way to it.
async fn block(served: &Served) -> Outcome<TcpStream> {
    let epoch = served.health().await?["epoch"].as_str().unwrap_or_default().to_owned();
    let held = served.read_with_no_room(&format!("{epoch}-0")).await?;
    is_stuck(served).await?;
    Ok(held)
}

/// Waits until somebody does not read what there is.
async fn is_stuck(served: &Served) -> Outcome<()> {
    for _ in 0..100 {
        sleep(Duration::from_millis(10)).await;
        if served.health().await?["unread"].as_u64() > Some(500) {
            return Ok(());
        }
    }
    Err("the one that never reads is not stuck".into())
}

/// Says so many MiB.
async fn fill(served: &Served, megabytes: usize) -> Outcome<()> {
    let text = "x".repeat(1_000);
    let update =
        format!("{{\"conversation\":\"fill\",\"category\":\"info\",\"text\":\"{text}\"}}\n");
    for _ in 0..megabytes {
        served.publish(&update.repeat(1_000)).await?;
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Reads until the end; answers the latencies.
async fn latencies(mut stream: TcpStream, end: CancellationToken) -> Vec<Latency> {
    const MARK: &[u8] = b"\"text\":\"";
    let (mut all, mut rest) = (Vec::new(), Vec::new());
    let mut piece = vec![0; 1 << 14];
    while let Some(Ok(read @ 1..)) = end.run_until_cancelled(stream.read(&mut piece)).await {
        let now = micros();
        rest.extend_from_slice(&piece[..read]);
        let mut done = 0;
        while let Some(found) = rest[done..].windows(MARK.len()).position(|at| at == MARK) {
            let digits = done + found + MARK.len();
            let Some(len) = rest[digits..].iter().position(|byte| !byte.is_ascii_digit()) else {
                break;
            };
            let said = std::str::from_utf8(&rest[digits..digits + len]).ok();
            let said = said.and_then(|text| text.parse::<u64>().ok());
            all.extend(said.map(|said| (said, now.saturating_sub(said))));
            done = digits + len;
        }
        // A mark and the digits behind it may be in two pieces.
        rest.drain(..done.max(rest.len().saturating_sub(64)));
    }
    all
}
