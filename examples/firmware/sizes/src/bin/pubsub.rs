//! A peer: embassy's PubSubChannel, read by four.

#![no_std]
#![no_main]

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::pubsub::PubSubChannel;
use sizes::{Message, ROOM, deliver};

static QUEUE: PubSubChannel<CriticalSectionRawMutex, Message, ROOM, 4, 2> = PubSubChannel::new();

fn send(message: Message) {
    QUEUE.immediate_publisher().publish_immediate(message);
}

#[embassy_executor::task(pool_size = 4)]
async fn read() {
    let Ok(mut reader) = QUEUE.subscriber() else { return };
    loop {
        deliver(&reader.next_message_pure().await);
    }
}

#[embassy_executor::task]
async fn four() {
    // SAFETY: it is polled by an executor
    let spawner = unsafe { embassy_executor::Spawner::for_current_executor() }.await;
    for task in [read(), read(), read(), read()].into_iter().flatten() {
        spawner.spawn(task);
    }
}

sizes::application!(Message::new, send, four);
