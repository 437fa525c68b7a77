//! What depends on two threads at once, in real time: each round is one chance for the race.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use statusbus_tokio::{Category, Spawn, Status};

use crate::support::reader;

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Gaps that are waited for. With the mistake one in some thousands was not woken for.
const ROUNDS: u64 = 20_000;

#[test]
fn a_reader_that_begins_to_wait_while_a_loss_is_published_is_woken_for_it() {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build().expect("a runtime");
    let interval = Duration::from_micros(100);
    let config = statusbus_tokio::Config::new().with_flush_interval(interval).expect("an interval");
    let status = runtime.block_on(async { Status::builder().with_config(config).spawn() });
    let mut reader = reader(&status, "c");
    let flag = Arc::new(Flag(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&flag));
    let (mut cx, mut random) = (Context::from_waker(&waker), 1_u64);
    for round in 0..ROUNDS {
        status.update("c", Category::INFO, "lost").ttl(Duration::ZERO).send();
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        spin_until(Duration::from_nanos((random >> 33) % 150_000), || false);
        // As a task does: it polls again only when its waker was called.
        loop {
            flag.0.store(false, Ordering::SeqCst);
            if pin!(reader.next()).poll(&mut cx).is_ready() {
                break;
            }
            let woken = spin_until(Duration::from_secs(5), || flag.0.load(Ordering::SeqCst));
            assert!(woken, "round {round}: {:?} is there", reader.try_next());
        }
    }
    drop(reader);
    let ledger = runtime.block_on(status.shutdown(Duration::from_secs(9)));
    assert!(ledger.is_balanced() && ledger.expired == ROUNDS, "{ledger:?}");
}

fn spin_until(limit: Duration, holds: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    while began.elapsed() < limit {
        if holds() {
            return true;
        }
        std::hint::spin_loop();
    }
    holds()
}
