//! The adapter; no keys, no priorities, no frames.

#![no_std]
#![no_main]

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use sizes::{BATCH, ROOM, TEXT, out};
use statusbus_embassy::{Buffer, Message, NoKey, Status, Unranked};

type Update = Message<48, 0, 0, NoKey, Unranked>;

static STATUS: Status<CriticalSectionRawMutex, Update, ROOM> = Status::new();

fn send(number: u8) {
    STATUS.info(number, TEXT);
}

#[embassy_executor::task]
async fn deliver() {
    let buffer = sizes::buffer!(Buffer<Update, BATCH>);
    let Ok(mut runner) = STATUS.runner(buffer) else { return };
    while let Some(mut batch) = runner.next().await {
        while let Some(entry) = batch.gap() {
            out(entry.missing() as u8);
            batch.confirm_loss();
        }
        for entry in batch.updates() {
            entry.update.text_bytes().iter().copied().for_each(out);
        }
        batch.delivered();
    }
}

sizes::application!(u8::from, send, deliver);
