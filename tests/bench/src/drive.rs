//! Runs one contender for one figure.

use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::alloc;
use crate::cell::{CELLS, Cell, Extra, FULL_ROUND, TEXT, Work};
use crate::peer::{BURST, Peer, Progress, ROUND, Stamp, WINDOW};

/// A peer, as the binaries see it. In `messages`, what is beyond a multiple of [`BURST`] for each
/// producer is not sent.
#[derive(Debug)]
pub struct Contender {
    /// The peer's name.
    pub name: &'static str,
    works: &'static [Work],
    shares: fn(Cell) -> bool,
    /// Sends so many messages and waits until they are read, on one thread, to be run under
    /// callgrind. Returns how many were merged, expired or dropped. The cost of
    /// sending is that of [`send_probe`], [`send_with_probe`] and [`send_named_probe`], inclusive.
    pub one_thread: fn(Cell, messages: u64) -> u64,
    /// Speed on two workers, with a task for each producer.
    pub rate: fn(Cell, messages: u64) -> Rate,
    /// What it allocates, on two workers.
    pub memory: fn(Cell, messages: u64) -> Memory,
    /// One message at a time, from a thread outside the runtime to one subscriber.
    pub latency: fn() -> Latency,
    /// How long each send takes, in nanoseconds, with the producers of the cell on threads of their own.
    /// All go to the first topic.
    pub sends: fn(Cell, messages: u64) -> Vec<u32>,
    /// Context switches of the workers while nothing is sent for this long.
    pub idle: fn(Duration) -> u64,
    /// What becomes of messages that are sent while no reader runs.
    pub undrained: fn(messages: u64) -> Undrained,
    /// Bytes in use with so many topics, each a conversation: before any message, and after one
    /// message to each was read.
    pub idle_topics: fn(topics: usize) -> [f64; 2],
}

/// How fast a peer is.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Messages a second, each once for each of its readers. Counts those that are merged or
    /// dropped as the work of the cell demands.
    pub deliveries: f64,
    /// CPU time of the process per message, in nanoseconds.
    pub cpu: f64,
    /// The share of messages that were merged, expired or dropped.
    pub lost: f64,
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

/// What becomes of messages that nothing reads.
#[derive(Clone, Copy, Debug)]
pub struct Undrained {
    /// Most bytes in use at once, beyond those after start-up.
    pub bytes: usize,
    /// How many messages no reader ever gets.
    pub lost: u64,
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
            works: P::WORKS,
            shares: shares::<P>,
            one_thread: one_thread::<P>,
            rate: rate::<P>,
            memory: memory::<P>,
            latency: latency::<P>,
            sends: sends::<P>,
            idle: idle::<P>,
            undrained: undrained::<P>,
            idle_topics: idle_topics::<P>,
        }
    }

    /// Whether it can do the work of a cell, with as many producers.
    #[must_use]
    pub fn does(&self, cell: Cell) -> bool {
        self.works.contains(&cell.work) && (cell.producers == 1 || (self.shares)(cell))
    }
}

/// [`Peer::send`], kept apart so that callgrind can attribute its share.
#[inline(never)]
pub fn send_probe<P: Peer>(peer: &mut P, topic: usize, text: &str) -> bool {
    peer.send(topic, text)
}

/// [`Peer::send_with`], kept apart like [`send_probe`].
#[inline(never)]
pub fn send_with_probe<P: Peer>(peer: &mut P, topic: usize, text: &str, extra: Extra) -> bool {
    peer.send_with(topic, text, extra)
}

/// [`Peer::send_named`], kept apart like [`send_probe`].
#[inline(never)]
pub fn send_named_probe<P: Peer>(peer: &mut P, topic: usize, text: &str) -> bool {
    peer.send_named(topic, text)
}

/// Sends, waiting for room before each burst.
async fn send_all<P: Peer>(
    mut peer: P,
    producer: usize,
    cell: Cell,
    messages: u64,
    progress: Arc<Progress>,
) -> P {
    let work = cell.work;
    let text = black_box(work.text());
    let mut order = cell.order(producer);
    let mut number = 0;
    for burst in 1..=messages / BURST as u64 {
        if work == Work::Full {
            if progress.sent().is_multiple_of(FULL_ROUND) {
                tokio::task::yield_now().await;
            }
        } else if cell.producers > 1 {
            progress.at_most_unread(WINDOW).await;
        } else {
            peer.room(&progress).await;
        }
        if work.has_extras() {
            for topic in order.by_ref().take(BURST) {
                let sent = match work.extra(number) {
                    None => send_probe(&mut peer, topic, text),
                    Some(extra) => send_with_probe(&mut peer, topic, text, extra),
                };
                assert!(sent, "there is room");
                number += 1;
            }
        } else if work == Work::Named {
            for topic in order.by_ref().take(BURST) {
                assert!(send_named_probe(&mut peer, topic, text), "there is room");
            }
        } else {
            for topic in order.by_ref().take(BURST) {
                assert!(send_probe(&mut peer, topic, text), "there is room");
            }
        }
        progress.add_sent(BURST as u64);
        if work.loses() {
            progress.set_lost(peer.lost());
        }
        if burst.is_multiple_of(ROUND / BURST as u64) {
            peer.catch_up(&progress).await;
        }
    }
    peer
}

/// Sends with one task for each producer, until everything was read.
async fn send_on_tasks<P: Peer>(peer: P, cell: Cell, messages: u64, progress: &Arc<Progress>) {
    let mut tasks = JoinSet::new();
    let each = messages / cell.producers as u64;
    for producer in 1..cell.producers {
        let another = peer.another().expect("it does the work of the cell");
        tasks.spawn(send_all(another, producer, cell, each, Arc::clone(progress)));
    }
    tasks.spawn(send_all(peer, 0, cell, each, Arc::clone(progress)));
    let peers = tasks.join_all().await;
    progress.all_read(&peers[0]).await;
}

fn single_thread() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime")
}

fn two_workers() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_time().build().expect("a runtime")
}

fn shares<P: Peer>(cell: Cell) -> bool {
    // Start-up needs few topics for the answer; it depends only on whether there are many.
    let cell = Cell::new(1, cell.topics.min(2), 1);
    single_thread()
        .block_on(async { P::start(cell, Progress::new(cell).readers()).another().is_some() })
}

fn one_thread<P: Peer>(cell: Cell, messages: u64) -> u64 {
    let progress = Progress::new(cell);
    single_thread().block_on(async {
        let peer = P::start(cell, progress.readers());
        let peer = send_all(peer, 0, cell, messages, Arc::clone(&progress)).await;
        progress.all_read(&peer).await;
        peer.lost()
    })
}

/// CPU time of the process.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().expect("it is not negative")
}

fn rate<P: Peer>(cell: Cell, messages: u64) -> Rate {
    let progress = Progress::new(cell);
    let (elapsed, cpu) = two_workers().block_on(async {
        let peer = P::start(cell, progress.readers());
        let (start, cpu) = (Instant::now(), cpu_time());
        send_on_tasks(peer, cell, messages, &progress).await;
        (start.elapsed(), cpu_time() - cpu)
    });
    let sent = progress.sent() as f64;
    let readers = cell.readers_per_message() as f64;
    Rate {
        deliveries: sent * readers / elapsed.as_secs_f64(),
        cpu: cpu.as_nanos() as f64 / sent,
        lost: 1.0 - progress.read() as f64 / (sent * readers),
    }
}

fn memory<P: Peer>(cell: Cell, messages: u64) -> Memory {
    let progress = Progress::new(cell);
    let memory = two_workers().block_on(async {
        alloc::start();
        let peer = P::start(cell, progress.readers());
        let at_start = alloc::allocations();
        send_on_tasks(peer, cell, messages, &progress).await;
        let allocations = (alloc::allocations() - at_start) as f64 / progress.sent() as f64;
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
                assert!(send_probe(&mut peer, 0, TEXT), "there is room");
                (start, start.elapsed())
            };
            let sent: Vec<_> = pauses.map(send).collect();
            (peer, sent)
        };
        let (peer, sent) = tokio::task::spawn_blocking(sending).await.expect("it sends");
        progress.add_sent(sent.len() as u64);
        progress.all_read(&peer).await;
        sent
    });
    let read_at = read_at.lock().expect("no reader panics");
    let mut first: Vec<_> =
        sent.iter().zip(read_at.iter()).map(|((sent, _), read)| *read - *sent).collect();
    let steady = first.split_off(FIRST);
    let send = sent[FIRST..].iter().map(|(_, busy)| *busy).collect();
    Latency { first, steady, send }
}

fn sends<P: Peer>(cell: Cell, messages: u64) -> Vec<u32> {
    let (producers, named) = (cell.producers, cell.work == Work::Named);
    let progress = Progress::new(cell);
    let runtime = two_workers();
    let peer = runtime.block_on(async { P::start(cell, progress.readers()) });
    let each = messages / producers as u64;
    let send = |mut peer: P| {
        let mut took = Vec::with_capacity(each as usize);
        for _ in 0..each / BURST as u64 {
            while progress.unread() > P::WINDOW {
                std::thread::yield_now();
            }
            for _ in 0..BURST {
                let start = Instant::now();
                let sent = if named {
                    peer.send_named(0, black_box(TEXT))
                } else {
                    peer.send(0, black_box(TEXT))
                };
                assert!(sent, "there is room");
                took.push(u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX));
            }
            progress.add_sent(BURST as u64);
        }
        (peer, took)
    };
    let mut peers: Vec<P> =
        (1..producers).map(|_| peer.another().expect("it shares its work")).collect();
    peers.push(peer);
    let (peers, took): (Vec<P>, Vec<_>) = std::thread::scope(|scope| {
        let threads: Vec<_> = peers.into_iter().map(|peer| scope.spawn(|| send(peer))).collect();
        threads.into_iter().map(|thread| thread.join().expect("it sends")).unzip()
    });
    runtime.block_on(progress.all_read(&peers[0]));
    took.concat()
}

/// Context switches of all workers of this process. None are known outside of Linux.
fn switches() -> u64 {
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    let of_task = |task: std::fs::DirEntry| {
        let worker = read(task.path().join("comm")).starts_with("tokio-");
        let status = if worker { read(task.path().join("status")) } else { String::new() };
        let count = |line: &str| line.split_once("_ctxt_switches:")?.1.trim().parse::<u64>().ok();
        status.lines().filter_map(count).sum::<u64>()
    };
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    tasks.map(of_task).sum()
}

fn idle<P: Peer>(silence: Duration) -> u64 {
    let cell = Cell::new(10, 100, 1);
    let progress = Progress::new(cell);
    let runtime = two_workers();
    let peer = runtime.block_on(async {
        let peer = P::start(cell, progress.readers());
        let sending = send_all(peer, 0, cell, 1000, Arc::clone(&progress));
        let peer = tokio::spawn(sending).await.expect("it sends");
        progress.all_read(&peer).await;
        peer
    });
    std::thread::sleep(Duration::from_millis(200));
    let before = switches();
    std::thread::sleep(silence);
    let switches = switches() - before;
    drop(peer);
    switches
}

fn undrained<P: Peer>(messages: u64) -> Undrained {
    let cell = CELLS[0];
    let progress = Progress::new(cell);
    let (bytes, read) = single_thread().block_on(async {
        let mut peer = P::start(cell, progress.readers());
        // The tasks begin, and wait.
        tokio::time::sleep(Duration::from_millis(1)).await;
        alloc::start();
        for _ in 0..messages {
            peer.send(0, black_box(TEXT));
        }
        let bytes = alloc::peak();
        alloc::stop();
        let mut before = None;
        while before != Some(progress.read()) {
            before = Some(progress.read());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        (bytes, progress.read())
    });
    Undrained { bytes, lost: messages - read }
}

fn idle_topics<P: Peer>(topics: usize) -> [f64; 2] {
    let cell = Cell::new(1, topics, 1);
    let progress = Progress::new(cell);
    let bytes = single_thread().block_on(async {
        alloc::start();
        let peer = P::start(cell, progress.readers());
        tokio::time::sleep(Duration::from_millis(1)).await;
        let before = alloc::live();
        let peer = send_all(peer, 0, cell, topics as u64, Arc::clone(&progress)).await;
        progress.all_read(&peer).await;
        [before, alloc::live()]
    });
    alloc::stop();
    bytes.map(|bytes| bytes as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CONTENDERS;

    /// With the producers, subscribers and topics of the grid, and with each work.
    fn cells() -> impl Iterator<Item = Cell> {
        CELLS.into_iter().chain(Cell::grid().filter(|cell| cell.producers == 1))
    }

    #[test]
    fn every_contender_delivers_everything_in_every_cell() {
        for cell in cells() {
            for contender in CONTENDERS.iter().filter(|contender| contender.does(cell)) {
                (contender.one_thread)(cell, 1000);
            }
        }
    }

    #[test]
    fn every_contender_delivers_everything_on_two_workers() {
        for cell in CELLS.map(|cell| cell.with_producers(2)).into_iter().chain(CELLS) {
            for contender in CONTENDERS.iter().filter(|contender| contender.does(cell)) {
                let rate = (contender.rate)(cell, 1000);
                assert!(rate.deliveries > 0.0, "{}", contender.name);
                assert!(cell.work.loses() || rate.lost == 0.0, "{}", contender.name);
            }
        }
    }

    #[test]
    fn a_full_queue_drops_keys_merge_and_nothing_expires() {
        for bus in CONTENDERS.iter().filter(|contender| contender.does(CELLS[9])) {
            let lost = |work| (bus.one_thread)(CELLS[3].with_work(work), 20_000);
            assert!(lost(Work::Full) > 17_000, "{}", bus.name);
            assert!((500..5000).contains(&lost(Work::Keyed)), "{}", bus.name);
            assert_eq!((lost(Work::Extra), lost(Work::Plain)), (0, 0), "{}", bus.name);
        }
    }

    #[test]
    fn sends_are_timed_one_by_one() {
        for producers in [1, 2, 4] {
            let cell = CELLS[0].with_producers(producers);
            for contender in CONTENDERS.iter().filter(|contender| contender.does(cell)) {
                assert_eq!((contender.sends)(cell, 4000).len(), 4000, "{}", contender.name);
            }
        }
    }

    #[test]
    fn sends_to_one_of_many_topics_are_timed() {
        for work in [Work::Plain, Work::Named] {
            let cell = Cell::new(1, 100, 1).with_work(work);
            let bus = CONTENDERS.iter().find(|contender| contender.name == "statusbus");
            let bus = bus.expect("it is a contender");
            assert_eq!((bus.sends)(cell, 4000).len(), 4000);
        }
    }

    #[test]
    fn what_is_offered_and_not_read_is_lost_beyond_the_queue() {
        for contender in CONTENDERS {
            let lost = (contender.undrained)(20_000).lost;
            assert!((10_000..20_000).contains(&lost), "{}: {lost}", contender.name);
        }
    }
}
