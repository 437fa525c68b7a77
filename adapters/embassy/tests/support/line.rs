//! A line with chosen faults, and a host at its other end.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;

use embedded_io_async::{ErrorKind, ErrorType, Write};
use statusbus_core::wire::{Counters, Decoder, FRAME_MAX, Record, Scope};

/// How the line treats writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    /// Takes at most so many bytes at once.
    Takes(usize),
    /// Takes so many more bytes, then never returns.
    StallsAfter(usize),
    /// Takes so many more bytes, and then fails.
    FailsAfter(usize),
    /// Returns zero bytes written.
    TakesNothing,
}

#[derive(Clone)]
pub(crate) struct Line(Rc<State>);

struct State {
    does: Cell<Does>,
    flush_stalls: Cell<bool>,
    bytes: RefCell<Vec<u8>>,
}

impl Line {
    pub(crate) fn new() -> Self {
        let does = Cell::new(Does::Takes(usize::MAX));
        Self(Rc::new(State { does, flush_stalls: Cell::new(false), bytes: RefCell::default() }))
    }

    pub(crate) fn set(&self, does: Does) {
        self.0.does.set(does);
    }

    pub(crate) fn stall_flush(&self, stalls: bool) {
        self.0.flush_stalls.set(stalls);
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.bytes.borrow().clone()
    }

    fn add(&self, bytes: &[u8], most: usize) -> usize {
        let taken = bytes.len().min(most);
        self.0.bytes.borrow_mut().extend_from_slice(&bytes[..taken]);
        taken
    }

    /// What a host reads: a line for each record, and the counters of the decoder.
    pub(crate) fn read(&self) -> (Vec<String>, Counters) {
        let bytes = self.bytes();
        let (mut decoder, mut rest) = (Decoder::new([0; FRAME_MAX]), &bytes[..]);
        let mut lines = Vec::new();
        while let Some(frame) = decoder.feed(&mut rest) {
            for record in frame.records() {
                match record {
                    Record::Update(update) => {
                        let subject = update
                            .conversation
                            .map_or("-".into(), |conversation| conversation.to_string());
                        let category = update.category.as_str();
                        let cut = if update.truncated { "…" } else { "" };
                        let metadata = update.metadata.unwrap_or_default();
                        let text = update.text;
                        let update =
                            format!("#{} {subject}/{category} {text}{cut} {metadata}", update.seq);
                        lines.push(update.trim_end().into());
                    }
                    Record::Loss(loss) => {
                        let losses: Vec<String> = loss
                            .losses
                            .iter()
                            .map(|(loss, count)| format!("{}={count}", loss.as_str()))
                            .collect();
                        let scope = match loss.scope {
                            Scope::Bus => "elsewhere".into(),
                            Scope::Topic { conversation, category } => format!(
                                "{}/{}",
                                conversation
                                    .map_or("-".into(), |conversation| conversation.to_string()),
                                category.as_str()
                            ),
                        };
                        lines.push(format!("gap #{} {scope} {}", loss.seq, losses.join(" ")));
                    }
                    other => unreachable!("{other:?}"),
                }
            }
        }
        (lines, *decoder.counters())
    }

    /// What a host reads from an undamaged line.
    pub(crate) fn lines(&self) -> Vec<String> {
        let (lines, counters) = self.read();
        assert_eq!(counters.bad(), 0, "{counters:?}");
        lines
    }
}

impl ErrorType for Line {
    type Error = ErrorKind;
}

impl Write for Line {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        match self.0.does.get() {
            Does::Takes(most) => Ok(self.add(bytes, most)),
            Does::TakesNothing => Ok(0),
            Does::StallsAfter(0) => pending().await,
            Does::FailsAfter(0) => Err(ErrorKind::Other),
            Does::StallsAfter(left) => {
                let taken = self.add(bytes, left);
                self.set(Does::StallsAfter(left - taken));
                Ok(taken)
            }
            Does::FailsAfter(left) => {
                let taken = self.add(bytes, left);
                self.set(Does::FailsAfter(left - taken));
                Ok(taken)
            }
        }
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        if self.0.flush_stalls.get() {
            return pending().await;
        }
        Ok(())
    }
}
