//! The obvious first version: a message carries its conversation and category, a runner collects
//! 100 of them or whatever came within the flush interval, groups them in a `HashMap`, and looks
//! each group's subscribers up by the topic's name, which it formats.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::{BATCH, FLUSH_INTERVAL, QUEUE, READER_QUEUE};
use crate::cell::Cell;
use crate::peer::{BURST, Peer, Progress, Reader};

/// tokio `mpsc`, groups by conversation and category, subscribers by formatted topic.
#[derive(Debug)]
pub struct HandV1 {
    sender: mpsc::Sender<Message>,
    /// What the caller knows: conversation and category of each topic.
    topics: Vec<(Arc<str>, &'static str)>,
}

#[derive(Debug)]
struct Message {
    conversation: Arc<str>,
    category: &'static str,
    text: String,
}

type Group = Arc<Vec<Message>>;
type Subscribers = HashMap<String, Vec<mpsc::Sender<Group>>>;

fn topic_name(conversation: &str, category: &str) -> String {
    format!("status:{conversation}:{category}")
}

impl Peer for HandV1 {
    const NAME: &'static str = "hand-v1";

    fn start<R: Reader>(cell: Cell, readers: Vec<R>) -> Self {
        let channels: Vec<_> = readers.into_iter().map(subscribe).collect();
        let topics: Vec<(Arc<str>, _)> =
            (0..cell.topics).map(|t| (cell.conversation(t).into(), cell.category(t))).collect();
        let subscribers = topics
            .iter()
            .enumerate()
            .map(|(t, (conversation, category))| {
                (topic_name(conversation, category), channels[cell.readers_of(t)].to_vec())
            })
            .collect();
        let (sender, queue) = mpsc::channel(QUEUE);
        tokio::spawn(run(queue, subscribers));
        Self { sender, topics }
    }

    fn send(&mut self, topic: usize, text: &str) -> bool {
        let (conversation, category) = &self.topics[topic];
        let message =
            Message { conversation: Arc::clone(conversation), category, text: text.to_owned() };
        self.sender.try_send(message).is_ok()
    }

    fn another(&self) -> Option<Self> {
        Some(Self { sender: self.sender.clone(), topics: self.topics.clone() })
    }

    async fn room(&mut self, _: &Progress) {
        drop(self.sender.reserve_many(BURST).await.expect("the runner lives"));
    }
}

fn subscribe<R: Reader>(mut reader: R) -> mpsc::Sender<Group> {
    let (sender, mut groups) = mpsc::channel::<Group>(READER_QUEUE);
    tokio::spawn(async move {
        while let Some(group) = groups.recv().await {
            for message in group.iter() {
                reader.read(&message.text);
            }
            reader.report();
        }
    });
    sender
}

async fn run(mut queue: mpsc::Receiver<Message>, subscribers: Subscribers) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        let deadline = Instant::now() + FLUSH_INTERVAL;
        while batch.len() < BATCH {
            let room = BATCH - batch.len();
            match timeout_at(deadline, queue.recv_many(&mut batch, room)).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        let mut groups: HashMap<(Arc<str>, &str), Vec<Message>> = HashMap::new();
        for message in batch.drain(..) {
            let topic = (Arc::clone(&message.conversation), message.category);
            groups.entry(topic).or_default().push(message);
        }
        for ((conversation, category), group) in groups {
            let group = Arc::new(group);
            for subscriber in &subscribers[&topic_name(&conversation, category)] {
                // An error means that the subscriber left.
                let _ = subscriber.send(Arc::clone(&group)).await;
            }
        }
    }
}
