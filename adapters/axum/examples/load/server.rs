//! The server's process: says where it is, and then what there is to read.

use std::time::Duration;

use statusbus_axum::{Limits, Routes, Server};
use statusbus_tokio::Status;

use crate::{Outcome, micros, tell};

/// Retained values of the server that has `values`, each of a conversation of its own.
pub(crate) const VALUES: usize = 100_000;

/// Serves, and says: `quiet` or `values`, nothing by itself; `ticks`, 5 updates of 1 KiB every 100 ms; a number,
/// so many short ones as fast as they are read, once as many readers are there as a second number
/// says.
#[tokio::main]
pub(crate) async fn run(what: &str) -> Outcome<()> {
    let status = Status::builder().conversations(2 * VALUES).spawn();
    if what == "values" {
        retain(&status).await;
    }
    let routes = Routes::new(&status).limits(Limits::new().streams(20_000));
    let closing = routes.closing();
    let server = Server::bind("127.0.0.1:0").await?.connections(20_000);
    tell(&server.local_addr().to_string())?;
    let serving = tokio::spawn(server.run(routes.router(), closing));
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
        // Together and now: else some of them would wait for the interval, now and then, and that would
        // be most of what is measured.
        status.flush().await;
    }
}

/// Says as much as is read. However few of the readers what is unread falls to, it is less than the
/// window: nobody lags, and the queue is never full.
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
