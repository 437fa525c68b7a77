//! statusbus-tokio, with the sizes of its peers and its defaults for everything else.

use statusbus_tokio::{
    Category, CategorySet, Config, Conversation, Event, Selector, Spawn, Status,
};

use crate::cell::Cell;
use crate::peer::{Peer, Reader};
use crate::peers::{BATCH, FLUSH_INTERVAL, QUEUE};

/// The bus, with a conversation handle for each topic.
#[derive(Debug)]
pub struct Ours {
    /// The conversation and the category of each topic.
    topics: Vec<(Conversation, Category)>,
    /// Lives as long as the sender.
    _status: Status,
}

impl Peer for Ours {
    const NAME: &'static str = "statusbus";

    fn start<R: Reader>(cell: Cell, readers: Vec<R>) -> Self {
        let config = Config::new()
            .with_queue_limit(QUEUE)
            .and_then(|config| config.with_batch_size(BATCH))
            .and_then(|config| config.with_flush_interval(FLUSH_INTERVAL))
            .expect("a valid configuration");
        let mut builder = Status::builder().with_config(config);
        for name in ["network", "storage", "review", "search", "build"] {
            builder = builder.with_category(name).expect("a valid category");
        }
        let status = builder.spawn();
        let category = |topic| status.categories().find(cell.category(topic)).expect("registered");
        for (subscriber, reader) in readers.into_iter().enumerate() {
            let subscribe = match cell.topics {
                1 => {
                    let name = cell.conversation(0);
                    status.subscribe(Selector::conversation(&name).expect("a valid name"))
                }
                _ => status
                    .subscribe(Selector::Everything)
                    .with_categories(CategorySet::NONE.with(category(subscriber))),
            };
            tokio::spawn(read(subscribe.open(), reader));
        }
        let conversation =
            |topic| status.conversation(&cell.conversation(topic)).expect("a valid name");
        let topics = (0..cell.topics).map(|topic| (conversation(topic), category(topic))).collect();
        Self { topics, _status: status }
    }

    fn send(&mut self, topic: usize, text: &str) {
        let (conversation, category) = &self.topics[topic];
        conversation.send(*category, text);
    }
}

async fn read<R: Reader>(mut subscription: statusbus_tokio::Subscription, mut reader: R) {
    while let Some(event) = subscription.next().await {
        match event {
            Event::Batch(batch) => {
                batch.iter().for_each(|update| reader.read(update.text()));
                reader.report();
            }
            lost => unreachable!("the sender waits for room: {lost:?}"),
        }
    }
}
