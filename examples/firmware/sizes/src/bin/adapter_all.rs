//! The adapter with all rules: names, keys, priorities, times-to-live; no frames.

#![no_std]
#![no_main]

use core::time::Duration;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use sizes::{BATCH, ROOM, TEXT, out};
use statusbus_embassy::{Buffer, Category, Key, Message, Priority, Status};

static STATUS: Status<CriticalSectionRawMutex, Message<48, 16, 0, Key<8>>, ROOM> = Status::new();

fn send(number: u8) {
    let draft = STATUS.update("pump", Category::PROGRESS, TEXT).key("fill");
    match number {
        1 => draft.priority(Priority::Terminal).send(),
        _ => draft.ttl(Duration::from_secs(5)).send(),
    }
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
