//! Without a queue: the executor, the time, two tasks, the interrupt.

#![no_std]
#![no_main]

use embassy_time::Timer;
use sizes::{Message, deliver};

fn send(message: Message) {
    sizes::out(message.0[0]);
}

#[embassy_executor::task]
async fn every_50_ms() {
    let mut sent = 0_u8;
    loop {
        Timer::after_millis(50).await;
        sent = sent.wrapping_add(1);
        deliver(&Message::new(sent));
    }
}

sizes::application!(Message::new, send, every_50_ms);
