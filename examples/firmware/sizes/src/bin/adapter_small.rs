//! The adapter; no keys, no priorities, no frames.

#![no_std]
#![no_main]

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use sizes::{BATCH, ROOM, TEXT, out};
use statusbus_embassy::{Buffer, Message, NoKey, Status, Unranked};

static STATUS: Status<CriticalSectionRawMutex, Message<48, 0, 0, NoKey, Unranked>, ROOM> =
    Status::new();

fn send(number: u8) {
    STATUS.info(number, TEXT);
}

#[embassy_executor::task]
async fn hand_on() {
    let mut buffer = Buffer::<_, BATCH>::new();
    let Ok(mut runner) = STATUS.runner(&mut buffer) else { return };
    while let Some(batch) = runner.next().await {
        if let Some(gap) = batch.gap() {
            out(gap.total().total() as u8);
        }
        for handed in batch.updates() {
            handed.update.text().bytes().for_each(out);
        }
        batch.delivered();
    }
}

sizes::application!(u8::from, send, hand_on);
