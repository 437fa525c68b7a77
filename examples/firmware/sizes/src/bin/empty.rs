//! Nothing between them: the executor, the time, two tasks, the interrupt.

#![no_std]
#![no_main]

use embassy_time::Timer;
use sizes::{Message, hand_on};

fn send(message: Message) {
    sizes::out(message.0[0]);
}

#[embassy_executor::task]
async fn every_50_ms() {
    let mut said = 0_u8;
    loop {
        Timer::after_millis(50).await;
        said = said.wrapping_add(1);
        hand_on(&Message::new(said));
    }
}

sizes::application!(Message::new, send, every_50_ms);
