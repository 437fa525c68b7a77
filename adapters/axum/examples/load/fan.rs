//! Deliveries a second to many readers of the same selection, at full speed.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::served::Served;
use crate::{Outcome, print_line};

/// The text of the last update.
pub(crate) const LAST: &str = "that was all of it";

/// The transport of the readers.
#[derive(Clone, Copy)]
pub(crate) enum Over {
    EventStreams,
    Sockets,
}

const ROUNDS: usize = 5;

pub(crate) async fn measure(over: Over, readers: usize) -> Outcome<()> {
    let updates = 2_000_000 / readers as u64;
    // A socket gets a message for each update, a stream an event for each batch.
    let updates = match over {
        Over::EventStreams => updates * 10,
        Over::Sockets => updates,
    };
    let mut all = Vec::new();
    for _ in 0..ROUNDS {
        let (took, processor, memory) = round(over, readers, updates).await?;
        let deliveries = (updates * readers as u64) as f64;
        let a_second = deliveries / took.as_secs_f64();
        print_line(&format!(
            "{readers} readers of {updates} updates: {:.2} s, {:.2} M/s; server {:.2} s of a processor, \
             {:.2} M/s of it, {memory} MiB",
            took.as_secs_f64(),
            a_second / 1e6,
            processor.as_secs_f64(),
            deliveries / processor.as_secs_f64() / 1e6,
        ))?;
        all.push((a_second / 1e6, deliveries / processor.as_secs_f64() / 1e6));
    }
    let median = |mut figures: Vec<f64>| {
        figures.sort_by(f64::total_cmp);
        figures[ROUNDS / 2]
    };
    let (a_second, of_processor): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    print_line(&format!(
        "median: {:.2} M deliveries a second, {:.2} M for each second of a processor",
        median(a_second),
        median(of_processor)
    ))
}

async fn round(over: Over, readers: usize, updates: u64) -> Outcome<(Duration, Duration, u64)> {
    let served = Served::start(&format!("{updates}/{readers}"))?;
    let mut reading = Vec::new();
    for _ in 0..readers {
        let stream = match over {
            Over::EventStreams => served.read().await?,
            Over::Sockets => served.join().await?,
        };
        reading.push(tokio::spawn(to_the_end(stream)));
    }
    let before = served.processor()?;
    let (mut begin, mut end) = (None::<Instant>, None::<Instant>);
    for reader in reading {
        let (began, ended) = reader.await??;
        begin = Some(begin.map_or(began, |begin| begin.min(began)));
        end = Some(end.map_or(ended, |end| end.max(ended)));
    }
    let processor = served.processor()? - before;
    let missed = served.health().await?["missed"].as_u64();
    if missed != Some(0) {
        return Err(format!("readers missed {missed:?}").into());
    }
    let took = begin.zip(end).map(|(begin, end)| end - begin).unwrap_or_default();
    Ok((took, processor, served.memory()?.1))
}

/// The times of the first and of the last update.
async fn to_the_end(mut stream: TcpStream) -> Outcome<(Instant, Instant)> {
    // The content is not parsed except for its beginning and end, so that readers cost little.
    const BEGIN: &[u8] = b"line 0 of";
    let mut piece = vec![0; 1 << 16];
    let (mut begin, mut tail) = (None, Vec::new());
    loop {
        let read = stream.read(&mut piece).await?;
        if read == 0 {
            return Err("the stream has ended".into());
        }
        if begin.is_none() && piece[..read].windows(BEGIN.len()).any(|at| at == BEGIN) {
            begin = Some(Instant::now());
        }
        let keep = read.min(512);
        tail.extend_from_slice(&piece[read - keep..read]);
        tail.drain(..tail.len().saturating_sub(512));
        if tail.windows(LAST.len()).any(|at| at == LAST.as_bytes()) {
            return Ok((begin.unwrap_or_else(Instant::now), Instant::now()));
        }
    }
}
