//! What a command writes, read to its end.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

use crate::pace::Pace;
use crate::speaker::Speaker;

/// As much as a pipe holds on Linux.
const CHUNK: usize = 64 * 1024;

/// Both streams of a command on the way to their ends.
pub(crate) struct Output<'a> {
    reading: Option<Pin<Box<dyn Future<Output = ()> + 'a>>>,
}

/// Since when nothing has come.
pub(crate) struct Quiet {
    since: Cell<Instant>,
    /// Streams whose last chunk is still being said.
    busy: Cell<usize>,
}

impl<'a> Output<'a> {
    /// Reads each stream and has it said by its speaker, both at the same time.
    pub(crate) fn new<O, E>(
        out: (Option<O>, &'a mut Speaker),
        err: (Option<E>, &'a mut Speaker),
        pace: &'a Pace,
        quiet: &'a Quiet,
    ) -> Self
    where
        O: AsyncRead + Unpin + 'a,
        E: AsyncRead + Unpin + 'a,
    {
        let reading = async move {
            tokio::join!(read(out.0, out.1, pace, quiet), read(err.0, err.1, pace, quiet));
        };
        Self { reading: Some(Box::pin(reading)) }
    }

    /// Whether there may be more.
    pub(crate) const fn is_open(&self) -> bool {
        self.reading.is_some()
    }

    /// Reads until both streams have ended; for ever when they have. Safe to cancel.
    pub(crate) async fn end(&mut self) {
        match &mut self.reading {
            Some(reading) => reading.await,
            None => std::future::pending().await,
        }
        self.close();
    }

    /// Reads no more: who writes on is told that nobody reads.
    pub(crate) fn close(&mut self) {
        self.reading = None;
    }
}

/// Reads one stream to its end.
async fn read(
    from: Option<impl AsyncRead + Unpin>,
    speaker: &mut Speaker,
    pace: &Pace,
    quiet: &Quiet,
) {
    let Some(mut from) = from else { return };
    let mut chunk = vec![0; CHUNK];
    // An error is an end, too: there is nothing more to be had.
    while let Ok(len @ 1..) = from.read(&mut chunk).await {
        quiet.busy.set(quiet.busy.get() + 1);
        pace.hear(&chunk[..len], |piece| speaker.hear(piece)).await;
        // What a program draws it writes at once, so that nothing is half drawn here.
        pace.room().await;
        speaker.show_live().await;
        quiet.busy.set(quiet.busy.get() - 1);
        quiet.begin();
        // A command that never pauses leaves time for the other stream, and for interrupts.
        tokio::task::yield_now().await;
    }
}

impl Quiet {
    pub(crate) fn new() -> Self {
        Self { since: Cell::new(Instant::now()), busy: Cell::new(0) }
    }

    /// Something has come; from now on it is counted anew.
    pub(crate) fn begin(&self) {
        self.since.set(Instant::now());
    }

    /// Waits until nothing has come for this long.
    pub(crate) async fn lasts(&self, span: Duration) {
        loop {
            if self.busy.get() > 0 {
                self.begin();
            }
            let end = self.since.get() + span;
            if end <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(end).await;
        }
    }
}
