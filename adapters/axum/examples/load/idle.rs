//! The memory of many readers on a mostly idle bus.

use std::time::Duration;

use crate::served::Served;
use crate::{A_READER, Outcome, print_line};

pub(crate) async fn measure(readers: usize) -> Outcome<()> {
    let served = Served::start("ticks")?;
    let (before, _) = served.memory()?;
    let mut held = Vec::new();
    for _ in 0..readers {
        held.push(served.read().await?);
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (after, _) = served.memory()?;
    let each = (after.saturating_sub(before) * 1024) as f64 / readers as f64;
    print_line(&format!(
        "{readers} readers that never read: {before} MiB before, {after} MiB now, {each:.1} KiB each"
    ))?;
    if each > A_READER as f64 {
        return Err(format!("a reader takes more than {A_READER} KiB").into());
    }
    tokio::time::sleep(Duration::from_secs(20)).await;
    print_line(&format!(
        "20 s later: {} MiB, at most {} MiB",
        served.memory()?.0,
        served.memory()?.1
    ))
}
