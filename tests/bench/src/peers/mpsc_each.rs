//! Plain tokio `mpsc`, one by one: the sender itself puts each message into the channel of every
//! subscriber of the topic. No bus in between, no batches: the least latency there is.

use tokio::sync::mpsc;

use super::{SHARED_ROOM, SharedMessage};
use crate::cell::Cell;
use crate::peer::{BURST, Peer, Progress, Reader};

/// One `mpsc` channel per subscriber.
#[derive(Debug)]
pub struct MpscEach {
    cell: Cell,
    subscribers: Vec<mpsc::Sender<SharedMessage>>,
}

impl Peer for MpscEach {
    const NAME: &'static str = "mpsc";

    fn start<R: Reader>(cell: Cell, readers: Vec<R>) -> Self {
        Self { cell, subscribers: readers.into_iter().map(subscribe).collect() }
    }

    fn send(&mut self, topic: usize, text: &str) -> bool {
        let message = SharedMessage::new(topic, text);
        let mut sent = true;
        for subscriber in &self.subscribers[self.cell.readers_of(topic)] {
            sent &= subscriber.try_send(message.clone()).is_ok();
        }
        sent
    }

    fn another(&self) -> Option<Self> {
        Some(Self { cell: self.cell, subscribers: self.subscribers.clone() })
    }

    /// With several producers and topics, the sum of what is unread does not show that one
    /// channel is nearly full.
    async fn catch_up(&mut self, progress: &Progress) {
        if self.cell.producers > 1 && self.cell.topics > 1 {
            progress.at_most_unread(0).await;
        }
    }

    async fn room(&mut self, _: &Progress) {
        for subscriber in &self.subscribers {
            drop(subscriber.reserve_many(BURST).await.expect("the subscriber lives"));
        }
    }
}

fn subscribe<R: Reader>(mut reader: R) -> mpsc::Sender<SharedMessage> {
    let (sender, mut messages) = mpsc::channel::<SharedMessage>(SHARED_ROOM);
    tokio::spawn(async move {
        while let Some(message) = messages.recv().await {
            reader.read(&message.text);
            reader.report();
        }
    });
    sender
}
