//! Readers of everything that come all at once, when there are many retained values.

use std::time::Duration;

use tokio::io::AsyncReadExt;

use crate::served::Served;
use crate::server::VALUES;
use crate::{Outcome, tell};

/// What a reader costs at most besides its connection: it shares the values, and holds a part of them.
const MOST: u64 = 16;

pub(crate) async fn measure(readers: usize) -> Outcome<()> {
    let served = Served::start("values")?;
    // The first one pays for all, and stays.
    let first = served.read().await?;
    all_begun(&served, 1).await?;
    let (before, _) = served.memory()?;
    let processor = served.processor()?;
    let mut held = vec![first];
    for _ in 1..readers {
        held.push(served.read_with_no_room("").await?);
    }
    all_begun(&served, readers).await?;
    let each = (served.processor()? - processor).as_secs_f64() * 1e3 / readers as f64;
    let (after, _) = served.memory()?;
    let memory = (after.saturating_sub(before) * 1024) as f64 / readers as f64;
    tell(&format!(
        "{readers} readers at once, {VALUES} values: {each:.2} ms of a processor and {memory:.1} KiB each, \
         their connections included ({before} MiB before)"
    ))?;
    let mut all = 0;
    let began = tokio::time::Instant::now();
    let mut piece = vec![0; 64 * 1024];
    while !piece[..all.min(piece.len())].windows(4).any(|end| end == b"\nid:") {
        let read = held[0].read(&mut piece).await?;
        if read == 0 {
            return Err("the values did not end with an id".into());
        }
        all += read;
    }
    tell(&format!("one of them reads all of it, {all} bytes, in {:.0?}", began.elapsed()))?;
    let most = (MOST + crate::A_READER) as f64;
    if memory > most {
        return Err(format!("a reader takes more than {most} KiB").into());
    }
    Ok(())
}

async fn all_begun(served: &Served, readers: usize) -> Outcome<()> {
    while served.health().await?["readers"].as_u64() != Some(readers as u64) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(())
}
