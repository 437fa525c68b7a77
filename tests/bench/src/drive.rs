//! Runs one contender for one figure.

use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use crate::alloc;
use crate::cell::{CELLS, Cell};
use crate::peer::{BURST, Peer, Progress, Stamp, TEXT};

/// A peer, as the binaries see it. In `messages`, what is beyond a multiple of [`BURST`] is not
/// sent.
#[derive(Debug)]
pub struct Contender {
    /// The peer's name.
    pub name: &'static str,
    /// Sends so many messages and waits until they are read, on one thread, to be run under
    /// callgrind. The cost of `send` is that of [`send_probe`], inclusive.
    pub one_thread: fn(Cell, messages: u64),
    /// Deliveries per second on two workers, with one task that sends.
    pub rate: fn(Cell, messages: u64) -> f64,
    /// What it allocates, on two workers.
    pub memory: fn(Cell, messages: u64) -> Memory,
    /// One message at a time, from a thread outside the runtime to one subscriber.
    pub latency: fn() -> Latency,
}

/// What a peer allocates.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Allocations after start-up, per message.
    pub allocations: f64,
    /// Most bytes in use at once, start-up included.
    pub peak: usize,
}

/// Times of single messages.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    /// Send to read, each after more than a flush interval of silence.
    pub first: Vec<Duration>,
    /// Send to read, in a steady trickle of about one per millisecond.
    pub steady: Vec<Duration>,
    /// How long the caller was busy with `send`, in that trickle.
    pub send: Vec<Duration>,
}

/// Silence before a first message: more than the flush interval.
const SILENCE: Duration = Duration::from_millis(60);
const FIRST: usize = 15;
/// Less than a batch per flush interval, so that time decides and not size.
const TRICKLE: Duration = Duration::from_millis(1);
const STEADY: usize = 600;

impl Contender {
    /// The contender that is `P`.
    #[must_use]
    pub const fn of<P: Peer>() -> Self {
        Self {
            name: P::NAME,
            one_thread: one_thread::<P>,
            rate: rate::<P>,
            memory: memory::<P>,
            latency: latency::<P>,
        }
    }
}

/// [`Peer::send`], kept apart so that callgrind can tell its share.
#[inline(never)]
pub fn send_probe<P: Peer>(peer: &mut P, topic: usize, text: &str) {
    peer.send(topic, text);
}

/// Sends, waiting for room before each burst, until everything was read.
async fn drive<P: Peer>(mut peer: P, cell: Cell, messages: u64, progress: Arc<Progress>) {
    let text = black_box(TEXT);
    let mut order = cell.order();
    for _ in 0..messages / BURST as u64 {
        peer.room(&progress).await;
        for topic in order.by_ref().take(BURST) {
            send_probe(&mut peer, topic, text);
        }
        progress.add_sent(BURST as u64);
    }
    progress.all_read().await;
}

fn one_thread<P: Peer>(cell: Cell, messages: u64) {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let progress = Progress::new(cell);
    runtime.block_on(async {
        let peer = P::start(cell, progress.readers());
        drive(peer, cell, messages, Arc::clone(&progress)).await;
    });
}

fn two_workers() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_time().build().expect("a runtime")
}

fn rate<P: Peer>(cell: Cell, messages: u64) -> f64 {
    let progress = Progress::new(cell);
    let elapsed = two_workers().block_on(async {
        let peer = P::start(cell, progress.readers());
        let start = Instant::now();
        let sender = tokio::spawn(drive(peer, cell, messages, Arc::clone(&progress)));
        sender.await.expect("everything was delivered");
        start.elapsed()
    });
    (messages * cell.readers_per_message()) as f64 / elapsed.as_secs_f64()
}

fn memory<P: Peer>(cell: Cell, messages: u64) -> Memory {
    let runtime = two_workers();
    let progress = Progress::new(cell);
    let memory = runtime.block_on(async {
        alloc::start();
        let peer = P::start(cell, progress.readers());
        let at_start = alloc::allocations();
        let sender = tokio::spawn(drive(peer, cell, messages, Arc::clone(&progress)));
        sender.await.expect("everything was delivered");
        let allocations = (alloc::allocations() - at_start) as f64 / messages as f64;
        Memory { allocations, peak: alloc::peak() }
    });
    alloc::stop();
    memory
}

fn latency<P: Peer>() -> Latency {
    let cell = CELLS[0];
    let progress = Progress::new(cell);
    let read_at = Arc::new(Mutex::new(Vec::with_capacity(FIRST + STEADY)));
    let stamp = |count| Stamp::new(count, Arc::clone(&read_at));
    let sent = two_workers().block_on(async {
        let mut peer = P::start(cell, progress.readers().into_iter().map(stamp).collect());
        let pauses = [SILENCE; FIRST].into_iter().chain([TRICKLE; STEADY]);
        let sending = move || {
            let send = |pause| {
                std::thread::sleep(pause);
                let start = Instant::now();
                send_probe(&mut peer, 0, TEXT);
                (start, start.elapsed())
            };
            let sent: Vec<_> = pauses.map(send).collect();
            (peer, sent)
        };
        let (_peer, sent) = tokio::task::spawn_blocking(sending).await.expect("it sends");
        progress.add_sent(sent.len() as u64);
        progress.all_read().await;
        sent
    });
    let read_at = read_at.lock().expect("no reader panics");
    let mut first: Vec<_> =
        sent.iter().zip(read_at.iter()).map(|((sent, _), read)| *read - *sent).collect();
    let steady = first.split_off(FIRST);
    let send = sent[FIRST..].iter().map(|(_, busy)| *busy).collect();
    Latency { first, steady, send }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CONTENDERS;

    #[test]
    fn every_contender_delivers_everything_in_every_cell() {
        for cell in CELLS {
            for contender in CONTENDERS {
                (contender.one_thread)(cell, 1000);
            }
        }
    }

    #[test]
    fn every_contender_delivers_everything_on_two_workers() {
        for contender in CONTENDERS {
            assert!((contender.rate)(CELLS[1], 1000) > 0.0, "{}", contender.name);
        }
    }
}
