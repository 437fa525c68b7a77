//! Readers of everything that connect at the same time to a bus with many retained values.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::served::Served;
use crate::server::VALUES;
use crate::{A_READER, Outcome, print_line};

/// Maximum memory of a reader besides its connection, in KiB: it shares the values, and holds a part.
const MOST: u64 = 16;

pub(crate) async fn measure(readers: usize) -> Outcome<()> {
    let mut memory = 0.0;
    for what in ["quiet", "values"] {
        let served = Served::start(what)?;
        // The first reader collects the values, and stays connected.
        let mut held = vec![served.read().await?];
        have_begun(&served, 1).await?;
        let (before, processor) = (served.memory()?.0, served.processor()?);
        for _ in 1..readers {
            held.push(served.read_with_no_room("").await?);
        }
        have_begun(&served, readers).await?;
        let each = (served.processor()? - processor).as_secs_f64() * 1e3 / readers as f64;
        let after = served.memory()?.0;
        memory = (after.saturating_sub(before) * 1024) as f64 / readers as f64;
        print_line(&format!(
            "{readers} readers at once, {what}: {each:.2} ms of a processor and {memory:.1} KiB each, \
             connection included; {before} MiB before"
        ))?;
        if what == "values" {
            let (bytes, took) = read_values(&mut held[0]).await?;
            print_line(&format!(
                "one of them reads all {VALUES} values, {bytes} bytes, in {took:.0?}"
            ))?;
        }
    }
    let most = (MOST + A_READER) as f64;
    if memory > most {
        return Err(format!("a reader takes more than {most} KiB").into());
    }
    Ok(())
}

/// Reads up to the id after the values.
async fn read_values(reader: &mut TcpStream) -> Outcome<(usize, Duration)> {
    let (began, mut all, mut end) = (Instant::now(), 0, Vec::new());
    let mut piece = vec![0; 64 * 1024];
    while !end.windows(4).any(|end| end == b"\nid:") {
        let read = reader.read(&mut piece).await?;
        if read == 0 {
            return Err("the values did not end with an id".into());
        }
        all += read;
        // The end may be split over two pieces.
        end.drain(..end.len().saturating_sub(4));
        end.extend_from_slice(&piece[..read]);
    }
    Ok((all, began.elapsed()))
}

async fn have_begun(served: &Served, readers: usize) -> Outcome<()> {
    while served.health().await?["readers"].as_u64() != Some(readers as u64) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(())
}
