//! Frames over a serial line.

use embassy_time::{Duration, Instant, with_deadline};
use embedded_io_async::Write;
use statusbus_core::wire::{
    self, CategoryName, Conversation, DELIMITER, Encoder, FRAME_MAX, Missing,
};
use statusbus_core::{Category, ConversationName, Update};

use crate::about::About;
use crate::key::{Keying, Ranking};
use crate::message::{Message, Topic};
use crate::sink::{Names, Outgoing, Refusal, Sink, own_category};

/// A sink that writes [frames](statusbus_core::wire) to a UART, a USB or whatever else takes bytes.
///
/// A frame holds at most `FRAME` bytes, and the longest message has to fit one, which is checked when
/// this is compiled. A write that fails or takes longer than [`patience`](Self::patience) costs the
/// updates that were not written, and what was lost is told as a gap when the line works again.
#[derive(Debug)]
pub struct Frames<W, const FRAME: usize = 256> {
    line: Line<W>,
    epoch: u64,
    buffer: [u8; FRAME],
}

#[derive(Debug)]
struct Line<W> {
    writer: W,
    patience: Duration,
    /// What was written last ended with a delimiter.
    clean: bool,
}

impl<W: Write> Frames<W> {
    /// Frames of at most 256 bytes to a writer. `epoch` names this run of the device: a random number,
    /// or a counter that it keeps, so that whoever reads sees that positions start anew.
    pub const fn new(writer: W, epoch: u64) -> Self {
        Self::sized(writer, epoch)
    }
}

impl<W: Write, const FRAME: usize> Frames<W, FRAME> {
    /// Like [`new`](Frames::new), with frames of at most `FRAME` bytes: `Frames::<_, 128>::sized`.
    /// Larger ones cost RAM, smaller ones 17 to 24 bytes of the line more often.
    pub const fn sized(writer: W, epoch: u64) -> Self {
        const { assert!(FRAME <= FRAME_MAX, "hosts take frames of at most 1,024 bytes") };
        let line = Line { writer, patience: Duration::from_secs(1), clean: false };
        Self { line, epoch, buffer: [0; FRAME] }
    }

    /// How long writing one frame may take before it is given up; default one second. Give it some
    /// times what a frame takes: 256 bytes take 22 ms at 115,200 baud.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.line.patience = patience;
        self
    }
}

impl<W: Write> Line<W> {
    async fn write(&mut self, frame: &[u8]) -> Result<(), Refusal> {
        let clean = core::mem::replace(&mut self.clean, false);
        let until = Instant::now().as_ticks().saturating_add(self.patience.as_ticks());
        let Self { writer, .. } = self;
        let writing = async {
            if !clean {
                write_all(writer, &[DELIMITER]).await?;
            }
            write_all(writer, frame).await?;
            writer.flush().await.map_err(|_| Refusal::Rest)
        };
        match with_deadline(Instant::from_ticks(until), writing).await {
            Ok(Ok(())) => {
                self.clean = true;
                Ok(())
            }
            _ => Err(Refusal::Rest),
        }
    }
}

// Not that of `Write`, which panics when a writer takes nothing.
async fn write_all<W: Write>(writer: &mut W, bytes: &[u8]) -> Result<(), Refusal> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match writer.write(rest).await {
            Ok(written) if written > 0 => rest = rest.get(written..).unwrap_or_default(),
            _ => return Err(Refusal::Rest),
        }
    }
    Ok(())
}

impl<
    W: Write,
    const FRAME: usize,
    const TEXT: usize,
    const NAME: usize,
    const META: usize,
    K: Keying,
    R: Ranking,
    const GAPS: usize,
> Sink<Message<TEXT, NAME, META, K, R>, GAPS> for Frames<W, FRAME>
{
    async fn take(
        &mut self,
        batch: &mut Outgoing<'_, Message<TEXT, NAME, META, K, R>, GAPS>,
    ) -> Result<(), Refusal> {
        let Self { line, epoch, buffer } = self;
        if batch.gap().is_some() {
            let names = batch.names;
            let mut encoder =
                Encoder::new(*epoch, Missing::of(batch.gap(), |topic| named(topic, names)));
            while let Some(Ok(frame)) = encoder.next_frame(buffer) {
                line.write(frame).await?;
            }
            drop(encoder);
            batch.gap_told();
        }
        loop {
            let Some(next) = next_frame(batch, *epoch, buffer) else { return Ok(()) };
            let (frame, last) = next?;
            line.write(frame).await?;
            batch.accept(last);
        }
    }
}

/// The next frame of updates, and the position of the last one in it.
#[allow(clippy::type_complexity)]
fn next_frame<
    'f,
    const TEXT: usize,
    const NAME: usize,
    const META: usize,
    K: Keying,
    R: Ranking,
    const GAPS: usize,
>(
    batch: &Outgoing<'_, Message<TEXT, NAME, META, K, R>, GAPS>,
    epoch: u64,
    buffer: &'f mut [u8],
) -> Option<Result<(&'f [u8], u64), Refusal>> {
    let late = batch.age_micros();
    let mut first = None;
    let updates = batch.updates().map(|handed| {
        first.get_or_insert(handed.seq);
        wire::Update {
            age_micros: handed.waited_micros().saturating_add(late),
            conversation: conversation(handed.update.about()),
            priority: Some(handed.priority),
            cut: handed.update.is_cut(),
            key: handed.update.key(),
            metadata: handed.update.metadata(),
            ttl_micros: Some(handed.ttl_left_micros()).filter(|&left| left < u64::MAX),
            ..wire::Update::new(
                handed.seq,
                category(handed.update.category(), batch.names),
                handed.update.text(),
            )
        }
    });
    let mut encoder = Encoder::new(epoch, updates);
    let next = encoder.next_frame(buffer)?;
    let passed = encoder.passed() as u64;
    drop(encoder);
    Some(match next {
        // a frame holds positions without a hole
        Ok(frame) => Ok((frame, first?.saturating_add(passed).saturating_sub(1))),
        Err(too_large) => Err(Refusal::Update(too_large.seq)),
    })
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
