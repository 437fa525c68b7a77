//! What a contender has to do, and the readers that check that it did.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::cell::Cell;

/// The text of every message.
pub const TEXT: &str = "fetching page 17 of 230 from the archive";
const _: () = assert!(TEXT.len() == 40);

/// So many messages are sent between two looks at whether there is room.
pub const BURST: usize = 100;

/// One way to bring messages from a sender to the subscribers of a topic.
pub trait Peer: Sized + Send + 'static {
    /// As it is called in the tables and on the command line.
    const NAME: &'static str;

    /// How many messages may be unread before [`Peer::room`] waits (before its burst).
    const WINDOW: u64 = 500;

    /// Builds it and spawns what it needs on the current runtime. `readers[i]` is subscriber
    /// `i`; a peer with several tasks for one subscriber clones it. Dropping the peer may end
    /// the tasks; dropping the runtime does.
    fn start<R: Reader>(cell: Cell, readers: Vec<R>) -> Self;

    /// Hands one message over without waiting. There is room: [`Peer::room`] saw to that.
    fn send(&mut self, topic: usize, text: &str);

    /// Waits until [`BURST`] messages can be sent without losing one. A peer whose bounded
    /// queue can be awaited does that; this default is for those that would lose instead: it
    /// lets the readers catch up.
    fn room(&mut self, progress: &Progress) -> impl Future<Output = ()> + Send {
        progress.at_most_unread(Self::WINDOW)
    }
}

/// A subscriber's eyes: a peer calls [`Reader::read`] with every text it delivers, and
/// [`Reader::report`] after each batch (after each message, if it delivers one by one).
pub trait Reader: Clone + Send + 'static {
    /// Reads one message.
    fn read(&mut self, text: &str);
    /// Tells the sender what was read since the last report.
    fn report(&mut self);
}

/// How much was sent and read, for pacing and for the check at the end.
#[derive(Debug)]
pub struct Progress {
    cell: Cell,
    sent: AtomicU64,
    /// Bytes of text read, by subscriber.
    read: Box<[Slot]>,
}

/// Two cache lines of its own, so that subscribers do not slow each other down.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Slot(AtomicU64);

impl Progress {
    /// Nothing sent, nothing read.
    #[must_use]
    pub fn new(cell: Cell) -> Arc<Self> {
        let read = (0..cell.subscribers).map(|_| Slot::default()).collect();
        Arc::new(Self { cell, sent: AtomicU64::new(0), read })
    }

    /// A reader for each subscriber.
    #[must_use]
    pub fn readers(self: &Arc<Self>) -> Vec<Count> {
        let reader = |subscriber| Count { progress: Arc::clone(self), subscriber, bytes: 0 };
        (0..self.cell.subscribers).map(reader).collect()
    }

    /// The work that this is the progress of.
    #[must_use]
    pub fn cell(&self) -> Cell {
        self.cell
    }

    /// How many messages were sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    /// Lets the readers run until no more than so many messages are unread.
    pub async fn at_most_unread(&self, messages: u64) {
        while self.unread() > messages {
            tokio::task::yield_now().await;
        }
    }

    /// Notes that so many more messages were sent.
    pub fn add_sent(&self, messages: u64) {
        self.sent.fetch_add(messages, Relaxed);
    }

    /// How many messages are unread: by the slowest subscriber if all read the same topic, else
    /// by all together.
    #[must_use]
    pub fn unread(&self) -> u64 {
        let read = self.read.iter().map(|slot| slot.0.load(Relaxed));
        let bytes = if self.cell.topics == 1 { read.min().unwrap_or(0) } else { read.sum() };
        self.sent().saturating_sub(bytes / TEXT.len() as u64)
    }

    /// Waits until everything was read, and checks that nothing was read twice.
    ///
    /// # Panics
    /// If a minute goes by with nothing read, or a message came twice.
    pub async fn all_read(&self) {
        let (mut since, mut before) = (Instant::now(), 0);
        loop {
            let unread = self.unread();
            if unread == 0 {
                break;
            }
            if unread != before {
                (since, before) = (Instant::now(), unread);
            }
            assert!(since.elapsed() < Duration::from_secs(60), "lost {unread} messages");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let read: u64 = self.read.iter().map(|slot| slot.0.load(Relaxed)).sum();
        let deliveries = self.sent() * self.cell.readers_per_message();
        assert_eq!(read, deliveries * TEXT.len() as u64, "bytes read, bytes due");
    }
}

/// The reader of nearly all measurements: adds up the lengths of the texts.
#[derive(Clone, Debug)]
pub struct Count {
    progress: Arc<Progress>,
    subscriber: usize,
    bytes: u64,
}

impl Reader for Count {
    #[inline]
    fn read(&mut self, text: &str) {
        self.bytes += black_box(text).len() as u64;
    }

    #[inline]
    fn report(&mut self) {
        self.progress.read[self.subscriber].0.fetch_add(self.bytes, Relaxed);
        self.bytes = 0;
    }
}

/// The reader of the latency measurement: notes when each message came.
#[derive(Clone, Debug)]
pub struct Stamp {
    count: Count,
    at: Arc<Mutex<Vec<Instant>>>,
}

impl Stamp {
    /// `at` receives the times of arrival.
    #[must_use]
    pub fn new(count: Count, at: Arc<Mutex<Vec<Instant>>>) -> Self {
        Self { count, at }
    }
}

impl Reader for Stamp {
    fn read(&mut self, text: &str) {
        self.at.lock().expect("no reader panics").push(Instant::now());
        self.count.read(text);
    }

    fn report(&mut self) {
        self.count.report();
    }
}
