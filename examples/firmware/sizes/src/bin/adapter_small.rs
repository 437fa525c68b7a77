//! The adapter; no keys, no priorities, no frames.

#![no_std]
#![no_main]

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use sizes::{BATCH, ROOM, Read, TEXT};
use statusbus_embassy::{Message, NoKey, Status, Unranked};

static STATUS: Status<CriticalSectionRawMutex, Message<48, 0, 0, NoKey, Unranked>, ROOM> =
    Status::new();

fn send(number: u8) {
    STATUS.info(number, TEXT);
}

#[embassy_executor::task]
async fn hand_on() {
    let _ = STATUS.run::<BATCH>(Read).await;
}

sizes::application!(u8::from, send, hand_on);
