//! The server process: prints its address, then publishes.

use std::time::Duration;

use statusbus_axum::{Limits, Routes, Server};
use statusbus_tokio::{Spawn, Status};

use crate::{Outcome, micros, print_line};

/// The number of retained values in mode `values`, each in its own conversation.
pub(crate) const VALUES: usize = 100_000;

/// Serves and publishes. Modes: `quiet` and `values` publish nothing more; `ticks` publishes 5 updates of
/// 1 KiB every 100 ms; two numbers publish that many short updates at the speed of the readers, once
/// the second number of readers is connected.
#[tokio::main]
pub(crate) async fn run(what: &str) -> Outcome<()> {
    let status = Status::builder().with_conversations(2 * VALUES).spawn();
    if what == "values" {
        retain(&status).await;
    }
    let routes = Routes::new(&status).with_limits(Limits::new().with_streams(20_000));
    let shutdown = routes.shutdown_handle();
    let server = Server::bind("127.0.0.1:0").await?.with_connections(20_000);
    print_line(&server.local_addr().to_string())?;
    let serving = tokio::spawn(server.run(routes.router(), shutdown));
    match what.split_once('/') {
        Some((updates, readers)) => {
            tokio::spawn(flood(status, updates.parse()?, readers.parse()?));
        }
        None if what == "ticks" => {
            tokio::spawn(ticks(status));
        }
        None => {}
    }
    serving.await?;
    Ok(())
}

async fn retain(status: &Status) {
    for number in 0..VALUES {
        status.info(&format!("job-{number}"), format!("step {number} of many is done"));
        if number % 1_000 == 999 {
            status.flush().await;
        }
    }
}

async fn ticks(status: Status) {
    let filler = "x".repeat(1_000);
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    loop {
        ticks.tick().await;
        for _ in 0..5 {
            status.info("load", format!("{} {filler}", micros()));
        }
        // Flushed together: some would otherwise wait for the interval, which would dominate the
        // measurement.
        status.flush().await;
    }
}

/// Publishes at the speed of the readers. The unread updates of all readers together stay below the
/// window, so no reader lags and the queue never fills.
async fn flood(status: Status, updates: u64, readers: usize) {
    const UNREAD: u64 = 15_000;
    while status.readers() < readers {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    for number in 0..updates {
        status.info("load", format_args!("line {number} of what is said"));
        if number % 1_000 == 999 {
            status.flush().await;
            while status.unread() > UNREAD {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
    status.info("load", crate::fan::LAST);
}
