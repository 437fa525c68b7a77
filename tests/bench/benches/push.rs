//! Nanoseconds of a bare 64-byte push, and of one that is refused because the queue is full.

use crossbeam_queue::ArrayQueue;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use statusbus_bench::push::{Kanal, Message, MutexDeque, Queue, ROUND, TokioMpsc};

fn main() {
    divan::main();
}

/// A thousand pushes into an empty queue; emptying it is not timed.
#[divan::bench(types = [Kanal, TokioMpsc, ArrayQueue<Message>, MutexDeque])]
fn push<Q: Queue>(bencher: Bencher<'_, '_>) {
    let queue = std::cell::RefCell::new(Q::new());
    let empty = || while queue.borrow_mut().pop().is_some() {};
    bencher.counter(ItemsCount::new(ROUND)).with_inputs(empty).bench_local_values(|()| {
        let queue = &mut *queue.borrow_mut();
        for number in 0..ROUND {
            black_box(queue.push(&[number; 8]));
        }
    });
}

/// A thousand pushes into a full queue.
#[divan::bench(types = [Kanal, TokioMpsc, ArrayQueue<Message>, MutexDeque])]
fn refused<Q: Queue>(bencher: Bencher<'_, '_>) {
    let mut queue = Q::new();
    while queue.push(&[0; 8]) {}
    bencher.counter(ItemsCount::new(ROUND)).bench_local(|| {
        for number in 0..ROUND {
            black_box(queue.push(&[number; 8]));
        }
    });
}
