//! The `async-broadcast` crate, one channel per topic through a handle, no batches. A subscriber
//! has a task for each of its topics.

use async_broadcast::{Receiver, Sender, broadcast};

use super::{SharedMessage, room_in_channels, room_per_topic};
use crate::cell::Cell;
use crate::peer::{Peer, Progress, Reader};

/// One `async_broadcast` channel per topic.
#[derive(Debug)]
pub struct AsyncBroadcast(Vec<Sender<SharedMessage>>);

impl Peer for AsyncBroadcast {
    const NAME: &'static str = "async-broadcast";

    fn start<R: Reader>(cell: Cell, readers: Vec<R>) -> Self {
        let channel = |topic| {
            let (sender, receiver) = broadcast(room_per_topic(cell));
            for reader in &readers[cell.readers_of(topic)] {
                tokio::spawn(subscribe(receiver.clone(), reader.clone()));
            }
            sender
        };
        Self((0..cell.topics).map(channel).collect())
    }

    fn send(&mut self, topic: usize, text: &str) -> bool {
        self.0[topic].try_broadcast(SharedMessage::new(topic, text)).is_ok()
    }

    fn another(&self) -> Option<Self> {
        (self.0.len() == 1).then(|| Self(self.0.clone()))
    }

    async fn room(&mut self, progress: &Progress) {
        room_in_channels(progress, Self::WINDOW).await;
    }
}

async fn subscribe<R: Reader>(mut channel: Receiver<SharedMessage>, mut reader: R) {
    while let Ok(message) = channel.recv_direct().await {
        reader.read(&message.text);
        reader.report();
    }
}
