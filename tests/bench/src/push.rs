//! The bare push of a 64-byte message into a queue, below any bus: the floor that `send` is
//! measured against.

use std::sync::Mutex;

use crossbeam_queue::ArrayQueue;
use heapless::Deque;
use tokio::sync::mpsc;

/// 64 bytes.
pub type Message = [u64; 8];

/// A queue holds so many.
pub const ROOM: usize = 1024;

/// So many are pushed before the queue is emptied.
pub const ROUND: u64 = 1000;

/// A bounded queue.
pub trait Queue {
    /// As it is called in the tables and on the command line.
    const NAME: &'static str;
    /// An empty queue of [`ROOM`].
    fn new() -> Self;
    /// Whether there was room.
    fn push(&mut self, message: &Message) -> bool;
    /// Takes one out.
    fn pop(&mut self) -> Option<Message>;
}

/// [`Queue::push`], kept apart so that callgrind can attribute its share.
#[inline(never)]
pub fn push_probe<Q: Queue>(queue: &mut Q, message: &Message) -> bool {
    queue.push(message)
}

/// The pushes of one queue, for callgrind.
#[derive(Debug)]
pub struct Pushes {
    /// The queue's name.
    pub name: &'static str,
    /// Pushes so many messages (what is beyond a multiple of [`ROUND`] is left out).
    pub run: fn(u64),
}

/// The queues.
pub const QUEUES: &[Pushes] = &[
    Pushes::of::<Kanal>(),
    Pushes::of::<TokioMpsc>(),
    Pushes::of::<ArrayQueue<Message>>(),
    Pushes::of::<MutexDeque>(),
];

impl Pushes {
    const fn of<Q: Queue>() -> Self {
        Self { name: Q::NAME, run: run::<Q> }
    }
}

fn run<Q: Queue>(messages: u64) {
    let mut queue = Q::new();
    for _ in 0..messages / ROUND {
        for number in 0..ROUND {
            assert!(push_probe(&mut queue, &[number; 8]));
        }
        for number in 0..ROUND {
            assert_eq!(queue.pop(), Some([number; 8]));
        }
    }
}

/// kanal, `try_send`.
#[derive(Debug)]
pub struct Kanal(kanal::Sender<Message>, kanal::Receiver<Message>);

impl Queue for Kanal {
    const NAME: &'static str = "kanal";

    fn new() -> Self {
        let (sender, receiver) = kanal::bounded(ROOM);
        Self(sender, receiver)
    }

    #[inline(always)]
    fn push(&mut self, message: &Message) -> bool {
        matches!(self.0.try_send(*message), Ok(true))
    }

    fn pop(&mut self) -> Option<Message> {
        self.1.try_recv().ok().flatten()
    }
}

/// tokio `mpsc`, `try_send`.
#[derive(Debug)]
pub struct TokioMpsc(mpsc::Sender<Message>, mpsc::Receiver<Message>);

impl Queue for TokioMpsc {
    const NAME: &'static str = "tokio-mpsc";

    fn new() -> Self {
        let (sender, receiver) = mpsc::channel(ROOM);
        Self(sender, receiver)
    }

    #[inline(always)]
    fn push(&mut self, message: &Message) -> bool {
        self.0.try_send(*message).is_ok()
    }

    fn pop(&mut self) -> Option<Message> {
        self.1.try_recv().ok()
    }
}

impl Queue for ArrayQueue<Message> {
    const NAME: &'static str = "ArrayQueue";

    fn new() -> Self {
        Self::new(ROOM)
    }

    #[inline(always)]
    fn push(&mut self, message: &Message) -> bool {
        ArrayQueue::push(self, *message).is_ok()
    }

    fn pop(&mut self) -> Option<Message> {
        ArrayQueue::pop(self)
    }
}

/// `std::sync::Mutex` around `heapless::Deque`.
#[derive(Debug)]
pub struct MutexDeque(Box<Mutex<Deque<Message, ROOM>>>);

impl Queue for MutexDeque {
    const NAME: &'static str = "Mutex+Deque";

    fn new() -> Self {
        Self(Box::new(Mutex::new(Deque::new())))
    }

    #[inline(always)]
    fn push(&mut self, message: &Message) -> bool {
        self.0.lock().expect("nobody panics").push_back(*message).is_ok()
    }

    fn pop(&mut self) -> Option<Message> {
        self.0.lock().expect("nobody panics").pop_front()
    }
}
