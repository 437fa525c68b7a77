//! What a contender has to do, and the readers that check that it did.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::cell::{Cell, Extra, Work};

/// This many messages are sent between two checks for room.
pub const BURST: usize = 100;

/// This many messages of each producer are sent between two calls of [`Peer::catch_up`].
pub const ROUND: u64 = 2000;

/// With several producers, none of them waits for room of its own: all wait until at most this
/// many messages are unread. With the bursts of four producers, no queue overflows.
pub const WINDOW: u64 = 500;

/// One way to bring messages from a sender to the subscribers of a topic.
pub trait Peer: Sized + Send + 'static {
    /// The name in the tables and on the command line.
    const NAME: &'static str;

    /// How many messages may be unread before [`Peer::room`] waits (before its burst).
    const WINDOW: u64 = WINDOW;

    /// The work it can do.
    const WORKS: &'static [Work] = &[Work::Plain, Work::Long];

    /// Builds it and spawns what it needs on the current runtime. `readers[i]` is subscriber
    /// `i`; a peer with several tasks for one subscriber clones it. Dropping the peer may end
    /// the tasks; dropping the runtime does.
    fn start<R: Reader>(cell: Cell, readers: Vec<R>) -> Self;

    /// Hands one message over without waiting. Returns false if it was refused for want of room.
    fn send(&mut self, topic: usize, text: &str) -> bool;

    /// The same with a key or metadata, for the peers whose [`Peer::WORKS`] have them.
    fn send_with(&mut self, _topic: usize, _text: &str, _extra: Extra) -> bool {
        unreachable!("{} does no such work", Self::NAME)
    }

    /// The same as [`Peer::send`] by a sender that has the conversation as a string and not looked up, for
    /// the peers whose [`Peer::WORKS`] have it.
    fn send_named(&mut self, _topic: usize, _text: &str) -> bool {
        unreachable!("{} does no such work", Self::NAME)
    }

    /// How many messages were merged into another, expired or were dropped so far.
    fn lost(&self) -> u64 {
        0
    }

    /// The same peer for another producer. `None`: it has one producer.
    fn another(&self) -> Option<Self> {
        None
    }

    /// Waits until [`BURST`] messages can be sent without losing one. A peer whose bounded
    /// queue can be awaited does that; this default is for those that would lose instead: it
    /// lets the readers catch up.
    fn room(&mut self, progress: &Progress) -> impl Future<Output = ()> + Send {
        progress.at_most_unread(Self::WINDOW)
    }

    /// Called by each producer after every [`ROUND`] messages. A peer that passes readers which are
    /// far behind lets all of them catch up.
    fn catch_up(&mut self, _progress: &Progress) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// A subscriber: a peer calls [`Reader::read`] with every text it delivers, and
/// [`Reader::report`] after each batch (after each message, if it delivers one by one).
pub trait Reader: Clone + Send + 'static {
    /// Reads one message.
    fn read(&mut self, text: &str);
    /// Publishes what was read since the last report.
    fn report(&mut self);
}

/// How much was sent and read, for pacing and for the check at the end.
#[derive(Debug)]
pub struct Progress {
    cell: Cell,
    sent: AtomicU64,
    lost: AtomicU64,
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
        Arc::new(Self { cell, sent: AtomicU64::new(0), lost: AtomicU64::new(0), read })
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

    /// Lets the readers run until no more than this many messages are unread.
    pub async fn at_most_unread(&self, messages: u64) {
        while self.unread() > messages {
            tokio::task::yield_now().await;
        }
    }

    /// Counts this many more messages as sent.
    pub fn add_sent(&self, messages: u64) {
        self.sent.fetch_add(messages, Relaxed);
    }

    /// Sets how many messages were lost so far, on purpose and by count.
    pub fn set_lost(&self, messages: u64) {
        self.lost.store(messages, Relaxed);
    }

    /// How many messages were read, each once for each of its readers.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.bytes() / self.cell.work.text().len() as u64
    }

    fn bytes(&self) -> u64 {
        self.read.iter().map(|slot| slot.0.load(Relaxed)).sum()
    }

    /// How many messages are unread: by the slowest subscriber if all read the same topic, else
    /// by all together.
    #[must_use]
    pub fn unread(&self) -> u64 {
        let bytes = if self.cell.topics == 1 {
            self.read.iter().map(|slot| slot.0.load(Relaxed)).min().unwrap_or(0)
        } else {
            self.bytes() / self.cell.readers_per_message()
        };
        let read = bytes / self.cell.work.text().len() as u64;
        self.sent().saturating_sub(self.lost.load(Relaxed) + read)
    }

    /// Waits until everything was read, and checks that nothing was read twice: read and lost
    /// messages add up to the sent ones.
    ///
    /// # Panics
    /// If ten seconds go by with nothing read, or a message came twice.
    pub async fn all_read<P: Peer>(&self, peer: &P) {
        let (mut since, mut before) = (Instant::now(), 0);
        loop {
            self.set_lost(peer.lost());
            let unread = self.unread();
            if unread == 0 {
                break;
            }
            if unread != before {
                (since, before) = (Instant::now(), unread);
            }
            assert!(since.elapsed() < Duration::from_secs(10), "missing {unread} messages");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let delivered = self.sent() - self.lost.load(Relaxed);
        let due = delivered * self.cell.readers_per_message() * self.cell.work.text().len() as u64;
        assert_eq!(self.bytes(), due, "bytes read, bytes due");
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
