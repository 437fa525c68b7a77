//! A peer: heapless's Deque in a critical section, and a deadline by hand.

#![no_std]
#![no_main]

use core::cell::RefCell;

use critical_section::Mutex;
use embassy_time::Timer;
use heapless::Deque;
use sizes::{Message, ROOM, deliver};

static QUEUE: Mutex<RefCell<Deque<Message, ROOM>>> = Mutex::new(RefCell::new(Deque::new()));

fn send(message: Message) {
    critical_section::with(|cs| {
        if let Ok(mut queue) = QUEUE.borrow(cs).try_borrow_mut() {
            let _ = queue.push_back(message);
        }
    });
}

fn receive() -> Option<Message> {
    critical_section::with(|cs| QUEUE.borrow(cs).try_borrow_mut().ok()?.pop_front())
}

#[embassy_executor::task]
async fn every_50_ms() {
    loop {
        Timer::after_millis(50).await;
        while let Some(message) = receive() {
            deliver(&message);
        }
    }
}

sizes::application!(Message::new, send, every_50_ms);
