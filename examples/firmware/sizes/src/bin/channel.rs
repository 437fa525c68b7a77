//! A peer: embassy's Channel, and a deadline by hand.

#![no_std]
#![no_main]

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::channel::Channel;
use embassy_time::Timer;
use sizes::{Message, ROOM, deliver};

static QUEUE: Channel<CriticalSectionRawMutex, Message, ROOM> = Channel::new();

fn send(message: Message) {
    let _ = QUEUE.try_send(message);
}

#[embassy_executor::task]
async fn every_50_ms() {
    loop {
        let first = QUEUE.receive().await;
        Timer::after_millis(50).await;
        deliver(&first);
        while let Ok(message) = QUEUE.try_receive() {
            deliver(&message);
        }
    }
}

sizes::application!(Message::new, send, every_50_ms);
