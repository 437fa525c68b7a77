//! statusbus-tokio, with the sizes of its peers and its defaults for everything else.

use std::collections::HashSet;

use statusbus_tokio::{
    Category, CategorySet, Config, Conversation, Event, Metadata, Selector, Spawn, Status,
    Subscribe,
};

use crate::cell::{Cell, Extra, FULL_QUEUE, METADATA, Work};
use crate::peer::{Peer, Progress, Reader, WINDOW};
use crate::peers::{BATCH, FLUSH_INTERVAL, QUEUE};

/// The bus, with a conversation handle or a name for each topic.
#[derive(Clone, Debug)]
pub struct Ours {
    /// The conversation and the category of each topic.
    topics: Vec<(Conversation, Category)>,
    /// The same for a sender that holds no conversation.
    names: Vec<(String, Category)>,
    metadata: Metadata,
    /// Lives as long as the sender.
    status: Status,
}

impl Peer for Ours {
    const NAME: &'static str = "statusbus";
    const WORKS: &'static [Work] = &Work::ALL;

    fn start<R: Reader>(cell: Cell, readers: Vec<R>) -> Self {
        let full = cell.work == Work::Full;
        let config = Config::new()
            .with_queue_limit(if full { FULL_QUEUE } else { QUEUE })
            .and_then(|config| config.with_batch_size(BATCH))
            .and_then(|config| config.with_flush_interval(FLUSH_INTERVAL))
            .expect("a valid configuration");
        let mut builder =
            Status::builder().with_config(config).with_conversations(cell.topics.max(10_000));
        for name in ["network", "storage", "review", "search", "build"] {
            builder = builder.with_category(name).expect("a valid category");
        }
        let status = builder.spawn();
        let open = |subscribe: Subscribe, reader: &R| {
            tokio::spawn(read(subscribe.open(), reader.clone()));
        };
        let category = |topic| status.categories().find(cell.category(topic)).expect("registered");
        if cell.by_category() {
            for (subscriber, reader) in readers.iter().enumerate() {
                let own = CategorySet::NONE.with(category(subscriber));
                open(status.subscribe(Selector::Everything).with_categories(own), reader);
            }
        } else {
            let mut opened = HashSet::new();
            for topic in 0..cell.topics {
                let name = cell.conversation(topic);
                let selector = Selector::conversation(&name).expect("a valid name");
                if opened.insert(name) {
                    for reader in &readers[cell.readers_of(topic)] {
                        open(status.subscribe(selector.clone()), reader);
                    }
                }
            }
        }
        let conversation =
            |topic| status.conversation(&cell.conversation(topic)).expect("a valid name");
        let (mut topics, mut names) = (Vec::new(), Vec::new());
        if cell.work == Work::Named {
            let known = |topic| conversation(topic).name().unwrap_or_default().to_owned();
            names.extend((0..cell.topics).map(|topic| (known(topic), category(topic))));
        } else {
            topics.extend((0..cell.topics).map(|topic| (conversation(topic), category(topic))));
        }
        Self { topics, names, metadata: METADATA.parse().expect("a JSON object"), status }
    }

    fn send(&mut self, topic: usize, text: &str) -> bool {
        let (conversation, category) = &self.topics[topic];
        conversation.send(*category, text);
        true
    }

    fn send_with(&mut self, topic: usize, text: &str, extra: Extra) -> bool {
        let (conversation, category) = &self.topics[topic];
        let update = conversation.update(*category, text);
        match extra {
            Extra::Key(key) => update.key(key).send(),
            Extra::Metadata(_, ttl) => update.metadata(self.metadata.clone()).ttl(ttl).send(),
        }
        true
    }

    fn send_named(&mut self, topic: usize, text: &str) -> bool {
        let (name, category) = &self.names[topic];
        self.status.send(name, *category, text);
        true
    }

    fn lost(&self) -> u64 {
        let ledger = self.status.ledger();
        ledger.coalesced + ledger.expired + ledger.dropped.total() + ledger.refused.total()
    }

    /// The queue holds 10,000 updates and the window 16,384: there is always room for a round.
    async fn room(&mut self, _: &Progress) {}

    /// The window holds updates of all conversations. A reader of one conversation has few of them, so the sum of
    /// what is unread does not show that it falls behind.
    async fn catch_up(&mut self, progress: &Progress) {
        let cell = progress.cell();
        if cell.work == Work::Full {
            return;
        }
        if cell.topics > 1 && !cell.by_category() {
            self.status.flush().await;
        }
        progress.at_most_unread(WINDOW).await;
    }

    fn another(&self) -> Option<Self> {
        Some(self.clone())
    }
}

async fn read<R: Reader>(mut subscription: statusbus_tokio::Subscription, mut reader: R) {
    while let Some(event) = subscription.next().await {
        // Losses are counted by the bus; what is missing without a count is found at the end.
        if let Event::Batch(batch) = event {
            batch.iter().for_each(|update| reader.read(update.text()));
            reader.report();
        }
    }
}
