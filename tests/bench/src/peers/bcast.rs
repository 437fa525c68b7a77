//! `tokio::sync::broadcast`, one channel per topic, no batches: the channel looked up in a
//! `DashMap` by its formatted name with each message, or held by the caller. A subscriber has a
//! task for each of its topics, which is the cheapest way to read many channels.

use std::marker::PhantomData;
use std::sync::Arc;

use dashmap::DashMap;
use tokio::sync::broadcast::{self, error::RecvError};

use super::{SharedMessage, room_in_channels, room_per_topic};
use crate::cell::{Cell, Work};
use crate::peer::{Peer, Progress, Reader};

/// One broadcast channel per topic, found by `F`.
#[derive(Debug)]
pub struct Bcast<F> {
    channels: DashMap<String, broadcast::Sender<SharedMessage>>,
    /// What the caller knows of each topic.
    topics: Vec<Topic>,
    find: PhantomData<F>,
}

#[derive(Clone, Debug)]
struct Topic {
    conversation: Arc<str>,
    category: &'static str,
    channel: broadcast::Sender<SharedMessage>,
}

/// How a sender finds a topic's channel.
pub trait Find: Send + 'static {
    /// The peer's name.
    const NAME: &'static str;
    /// Whether by its formatted name.
    const BY_NAME: bool;
    /// The work that this suits.
    const WORKS: &'static [Work];
}

/// In the `DashMap`, by its formatted name.
#[derive(Debug)]
pub struct ByName;

impl Find for ByName {
    const NAME: &'static str = "bcast-dashmap";
    const BY_NAME: bool = true;
    const WORKS: &'static [Work] = &[Work::Plain, Work::Long, Work::Named];
}

/// Looked up once and held.
#[derive(Debug)]
pub struct ByHandle;

impl Find for ByHandle {
    const NAME: &'static str = "bcast-handle";
    const BY_NAME: bool = false;
    const WORKS: &'static [Work] = &[Work::Plain, Work::Long];
}

fn topic_name(conversation: &str, category: &str) -> String {
    format!("status:{conversation}:{category}")
}

impl<F: Find> Peer for Bcast<F> {
    const NAME: &'static str = F::NAME;
    const WORKS: &'static [Work] = F::WORKS;

    fn start<R: Reader>(cell: Cell, readers: Vec<R>) -> Self {
        let topics: Vec<_> = (0..cell.topics)
            .map(|t| {
                let (channel, _) = broadcast::channel(room_per_topic(cell));
                for reader in &readers[cell.readers_of(t)] {
                    tokio::spawn(subscribe(channel.subscribe(), reader.clone()));
                }
                let conversation = cell.conversation(t).into();
                Topic { conversation, category: cell.category(t), channel }
            })
            .collect();
        let named = |topic: &Topic| {
            (topic_name(&topic.conversation, topic.category), topic.channel.clone())
        };
        Self { channels: topics.iter().map(named).collect(), topics, find: PhantomData }
    }

    fn send(&mut self, topic: usize, text: &str) -> bool {
        let message = SharedMessage::new(topic, text);
        let topic = &self.topics[topic];
        let sent = if F::BY_NAME {
            let name = topic_name(&topic.conversation, topic.category);
            self.channels.get(&name).expect("every topic has a channel").send(message)
        } else {
            topic.channel.send(message)
        };
        sent.is_ok()
    }

    fn send_named(&mut self, topic: usize, text: &str) -> bool {
        self.send(topic, text)
    }

    fn another(&self) -> Option<Self> {
        (self.topics.len() == 1).then(|| Self {
            channels: self.channels.clone(),
            topics: self.topics.clone(),
            find: PhantomData,
        })
    }

    async fn room(&mut self, progress: &Progress) {
        room_in_channels(progress, Self::WINDOW).await;
    }
}

async fn subscribe<R: Reader>(mut channel: broadcast::Receiver<SharedMessage>, mut reader: R) {
    loop {
        match channel.recv().await {
            Ok(message) => reader.read(&message.text),
            // Missing messages are found at the end.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => break,
        }
        reader.report();
    }
}
