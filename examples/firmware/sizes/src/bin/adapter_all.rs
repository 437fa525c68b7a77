//! The adapter with all rules: names, keys, priorities, times-to-live; no frames.

#![no_std]
#![no_main]

use core::time::Duration;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use sizes::{BATCH, ROOM, TEXT, out};
use statusbus_embassy::{Buffer, Category, Key, Message, Priority, Status};

type Update = Message<48, 16, 0, Key<8>>;

static STATUS: Status<CriticalSectionRawMutex, Update, ROOM> = Status::new();

fn send(number: u8) {
    let draft = STATUS.update("pump", Category::PROGRESS, TEXT).key("fill");
    match number {
        1 => draft.priority(Priority::High).send(),
        _ => draft.ttl(Duration::from_secs(5)).send(),
    }
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
