//! The adapter with all rules, and frames for a serial line.

#![no_std]
#![no_main]

use core::time::Duration;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use sizes::{BATCH, Line, ROOM, TEXT};
use statusbus_embassy::{Buffer, Category, Frames, Key, Message, Priority, Status};

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
    let Ok(runner) = STATUS.runner(buffer) else { return };
    Frames::new(Line, 1).run(runner).await;
}

sizes::application!(u8::from, send, deliver);
