//! embassy's `PubSubChannel` on a host (its critical section is a global lock there), one channel
//! per topic through a handle, no batches. Capacity and subscribers are part of the type: one
//! type for the cells with one topic, and two for those with many.

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::pubsub::{PubSubChannel, Publisher, Subscriber};

use super::{SharedMessage, TOPIC_ROOM};
use crate::cell::Cell;
use crate::peer::{Peer, Reader};

/// Reading the n-th message that waits costs n steps, so as few wait as a burst needs.
const ROOM_FOR_ALL: usize = 128;

type Channel<const ROOM: usize, const SUBSCRIBERS: usize> =
    PubSubChannel<CriticalSectionRawMutex, SharedMessage, ROOM, SUBSCRIBERS, 1>;
type To<const ROOM: usize, const SUBSCRIBERS: usize> =
    Publisher<'static, CriticalSectionRawMutex, SharedMessage, ROOM, SUBSCRIBERS, 1>;
type From<const ROOM: usize, const SUBSCRIBERS: usize> =
    Subscriber<'static, CriticalSectionRawMutex, SharedMessage, ROOM, SUBSCRIBERS, 1>;

/// One `PubSubChannel` per topic. The channels are leaked: a task cannot borrow them otherwise.
#[allow(missing_debug_implementations, reason = "a Publisher has no Debug")]
pub struct Embassy(Topics);

enum Topics {
    /// One that all read.
    Shared(To<ROOM_FOR_ALL, 1000>),
    /// Many with one reader each.
    Many(Vec<To<TOPIC_ROOM, 1>>),
    /// Many with up to ten readers each.
    ManyShared(Vec<To<TOPIC_ROOM, 10>>),
}

impl Peer for Embassy {
    const NAME: &'static str = "embassy-pubsub";
    const WINDOW: u64 = 0;

    fn start<R: Reader>(cell: Cell, readers: Vec<R>) -> Self {
        let readers_of = |topic| &readers[cell.readers_of(topic)];
        Self(if cell.topics == 1 {
            Topics::Shared(channel(&readers))
        } else if cell.readers_per_message() == 1 {
            Topics::Many((0..cell.topics).map(|topic| channel(readers_of(topic))).collect())
        } else {
            Topics::ManyShared((0..cell.topics).map(|topic| channel(readers_of(topic))).collect())
        })
    }

    fn send(&mut self, topic: usize, text: &str) -> bool {
        let message = SharedMessage::new(topic, text);
        let sent = match &self.0 {
            Topics::Shared(publisher) => publisher.try_publish(message),
            Topics::Many(publishers) => publishers[topic].try_publish(message),
            Topics::ManyShared(publishers) => publishers[topic].try_publish(message),
        };
        sent.is_ok()
    }
}

fn channel<const ROOM: usize, const SUBSCRIBERS: usize, R: Reader>(
    readers: &[R],
) -> To<ROOM, SUBSCRIBERS> {
    let channel: &'static Channel<ROOM, SUBSCRIBERS> = Box::leak(Box::new(Channel::new()));
    for reader in readers {
        let subscriber = channel.subscriber().expect("the type has room for all");
        tokio::spawn(subscribe(subscriber, reader.clone()));
    }
    channel.publisher().expect("it is the only one")
}

async fn subscribe<const ROOM: usize, const SUBSCRIBERS: usize, R: Reader>(
    mut channel: From<ROOM, SUBSCRIBERS>,
    mut reader: R,
) {
    loop {
        reader.read(&channel.next_message_pure().await.text);
        reader.report();
    }
}
