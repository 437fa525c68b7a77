//! What a good engineer writes in a day: topics are numbers looked up once, a runner takes what
//! is there (up to 100), sorts it by topic, makes it one shared slice and hands each topic's part
//! of it to the topic's subscribers. It delivers at once and wakes the runner with each message
//! that finds it idle.
//!
//! Tuned, it is what the same engineer writes after a day with the profiler: the runner awaits a
//! subscriber only if its channel is full, and a subscriber takes all that is there at once. It
//! wakes the subscribers less often when there is much to do.

use std::ops::Range;
use std::sync::Arc;

use tokio::sync::mpsc::{self, error::TrySendError};

use super::{BATCH, QUEUE, READER_QUEUE};
use crate::cell::Cell;
use crate::peer::{BURST, Peer, Progress, Reader};

/// tokio `mpsc`, `recv_many`, one `Arc<[Message]>` per batch, one delivery of it per topic.
#[derive(Debug)]
pub struct HandV2<const TUNED: bool>(mpsc::Sender<Message>);

#[derive(Debug)]
struct Message {
    topic: u32,
    text: String,
}

/// What a hand-made bus delivers.
pub(super) trait Item: Send + Sync + 'static {
    fn topic(&self) -> u32;
    fn text(&self) -> &str;
}

impl Item for Message {
    fn topic(&self) -> u32 {
        self.topic
    }

    fn text(&self) -> &str {
        &self.text
    }
}

/// The messages of one topic in a batch.
pub(super) struct Group<M> {
    batch: Arc<[M]>,
    range: Range<usize>,
}

/// The subscribers of each topic.
pub(super) type Topics<M> = Vec<Vec<mpsc::Sender<Group<M>>>>;

impl<const TUNED: bool> Peer for HandV2<TUNED> {
    const NAME: &'static str = if TUNED { "hand-v2-tuned" } else { "hand-v2" };

    fn start<R: Reader>(cell: Cell, readers: Vec<R>) -> Self {
        let (sender, queue) = mpsc::channel(QUEUE);
        tokio::spawn(run::<TUNED>(queue, subscribe_all::<TUNED, _, R>(cell, readers)));
        Self(sender)
    }

    fn send(&mut self, topic: usize, text: &str) -> bool {
        let message = Message { topic: topic as u32, text: text.to_owned() };
        self.0.try_send(message).is_ok()
    }

    fn another(&self) -> Option<Self> {
        Some(Self(self.0.clone()))
    }

    async fn room(&mut self, _: &Progress) {
        drop(self.0.reserve_many(BURST).await.expect("the runner lives"));
    }
}

pub(super) fn subscribe_all<const TUNED: bool, M: Item, R: Reader>(
    cell: Cell,
    readers: Vec<R>,
) -> Topics<M> {
    let subscribers: Vec<_> = readers.into_iter().map(subscribe::<TUNED, M, R>).collect();
    (0..cell.topics).map(|topic| subscribers[cell.readers_of(topic)].to_vec()).collect()
}

fn subscribe<const TUNED: bool, M: Item, R: Reader>(reader: R) -> mpsc::Sender<Group<M>> {
    let (sender, groups) = mpsc::channel(READER_QUEUE);
    if TUNED {
        tokio::spawn(read_all_there_is(groups, reader));
    } else {
        tokio::spawn(read_one_by_one(groups, reader));
    }
    sender
}

async fn read_one_by_one<M: Item, R: Reader>(mut groups: mpsc::Receiver<Group<M>>, mut reader: R) {
    while let Some(group) = groups.recv().await {
        for message in &group.batch[group.range.clone()] {
            reader.read(message.text());
        }
        reader.report();
    }
}

async fn read_all_there_is<M: Item, R: Reader>(
    mut groups: mpsc::Receiver<Group<M>>,
    mut reader: R,
) {
    let mut ready = Vec::with_capacity(READER_QUEUE);
    while groups.recv_many(&mut ready, READER_QUEUE).await > 0 {
        for group in ready.drain(..) {
            for message in &group.batch[group.range.clone()] {
                reader.read(message.text());
            }
        }
        reader.report();
    }
}

async fn run<const TUNED: bool>(mut queue: mpsc::Receiver<Message>, topics: Topics<Message>) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        deliver::<TUNED, _>(&mut batch, &topics).await;
    }
}

/// Empties the batch.
pub(super) async fn deliver<const TUNED: bool, M: Item>(batch: &mut Vec<M>, topics: &Topics<M>) {
    batch.sort_by_key(Item::topic);
    let shared: Arc<[M]> = batch.drain(..).collect();
    let mut start = 0;
    for group in shared.chunk_by(|a, b| a.topic() == b.topic()) {
        let range = start..start + group.len();
        start = range.end;
        for subscriber in &topics[group[0].topic() as usize] {
            let group = Group { batch: Arc::clone(&shared), range: range.clone() };
            hand_over::<TUNED, M>(subscriber, group).await;
        }
    }
}

/// An error means that the subscriber left.
async fn hand_over<const TUNED: bool, M>(subscriber: &mpsc::Sender<Group<M>>, group: Group<M>) {
    if !TUNED {
        let _ = subscriber.send(group).await;
    } else if let Err(TrySendError::Full(group)) = subscriber.try_send(group) {
        let _ = subscriber.send(group).await;
    }
}
