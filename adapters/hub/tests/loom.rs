//! The number of a conversation is given to another one only when no update with it is queued, in
//! the orders of atomic operations that the memory model allows.
//!
//! `usage.rs` is the adapter's own file; here its atomics are loom's. Around it stands the least that
//! uses it: a registry and a queue under their locks, and a count of holders that increases and
//! decreases with the orderings of the strong count of [`std::sync::Arc`], which loom's own `Arc`
//! makes stronger than they are.
#![cfg(not(target_family = "wasm"))]

mod sync {
    pub(crate) use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
}

#[path = "../src/window/usage.rs"]
mod usage;

use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::sync::{AtomicU64, AtomicUsize, Ordering};
use crate::usage::Usage;

/// What of a conversation decides whether its number is free.
trait Protocol: Send + Sync + 'static {
    fn new() -> Self;
    fn let_go(&self, sent: u64);
    fn is_over(&self, holders: usize, expected: usize, left: u64) -> bool;
}

impl Protocol for Usage {
    fn new() -> Self {
        Self::new()
    }

    fn let_go(&self, sent: u64) {
        self.let_go(sent);
    }

    fn is_over(&self, holders: usize, expected: usize, left: u64) -> bool {
        self.is_over(holders, expected, left)
    }
}

struct Model<P> {
    usage: P,
    /// The strong count: of the registry, and of the holders.
    count: AtomicUsize,
    /// Whether the registry has the conversation, and how many of all sends are delivered.
    registry: Mutex<(bool, u64)>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    sent: u64,
    queued: u64,
}

impl<P: Protocol> Model<P> {
    /// A conversation that the registry and so many others hold.
    fn new(holders: usize) -> Arc<Self> {
        Arc::new(Self {
            usage: P::new(),
            count: AtomicUsize::new(1 + holders),
            registry: Mutex::new((true, 0)),
            queue: Mutex::new(Queue::default()),
        })
    }

    fn clone_holder(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    fn drop_holder(&self) {
        self.count.fetch_sub(1, Ordering::Release);
    }

    /// Sends an update as `Status::send` does: looks the name up, sends, and drops its holder.
    fn send_by_name(&self) {
        {
            let registry = self.registry.lock().expect("no panic");
            if !registry.0 {
                return; // it would be another conversation
            }
            self.clone_holder();
        }
        self.send_through_draft();
    }

    /// Sends an update through a holder of its own, which is dropped.
    fn send_through_draft(&self) {
        let mut queue = self.queue.lock().expect("no panic");
        queue.sent += 1;
        queue.queued += 1;
        self.usage.let_go(queue.sent);
        drop(queue);
        self.drop_holder();
    }

    /// Sends an update through a handle, which is held on to.
    fn send_through_handle(&self) {
        let mut queue = self.queue.lock().expect("no panic");
        queue.sent += 1;
        queue.queued += 1;
    }

    /// Drops a handle.
    fn drop_handle(&self) {
        let sent = self.queue.lock().expect("no panic").sent;
        self.usage.let_go(sent);
        self.drop_holder();
    }

    /// Delivers a batch as the runner does, and looks whether the conversation can be removed while
    /// `holders` besides the registry hold it.
    fn deliver_and_look(&self, holders: usize) {
        let sent = {
            let mut queue = self.queue.lock().expect("no panic");
            queue.queued = 0;
            queue.sent
        };
        {
            let mut registry = self.registry.lock().expect("no panic");
            registry.1 = sent;
            let count = self.count.load(Ordering::Relaxed);
            if registry.0 && self.usage.is_over(count, 1 + holders, registry.1) {
                registry.0 = false;
            }
            if registry.0 {
                return;
            }
        }
        let queued = self.queue.lock().expect("no panic").queued;
        assert_eq!(queued, 0, "an update is queued with a number that is free");
    }
}

/// Runs a model in every order with at most [`PREEMPTIONS`] switches to another thread besides those
/// where a thread has to wait or ends.
fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut explorer = loom::model::Builder::new();
    explorer.preemption_bound = Some(PREEMPTIONS);
    explorer.check(model);
}

/// The mistake shows with two; without a bound the tests take minutes.
const PREEMPTIONS: usize = 3;

/// Two senders by name, while the runner delivers and looks twice.
fn senders_by_name<P: Protocol>() {
    explore(|| {
        let model = Model::<P>::new(0);
        let senders = [(); 2].map(|()| {
            let model = Arc::clone(&model);
            thread::spawn(move || model.send_by_name())
        });
        model.deliver_and_look(0);
        model.deliver_and_look(0);
        for sender in senders {
            sender.join().expect("no panic");
        }
    });
}

/// A handle that sends, makes a draft that is sent by another thread, and is dropped, while the
/// runner delivers and looks.
fn a_handle_and_its_draft<P: Protocol>() {
    explore(|| {
        let model = Model::<P>::new(1);
        let handle = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                model.send_through_handle();
                model.clone_holder();
                let draft = {
                    let model = Arc::clone(&model);
                    thread::spawn(move || model.send_through_draft())
                };
                model.drop_handle();
                draft.join().expect("no panic");
            })
        };
        model.deliver_and_look(0);
        handle.join().expect("no panic");
    });
}

/// A reader, which holds the conversation and leaves, while another one sends to it by name.
fn a_reader_that_leaves<P: Protocol>() {
    explore(|| {
        let model = Model::<P>::new(1);
        let sender = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.send_by_name())
        };
        model.deliver_and_look(1);
        sender.join().expect("no panic");
    });
}

#[test]
fn a_number_is_not_reused_while_an_update_sent_by_name_is_queued() {
    senders_by_name::<Usage>();
}

#[test]
fn a_number_is_not_reused_while_an_update_of_a_handle_is_queued() {
    a_handle_and_its_draft::<Usage>();
}

#[test]
fn a_reader_that_leaves_does_not_free_a_number_that_is_queued() {
    a_reader_that_leaves::<Usage>();
}

/// The same without a fence, as it was once: shows that the tests above find the mistake.
struct Unfenced {
    sent_to: AtomicU64,
}

impl Protocol for Unfenced {
    fn new() -> Self {
        Self { sent_to: AtomicU64::new(0) }
    }

    fn let_go(&self, sent: u64) {
        self.sent_to.fetch_max(sent, Ordering::Release);
    }

    fn is_over(&self, holders: usize, expected: usize, left: u64) -> bool {
        holders == expected && self.sent_to.load(Ordering::Acquire) <= left
    }
}

#[test]
#[should_panic(expected = "a number that is free")]
fn without_a_fence_a_number_of_a_sender_is_reused() {
    senders_by_name::<Unfenced>();
}

#[test]
#[should_panic(expected = "a number that is free")]
fn without_a_fence_a_number_of_a_handle_is_reused() {
    a_handle_and_its_draft::<Unfenced>();
}

#[test]
#[should_panic(expected = "a number that is free")]
fn without_a_fence_a_reader_that_leaves_frees_a_number() {
    a_reader_that_leaves::<Unfenced>();
}
