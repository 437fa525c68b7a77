//! What the bus costs.

use core::convert::Infallible;
use core::future::Future;
use core::hint::black_box;
use core::pin::{Pin, pin};
use core::task::{Context, Waker};

use board::stack;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_time::Duration;
use embedded_io_async::{ErrorType, Write};
use statusbus_embassy::{
    AnyMessage, Buffer, Category, Frames, Key, Message, NoKey, Priority, Ranked, Status, Unranked,
};

use super::Tell;
use super::lock::Ruler;
use crate::time;

/// 40 bytes.
pub(super) const TEXT: &str = "the pump runs at 1,200 turns a minute...";
const SLOTS: usize = 32;
const BATCH: usize = 16;
/// Conversations have numbers: that is the cheapest.
const PUMP: u8 = 7;

/// Neither keys nor priorities.
pub type Small = Message<48, 0, 0, NoKey, Unranked>;
/// All rules.
pub type Full = Message<48, 16, 0, Key<8>, Ranked>;

/// A bus, its runner, and how it is measured.
struct Bench<'a, M: Ruler, U: AnyMessage, F> {
    bus: &'a Status<M, U, SLOTS>,
    runner: Pin<&'a mut F>,
    name: &'a str,
    tell: Tell,
}

impl<M: Ruler, U: AnyMessage, F: Future> Bench<'_, M, U, F> {
    /// One that is at rest, and has just handed something on: what comes is batched.
    fn rest(&mut self) {
        for _ in 0..SLOTS {
            time::pass(Duration::from_millis(60));
            self.poll(4);
        }
    }

    fn poll(&mut self, times: usize) {
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..times {
            let _ = black_box(self.runner.as_mut().poll(&mut cx));
        }
    }

    fn tell(&self, what: &str, unit: &str, number: u32) {
        (self.tell)(format_args!("{}, {what}, {unit}", self.name), number);
    }

    fn sending(
        &mut self,
        what: &str,
        before: &dyn Fn(&Status<M, U, SLOTS>),
        send: &dyn Fn(&Status<M, U, SLOTS>),
    ) {
        before(self.bus);
        let cost = M::measure(|| send(self.bus));
        self.tell(what, M::UNIT, cost);
        self.rest();
    }

    /// A full batch, in one turn of the runner.
    fn draining(&mut self, fill: &dyn Fn(&Status<M, U, SLOTS>)) {
        for _ in 0..BATCH {
            fill(self.bus);
        }
        let cost = M::measure(|| self.poll(1));
        self.tell("drain 16", M::UNIT, cost);
        self.rest();
    }

    fn stack(&mut self, fill: &dyn Fn(&Status<M, U, SLOTS>)) {
        if !M::PLAIN {
            return;
        }
        for _ in 0..BATCH {
            fill(self.bus);
        }
        stack::paint();
        let before = stack::depth();
        self.poll(4);
        let depth = stack::deepest().saturating_sub(before);
        self.tell("runner", "bytes of stack", depth as u32);
        self.rest();
    }
}

/// Neither keys nor priorities.
#[inline(never)]
pub(super) fn small<M: Ruler>(tell: Tell) {
    time::begin_anew();
    let bus = Status::<M, Small, SLOTS>::new();
    let runner = pin!(look(&bus));
    let mut bench = Bench { bus: &bus, runner, name: "small", tell };
    bench.rest();
    let say = |bus: &Status<M, Small, SLOTS>| bus.info(PUMP, TEXT);
    bench.sending("send, queue empty", &|_| {}, &say);
    bench.sending("send", &say, &say);
    bench.sending("send, queue full", &|bus| (0..SLOTS).for_each(|_| say(bus)), &say);
    bench.draining(&say);
    bench.stack(&say);
}

/// All rules.
#[inline(never)]
pub(super) fn full<M: Ruler>(tell: Tell) {
    time::begin_anew();
    let bus = Status::<M, Full, SLOTS>::new();
    let runner = pin!(look(&bus));
    let mut bench = Bench { bus: &bus, runner, name: "all rules", tell };
    bench.rest();
    let say = |bus: &Status<M, Full, SLOTS>| bus.info(PUMP, TEXT);
    let keyed = |bus: &Status<M, Full, SLOTS>| {
        bus.update(PUMP, Category::PROGRESS, TEXT).key("fill").send();
    };
    let done = |bus: &Status<M, Full, SLOTS>| {
        bus.update(PUMP, Category::PROGRESS, TEXT).key("fill").priority(Priority::High).send();
    };
    let two = |bus: &Status<M, Full, SLOTS>| {
        keyed(bus);
        say(bus);
    };
    bench.sending("send, queue empty", &|_| {}, &say);
    bench.sending("send", &say, &say);
    bench.sending("send with a key", &say, &keyed);
    bench.sending("send that replaces", &two, &keyed);
    bench.sending("send that ends", &two, &done);
    bench.sending("send, queue full", &|bus| (0..SLOTS).for_each(|_| say(bus)), &say);
    bench.draining(&say);
    bench.stack(&say);
}

/// What an interrupt sends to.
static INTERRUPTED: Status<CriticalSectionRawMutex, Full, SLOTS> = Status::new();

/// What the interrupt does.
pub(super) fn interrupt() {
    INTERRUPTED.info(PUMP, TEXT);
}

/// All rules, from an interrupt: from where it is asked for until everything goes on.
#[inline(never)]
pub(super) fn interrupted(tell: Tell) {
    time::begin_anew();
    let runner = pin!(look(&INTERRUPTED));
    let mut bench = Bench { bus: &INTERRUPTED, runner, name: "all rules", tell };
    bench.rest();
    let say = |bus: &Status<CriticalSectionRawMutex, Full, SLOTS>| bus.info(PUMP, TEXT);
    bench.sending("send from an interrupt", &say, &|_| board::interrupt());
}

/// All rules, to a serial line that takes everything at once.
#[inline(never)]
pub(super) fn frames<M: Ruler>(tell: Tell) {
    time::begin_anew();
    let bus = Status::<M, Full, SLOTS>::new();
    let runner = pin!(write(&bus));
    let mut bench = Bench { bus: &bus, runner, name: "frames", tell };
    bench.rest();
    let say = |bus: &Status<M, Full, SLOTS>| bus.info(PUMP, TEXT);
    bench.draining(&say);
    bench.stack(&say);
}

/// Looks at each update.
async fn look<M: Ruler, U: AnyMessage>(bus: &Status<M, U, SLOTS>) {
    let mut buffer = Buffer::<_, BATCH>::new();
    let Ok(mut runner) = bus.runner(&mut buffer) else { return };
    while let Some(batch) = runner.next().await {
        for handed in batch.updates() {
            black_box(handed.priority);
        }
        batch.delivered();
    }
}

/// Writes frames to a serial line that takes everything at once.
async fn write<M: Ruler>(bus: &Status<M, Full, SLOTS>) {
    let mut buffer = Buffer::<_, BATCH>::new();
    let Ok(runner) = bus.runner(&mut buffer) else { return };
    Frames::new(Line, 1).run(runner).await;
}

struct Line;

impl ErrorType for Line {
    type Error = Infallible;
}

impl Write for Line {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        Ok(black_box(bytes).len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
