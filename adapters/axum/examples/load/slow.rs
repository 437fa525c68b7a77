//! The effect of a reader that never reads: the same readers of the same server with and without it, in
//! short alternating spans, so that other load on the machine affects both equally.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::served::Served;
use crate::{A_READER, Outcome, micros, print_line};

/// Number of spans of each kind: odd, for the median.
const SPANS: usize = 31;
const SPAN: Duration = Duration::from_secs(1);
/// The pause between two spans.
const SETTLES: Duration = Duration::from_millis(300);

/// A span of time in microseconds, and whether it had a reader that never reads.
struct Span {
    begin: u64,
    end: u64,
    is_stuck: bool,
}

/// The time of an update, and its latency, in microseconds.
type Latency = (u64, u64);

pub(crate) async fn measure(readers: usize) -> Outcome<()> {
    let served = Served::start("ticks")?;
    let (_, alone) = served.memory()?;
    // More than the buffers to a reader that never reads hold.
    fill(&served, 3).await?;
    let (mut reading, end) = (Vec::new(), CancellationToken::new());
    for _ in 1..readers {
        reading.push(tokio::spawn(latencies(served.read().await?, end.clone())));
    }
    sleep(Duration::from_secs(2)).await;
    let mut spans = Vec::new();
    for turn in 0..2 * SPANS {
        // Without, with, with, without: a drift affects both equally.
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
        let of_kind = |is_stuck| {
            let of_kind = spans.iter().filter(move |span| span.is_stuck == is_stuck);
            of_kind.map(|span| percentile(&all, span, share) as f64)
        };
        // Adjacent spans: other load on the machine has affected both.
        let ratios = of_kind(true).zip(of_kind(false)).map(|(with, without)| with / without);
        print_line(&format!(
            "p{share}, median of {SPANS} spans: {:.0} us without, {:.0} us with one of {readers} that never \
             reads; {:.2} x, median of neighbours",
            median(of_kind(false)),
            median(of_kind(true)),
            median(ratios)
        ))?;
    }
    memory(&served, alone, readers).await
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// A percentile of the latencies.
fn percentile(all: &[Latency], span: &Span, share: usize) -> u64 {
    let within = all.iter().filter(|(sent, _)| (span.begin..span.end).contains(sent));
    let mut latencies: Vec<u64> = within.map(|(_, latency)| *latency).collect();
    latencies.sort_unstable();
    latencies.get(latencies.len() * share / 100).copied().unwrap_or_default()
}

/// Maximum memory in KiB besides that of an idle server: the sum in the README.
fn bound(readers: u64) -> u64 {
    // The window: 16 MiB of texts, and 104 bytes for each of 16,384 updates.
    let window = 16 * 1024 + 16_384 * 104 / 1024;
    // Cached frames; the requests that publish.
    let (kept, requests) = (4 * 1024, 4 * 1024);
    // A reader, and the unread data of one that does not read.
    window + kept + requests + readers * A_READER + (64 + 64 + 103)
}

/// The memory when the window is full, and then with a reader that misses as much again.
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
    print_line(&format!(
        "memory: at most {readers} MiB with all readers; {full} MiB after 40 MiB more of updates, {with} MiB \
         when one did not read 40 MiB more; the bound is {bound} MiB"
    ))?;
    if with <= bound { Ok(()) } else { Err("the memory exceeds its bound".into()) }
}

/// A reader that never reads, with more unread data than the buffers hold.
async fn block(served: &Served) -> Outcome<TcpStream> {
    let epoch = served.health().await?["epoch"].as_str().unwrap_or_default().to_owned();
    let held = served.read_with_no_room(&format!("{epoch}-0")).await?;
    is_stuck(served).await?;
    Ok(held)
}

/// Waits until a reader is behind.
async fn is_stuck(served: &Served) -> Outcome<()> {
    for _ in 0..100 {
        sleep(Duration::from_millis(10)).await;
        if served.health().await?["unread"].as_u64() > Some(500) {
            return Ok(());
        }
    }
    Err("the one that never reads is not stuck".into())
}

/// Publishes this many MiB.
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

/// Reads until the end. Returns the latencies.
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
            let sent = std::str::from_utf8(&rest[digits..digits + len]).ok();
            let sent = sent.and_then(|text| text.parse::<u64>().ok());
            all.extend(sent.map(|sent| (sent, now.saturating_sub(sent))));
            done = digits + len;
        }
        // A marker and its digits may be split over two pieces.
        rest.drain(..done.max(rest.len().saturating_sub(64)));
    }
    all
}
