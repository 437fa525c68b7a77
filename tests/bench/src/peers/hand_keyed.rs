//! `hand_v2` with the duties of a status bus: a queued message with a key is replaced by a newer one
//! of the same topic and key, a message carries metadata, an expired one is not delivered, and the
//! oldest is dropped and counted when the queue is full. A channel cannot do any of it, so the queue
//! is a `VecDeque` and a map of the keys under one lock. Delivery is that of `hand_v2`.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use foldhash::fast::RandomState;
use tokio::sync::Notify;

use super::hand_v2::{Item, Topics, deliver, subscribe_all};
use super::{BATCH, QUEUE};
use crate::cell::{Cell, Extra, FULL_QUEUE, Work};
use crate::peer::{Peer, Reader};

/// A queue that merges, expires and drops, and the delivery of `hand_v2`.
#[derive(Debug)]
pub struct HandKeyed<const TUNED: bool>(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    filled: Notify,
    limit: usize,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<Message>,
    /// How many messages left `messages` at the front.
    left: u64,
    /// The number of each queued message with a key, counted from the first that was ever queued.
    keys: HashMap<(u32, Arc<str>), u64, RandomState>,
    lost: u64,
}

#[derive(Debug)]
struct Message {
    topic: u32,
    text: String,
    key: Option<Arc<str>>,
    /// Carried for the subscribers; the readers here do not look.
    _metadata: Option<Box<str>>,
    expires: Option<Instant>,
}

impl Item for Message {
    fn topic(&self) -> u32 {
        self.topic
    }

    fn text(&self) -> &str {
        &self.text
    }
}

impl Queue {
    fn push(&mut self, message: Message, limit: usize) {
        let next = self.left + self.messages.len() as u64;
        if let Some(key) = &message.key {
            match self.keys.entry((message.topic, Arc::clone(key))) {
                Entry::Occupied(queued) => {
                    self.messages[(queued.get() - self.left) as usize] = message;
                    self.lost += 1;
                    return;
                }
                Entry::Vacant(free) => {
                    free.insert(next);
                }
            }
        }
        if self.messages.len() == limit {
            drop(self.pop());
            self.lost += 1;
        }
        self.messages.push_back(message);
    }

    fn pop(&mut self) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.left += 1;
        if let Some(key) = &message.key {
            self.keys.remove(&(message.topic, Arc::clone(key)));
        }
        Some(message)
    }

    /// Takes up to a batch. The clock is read once, and only if a message can expire.
    fn take(&mut self, batch: &mut Vec<Message>) {
        let mut now = None;
        while batch.len() < BATCH {
            let Some(message) = self.pop() else { break };
            if message.expires.is_some_and(|at| at <= *now.get_or_insert_with(Instant::now)) {
                self.lost += 1;
            } else {
                batch.push(message);
            }
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("nobody panics under the lock")
    }

    fn push(&self, message: Message) -> bool {
        let mut queue = self.queue();
        let idle = queue.messages.is_empty();
        queue.push(message, self.limit);
        drop(queue);
        if idle {
            self.filled.notify_one();
        }
        true
    }
}

impl<const TUNED: bool> Peer for HandKeyed<TUNED> {
    const NAME: &'static str = if TUNED { "hand-v2-keyed-tuned" } else { "hand-v2-keyed" };
    const WORKS: &'static [Work] = &[Work::Plain, Work::Long, Work::Keyed, Work::Extra, Work::Full];

    fn start<R: Reader>(cell: Cell, readers: Vec<R>) -> Self {
        let limit = if cell.work == Work::Full { FULL_QUEUE } else { QUEUE };
        let queue = Queue { messages: VecDeque::with_capacity(limit), ..Queue::default() };
        let shared = Arc::new(Shared { queue: Mutex::new(queue), filled: Notify::new(), limit });
        let topics = subscribe_all::<TUNED, _, R>(cell, readers);
        tokio::spawn(run::<TUNED>(Arc::clone(&shared), topics));
        Self(shared)
    }

    fn send(&mut self, topic: usize, text: &str) -> bool {
        let (topic, text) = (topic as u32, text.to_owned());
        self.0.push(Message { topic, text, key: None, _metadata: None, expires: None })
    }

    fn send_with(&mut self, topic: usize, text: &str, extra: Extra) -> bool {
        let (topic, text) = (topic as u32, text.to_owned());
        let (key, metadata, expires) = match extra {
            Extra::Key(key) => (Some(key.into()), None, None),
            Extra::Metadata(metadata, ttl) => {
                (None, Some(metadata.into()), Some(Instant::now() + ttl))
            }
        };
        self.0.push(Message { topic, text, key, _metadata: metadata, expires })
    }

    fn lost(&self) -> u64 {
        self.0.queue().lost
    }

    fn another(&self) -> Option<Self> {
        Some(Self(Arc::clone(&self.0)))
    }
}

async fn run<const TUNED: bool>(shared: Arc<Shared>, topics: Topics<Message>) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        shared.queue().take(&mut batch);
        if batch.is_empty() {
            shared.filled.notified().await;
        } else {
            deliver::<TUNED, _>(&mut batch, &topics).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str, key: Option<&str>, expires: Option<Instant>) -> Message {
        let (text, key) = (text.to_owned(), key.map(Into::into));
        Message { topic: 7, text, key, _metadata: None, expires }
    }

    fn texts(queue: &mut Queue) -> Vec<String> {
        let mut batch = Vec::new();
        queue.take(&mut batch);
        batch.into_iter().map(|message| message.text).collect()
    }

    #[test]
    fn a_newer_value_of_a_key_replaces_the_queued_one() {
        let mut queue = Queue::default();
        for text in ["1", "2"] {
            queue.push(message(text, Some("a"), None), 10);
            queue.push(message(text, None, None), 10);
        }
        assert_eq!((texts(&mut queue), queue.lost), (vec!["2".into(), "1".into(), "2".into()], 1));
        queue.push(message("3", Some("a"), None), 10);
        assert_eq!((texts(&mut queue), queue.lost), (vec!["3".to_owned()], 1));
    }

    #[test]
    fn the_oldest_is_dropped_with_its_key() {
        let mut queue = Queue::default();
        queue.push(message("1", Some("a"), None), 1);
        queue.push(message("2", None, None), 1);
        queue.push(message("3", Some("a"), None), 1);
        assert_eq!((texts(&mut queue), queue.lost), (vec!["3".to_owned()], 2));
    }

    #[test]
    fn an_expired_message_is_not_delivered() {
        let mut queue = Queue::default();
        queue.push(message("1", None, Some(Instant::now())), 10);
        queue.push(message("2", None, None), 10);
        assert_eq!((texts(&mut queue), queue.lost), (vec!["2".to_owned()], 1));
    }
}
