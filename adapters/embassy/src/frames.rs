//! Frames over a serial line.

use core::fmt;
use core::future::{Future, pending, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll};

use embassy_sync::blocking_mutex::raw::RawMutex;
use embassy_time::Duration;
use embedded_io_async::Write;
use statusbus_core::wire::{
    self, CategoryName, Conversation, DELIMITER, Encoder, FRAME_MAX, Missing,
};
use statusbus_core::{Category, ConversationName, Instant, Update};

use crate::about::About;
use crate::beside::Beside;
use crate::clock;
use crate::key::{Keying, Ranking};
use crate::message::{Message, Topic};
use crate::outgoing::Outgoing;
use crate::report::Report;
use crate::runner::Runner;
use crate::shared::{Names, own_category};
use crate::status::Status;

/// Writes [frames](statusbus_core::wire) to a UART, a USB or whatever else takes bytes.
///
/// A write that fails, or takes longer than [`patience`](Self::patience), costs the updates that were
/// not written yet, and nothing else; what was lost is told as a gap when the line works again.
pub struct Frames<W, const FRAME: usize = 256, B = ()> {
    writer: W,
    beside: B,
    epoch: u64,
    patience: Duration,
    /// What was written last ended with a delimiter.
    clean: bool,
    /// A delimiter, and a frame.
    buffer: [u8; FRAME],
}

impl<W: Write> Frames<W> {
    /// Frames to a writer, in a buffer of 256 bytes. `epoch` names this run of the device: a random
    /// number, or a counter that it keeps, so that whoever reads sees that positions start anew.
    pub const fn new(writer: W, epoch: u64) -> Self {
        Self::sized(writer, epoch)
    }
}

impl<W: Write, const FRAME: usize> Frames<W, FRAME> {
    /// Like [`new`](Frames::new), in a buffer of `FRAME` bytes: `Frames::<_, 512>::sized`. At most
    /// 1,024, and at least 112 more than a message holds; both are checked when this is compiled.
    /// A frame takes 17 to 24 bytes of the line besides what is in it.
    pub const fn sized(writer: W, epoch: u64) -> Self {
        const { assert!(FRAME <= FRAME_MAX, "hosts take frames of at most 1,024 bytes") };
        let patience = Duration::from_secs(1);
        Self { writer, beside: (), epoch, patience, clean: false, buffer: [0; FRAME] }
    }

    /// Has the readers of a [`Hub`](crate::Hub) get what is handed on, too, whatever the line does: an
    /// update that the line did not take has come to them. It is the line that decides what counts as
    /// delivered. (Losses are told to them when the line has been told, so behind a loss they may wait for
    /// the line.)
    ///
    /// ```no_run
    /// # use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
    /// # use statusbus_embassy::{Buffer, Frames, Hub, Message, Status};
    /// # static STATUS: Status<CriticalSectionRawMutex, Message<64>, 32> = Status::new();
    /// static HUB: Hub<CriticalSectionRawMutex, Message<64>, 16, 2> = Hub::new();
    ///
    /// async fn deliver(uart: impl embedded_io_async::Write) {
    ///     let mut buffer = Buffer::<_, 16>::new();
    ///     let Ok(runner) = STATUS.runner(&mut buffer) else { return };
    ///     Frames::new(uart, 7).beside(&HUB).run(runner).await
    /// }
    /// ```
    #[must_use]
    pub fn beside<B>(self, hub: B) -> Frames<W, FRAME, B> {
        let Self { writer, epoch, patience, clean, buffer, .. } = self;
        Frames { writer, beside: hub, epoch, patience, clean, buffer }
    }
}

impl<W: Write, const FRAME: usize, B> Frames<W, FRAME, B> {
    /// How long writing one frame may take before it is given up; default one second. Give it some
    /// times what a frame takes: 256 bytes take 22 ms at 115,200 baud.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Writes whatever the runner hands on. It does not end: once the bus is closed and everything is
    /// written, it waits for ever.
    // One loop without an end, and no `async fn` in it: one that comes to its end brings a panic, for
    // who polls it once more.
    pub async fn run<
        M,
        const TEXT: usize,
        const NAME: usize,
        const META: usize,
        K,
        R,
        const SLOTS: usize,
        T,
        const CATEGORIES: usize,
        const GAPS: usize,
    >(
        mut self,
        mut runner: Runner<'_, '_, M, Message<TEXT, NAME, META, K, R>, SLOTS, T, CATEGORIES, GAPS>,
    ) -> !
    where
        M: RawMutex,
        K: Keying,
        R: Ranking,
        T: Report,
        B: Beside<Message<TEXT, NAME, META, K, R>>,
    {
        const { assert!(FRAME >= TEXT + NAME + META + K::LEN + 112, "a frame holds no message") };
        let Self { writer, beside, epoch, patience, clean, buffer } = &mut self;
        loop {
            let Some(mut batch) = runner.next().await else {
                beside.end();
                pending().await
            };
            let mut heard = false;
            let delivered = loop {
                let frame = next_frame(&mut batch, *epoch, buffer);
                if !heard && batch.gap().is_none() {
                    heard = true;
                    beside.updates(&batch);
                }
                let Some(frame) = frame else { break true };
                // A frame that was not ended eats the next one, unless a delimiter comes before it.
                let mut at = usize::from(core::mem::replace(clean, false));
                let until = clock::after(*patience);
                let mut works = true;
                while works && let Some(rest @ [_, ..]) = buffer.get(at..frame.end) {
                    let mut writing = pin!(writer.write(rest));
                    match poll_fn(|cx| in_time(writing.as_mut(), until, batch.runner.status, cx))
                        .await
                    {
                        Some(Ok(written)) if written > 0 => at = at.saturating_add(written),
                        _ => works = false,
                    }
                }
                if works {
                    let mut flushing = pin!(writer.flush());
                    match poll_fn(|cx| in_time(flushing.as_mut(), until, batch.runner.status, cx))
                        .await
                    {
                        Some(Ok(())) => *clean = true,
                        _ => break false,
                    }
                } else if at.saturating_add(1) < frame.end {
                    break false;
                }
                // A frame of which only the delimiter is missing is whole with that of the next one.
                match frame.last {
                    0 => {
                        beside.loss(&batch);
                        batch.loss_told();
                    }
                    last => batch.accept(last),
                }
                if !works {
                    break false;
                }
            };
            if !heard {
                beside.updates(&batch);
            }
            if delivered {
                batch.delivered();
            }
        }
    }
}

/// Polls a future; `None`: it is too late, or nobody waits for it any more.
fn in_time<F, M, U, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize>(
    future: Pin<&mut F>,
    until: Instant,
    status: &Status<M, U, SLOTS, T, CATEGORIES, GAPS>,
    cx: &mut Context<'_>,
) -> Poll<Option<F::Output>>
where
    F: Future,
    M: RawMutex,
    U: Update,
    T: Report,
{
    if let Poll::Ready(output) = future.poll(cx) {
        return Poll::Ready(Some(output));
    }
    if status.is_given_up(cx) || clock::now() >= until {
        return Poll::Ready(None);
    }
    clock::wake_at(until, cx)
}

/// A frame in the buffer.
struct Ready {
    /// Where it ends.
    end: usize,
    /// The position of the last update in it; zero: it holds a loss.
    last: u64,
}

impl Ready {
    const fn new(len: usize, last: u64) -> Self {
        Self { end: len.saturating_add(1), last }
    }
}

/// Encodes the next frame of a batch: the next loss of its gap, or behind them updates.
fn next_frame<
    M,
    const TEXT: usize,
    const NAME: usize,
    const META: usize,
    K,
    R,
    const SLOTS: usize,
    T,
    const CATEGORIES: usize,
    const GAPS: usize,
>(
    batch: &mut Outgoing<
        '_,
        '_,
        '_,
        M,
        Message<TEXT, NAME, META, K, R>,
        SLOTS,
        T,
        CATEGORIES,
        GAPS,
    >,
    epoch: u64,
    buffer: &mut [u8],
) -> Option<Ready>
where
    M: RawMutex,
    K: Keying,
    R: Ranking,
    T: Report,
{
    let (delimiter, buffer) = buffer.split_first_mut()?;
    *delimiter = DELIMITER;
    let names = batch.names;
    loop {
        if batch.gap().is_some() {
            // one at a time: it is confirmed when its frame is written
            let losses = Missing::of(batch.gap(), |topic| named(topic, names)).take(1);
            if let Some(Ok(frame)) = Encoder::new(epoch, losses).next_frame(buffer) {
                return Some(Ready::new(frame.len(), 0));
            }
            batch.loss_told(); // not so: `run` has checked that a frame holds any loss
            continue;
        }
        let late = batch.age_micros();
        let mut first = None;
        let updates = batch.updates().map(|handed| {
            let first: &mut Option<u64> = &mut first;
            first.get_or_insert(handed.seq);
            let message = handed.update;
            wire::Update {
                age_micros: handed.waited_micros().saturating_add(late),
                conversation: conversation(message.about()),
                priority: Some(handed.priority),
                cut: message.is_cut(),
                key: message.key(),
                metadata: message.metadata(),
                ttl_micros: Some(handed.ttl_left_micros()).filter(|&left| left < u64::MAX),
                ..wire::Update::new(handed.seq, category(message.category(), names), message.text())
            }
        });
        let mut encoder = Encoder::new(epoch, updates);
        let frame = encoder.next_frame(buffer)?;
        let passed = encoder.passed() as u64;
        drop(encoder);
        match frame {
            // there is no hole in the positions of a frame
            Ok(frame) => {
                let last = first.unwrap_or(u64::MAX).saturating_add(passed).saturating_sub(1);
                return Some(Ready::new(frame.len(), last));
            }
            Err(too_large) if batch.leave_out(too_large.seq) => {}
            Err(_) => return None,
        }
    }
}

fn conversation(about: About<'_>) -> Option<Conversation<'_>> {
    match about {
        About::System => None,
        About::Number(number) => Some(Conversation::Number(number)),
        About::Name(name) => Some(Conversation::Name(name)),
        About::Unchecked(name) => ConversationName::new(name).ok().map(Conversation::Name),
    }
}

fn category(category: Category, names: Names) -> CategoryName<'static> {
    match own_category(category, names) {
        Some(name) => CategoryName::Registered(name),
        None => CategoryName::BuiltIn(category),
    }
}

fn named<const NAME: usize>(
    topic: &Topic<NAME>,
    names: Names,
) -> (Option<Conversation<'_>>, CategoryName<'_>) {
    (conversation(topic.about()), category(topic.category(), names))
}

impl<W, const FRAME: usize, B> fmt::Debug for Frames<W, FRAME, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}
