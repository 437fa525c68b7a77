//! Frames over a serial line.

use core::future::pending;
use core::pin::pin;

use embassy_time::Duration;
use embedded_io_async::Write;
use statusbus_core::wire::{CategoryName, DELIMITER, Encoder, FRAME_MAX, LossRecord, Scope};

use crate::bus::{Names, StatusBus, own_category};
use crate::clock;
use crate::message::Stored;
use crate::runner::{Outgoing, Runner};
use crate::tee::Tee;

/// Writes [frames](statusbus_core::wire) to a UART, a USB or any other byte stream.
///
/// A write that fails, or takes longer than the [write timeout](Self::with_write_timeout), loses only the
/// updates that were not written yet. They are reported as a gap when the line works again.
pub struct Frames<W, const FRAME: usize = 256, R = ()> {
    writer: W,
    tee: R,
    epoch: u64,
    write_timeout_micros: u64,
    /// The last byte written was a delimiter.
    is_delimited: bool,
    /// A delimiter and a frame.
    buffer: [u8; FRAME],
}

impl<W: Write> Frames<W> {
    /// Frames in a buffer of 256 bytes. `epoch` names this run of the device: a random number, or a
    /// counter in non-volatile memory, by which readers notice that positions start again.
    #[inline(always)]
    pub const fn new(writer: W, epoch: u64) -> Self {
        Self::sized(writer, epoch)
    }
}

impl<W: Write, const FRAME: usize> Frames<W, FRAME> {
    /// Like [`new`](Frames::new), in a buffer of `FRAME` bytes: `Frames::<_, 512>::sized`. At most 1,024,
    /// and at least 112 more than the texts of a message; the compiler checks both. A frame costs 17 to
    /// 24 bytes besides its content.
    #[inline(always)]
    pub const fn sized(writer: W, epoch: u64) -> Self {
        const { assert!(FRAME <= FRAME_MAX, "hosts take frames of at most 1,024 bytes") };
        Self {
            writer,
            tee: (),
            epoch,
            write_timeout_micros: 1_000_000,
            is_delimited: false,
            buffer: [0; FRAME],
        }
    }

    /// Also delivers to the readers of a [`Hub`](crate::Hub). They receive each update even if the write to
    /// the line fails, but only the line decides what counts as delivered. A loss reaches the readers after
    /// its frame is written, so readers may wait for the line behind a loss.
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
    ///     Frames::new(uart, 7).with_tee(&HUB).run(runner).await
    /// }
    /// ```
    #[must_use]
    pub fn with_tee<R>(self, tee: R) -> Frames<W, FRAME, R> {
        let Self { writer, epoch, write_timeout_micros, is_delimited, buffer, .. } = self;
        Frames { writer, tee, epoch, write_timeout_micros, is_delimited, buffer }
    }
}

impl<W: Write, const FRAME: usize, R> Frames<W, FRAME, R> {
    /// Sets how long writing one frame may take; default one second. Choose some times the duration of a
    /// frame: 256 bytes take 22 ms at 115,200 baud.
    #[must_use]
    pub const fn with_write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout_micros = clock::span(timeout);
        self
    }

    /// Writes whatever the runner takes from the bus. It does not end: when the bus is closed and
    /// everything is written, it waits forever.
    // One loop without an end, and no `async fn` in it: one that ends links a panic for callers that poll
    // it again.
    pub async fn run<B: StatusBus>(&mut self, mut runner: Runner<'_, B>) -> !
    where
        R: Tee<B::Message>,
    {
        const { assert!(FRAME >= B::Message::MAX_LEN + 112, "a frame does not hold a message") };
        let Self { writer, tee, epoch, write_timeout_micros, is_delimited, buffer } = self;
        loop {
            let Some(mut batch) = runner.next().await else {
                tee.end();
                pending().await
            };
            let mut is_copied = false;
            // What is not accepted when the loop ends is dropped when the next batch is taken.
            loop {
                let frame = next_frame(&batch, *epoch, buffer);
                if !is_copied && !matches!(frame, Some(Frame { accepted: 0, .. })) {
                    is_copied = true;
                    tee.updates(&batch);
                }
                let Some(frame) = frame else { break };
                // An unfinished frame swallows the next one, unless a delimiter separates them.
                let mut at = usize::from(core::mem::replace(is_delimited, false));
                let until = clock::after(*write_timeout_micros);
                let mut works = true;
                while works && let Some(rest @ [_, ..]) = buffer.get(at..frame.end) {
                    match batch.wait(pin!(writer.write(rest)), until).await {
                        Some(Ok(written)) if written > 0 => at = at.saturating_add(written),
                        _ => works = false,
                    }
                }
                if works {
                    match batch.wait(pin!(writer.flush()), until).await {
                        Some(Ok(())) => *is_delimited = true,
                        _ => break,
                    }
                } else if at.saturating_add(1) < frame.end {
                    break;
                }
                // If only the delimiter is missing, that of the next frame completes this one.
                if frame.accepted > 0 {
                    batch.accept_first(frame.accepted);
                } else {
                    tee.gap(&batch);
                    batch.confirm_loss();
                }
                if !works {
                    break;
                }
            }
            if !is_copied {
                tee.updates(&batch);
            }
        }
    }
}

/// A frame in the buffer, behind a delimiter.
struct Frame {
    /// Where it ends.
    end: usize,
    /// How many updates of the batch are accepted with it; zero: it holds an entry of the gap.
    accepted: usize,
}

/// Encodes the next frame of a batch: the next entry of its gap, or else updates. `None`: everything is
/// accepted.
fn next_frame<B: StatusBus>(
    batch: &Outgoing<'_, '_, B>,
    epoch: u64,
    buffer: &mut [u8],
) -> Option<Frame> {
    let (delimiter, buffer) = buffer.split_first_mut()?;
    *delimiter = DELIMITER;
    let mut encoder = Encoder::new(epoch, buffer);
    let accepted =
        if encode_loss(batch, &mut encoder) { 0 } else { encode_updates(batch, &mut encoder) };
    // `run` checks that a frame holds any entry and any update.
    let frame = encoder.frame()?;
    Some(Frame { end: frame.len().saturating_add(1), accepted })
}

/// Encodes the next entry of the gap; returns whether there is one.
// One at a time: it is confirmed when its frame is written. Out of line, like the next: else their variables
// would be on the stack together.
#[inline(never)]
fn encode_loss<B: StatusBus>(batch: &Outgoing<'_, '_, B>, encoder: &mut Encoder<'_>) -> bool {
    let Some(entry) = batch.gap() else { return false };
    let mut loss = LossRecord::new(entry.seq, entry.index);
    if let Some(topic) = &entry.topic {
        loss.scope = B::Message::scope(topic);
        if let Scope::Topic { category, .. } = &mut loss.scope {
            name(category, batch.names());
        }
    }
    loss.losses = entry.losses();
    loss.retold = entry.retold;
    let is_added = encoder.loss(&loss);
    debug_assert!(is_added, "a frame holds any entry");
    true
}

/// Encodes as many of the updates that are not accepted as fit; returns how many are accepted with them, zero
/// without any.
#[inline(never)]
fn encode_updates<B: StatusBus>(batch: &Outgoing<'_, '_, B>, encoder: &mut Encoder<'_>) -> usize {
    let late = batch.age_micros();
    let mut accepted = 0;
    for handed in batch.updates() {
        let mut update = handed.update.record(handed.seq);
        name(&mut update.category, batch.names());
        update.age_micros = handed.waited_micros().saturating_add(late);
        update.priority = Some(handed.priority);
        let left = Some(handed.ttl_left_micros()).filter(|&left| left < u64::MAX);
        update.ttl_micros = left.map(|left| left.saturating_sub(late));
        if !encoder.update(&update) {
            debug_assert!(accepted > 0, "a frame holds any update");
            break;
        }
        accepted = batch.index_behind(handed.seq);
    }
    accepted
}

/// Replaces the number of a category of the application by its name.
fn name(category: &mut CategoryName<&[u8]>, names: Names) {
    if let CategoryName::BuiltIn(of) = category
        && let Some(name) = own_category(*of, names)
    {
        *category = CategoryName::Registered(name.as_bytes());
    }
}
