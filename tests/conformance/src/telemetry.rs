//! The telemetry of the core's own subject: the events of the bus in their order.

use core::time::Duration;

use statusbus_core::{BatchInfo, Loss, OverflowEvent, RefuseReason, Telemetry};

use crate::Record;
use crate::record::Micros;

/// Events since the last time that they were shown. When it is full, further events are dropped and
/// shown as one line.
pub(crate) struct TelemetryRecord {
    events: heapless::Vec<Event, 16>,
    is_cut: bool,
}

#[derive(Clone, Copy)]
enum Event {
    Polled(BatchInfo),
    Settled(Duration),
    Coalesced,
    Lost(Loss),
    Refused(RefuseReason),
    Overflow(OverflowEvent),
}

impl TelemetryRecord {
    pub(crate) const fn new() -> Self {
        Self { events: heapless::Vec::new(), is_cut: false }
    }

    fn add(&mut self, event: Event) {
        self.is_cut |= self.events.push(event).is_err();
    }

    pub(crate) fn show(&mut self, record: &mut Record<'_>) {
        for event in &self.events {
            show(event, record);
        }
        if self.is_cut {
            record.line(format_args!("= and more"));
        }
        *self = Self::new();
    }
}

fn show(event: &Event, record: &mut Record<'_>) {
    match *event {
        Event::Polled(batch) => {
            let (size, reason, left) = (batch.size, batch.reason.as_str(), batch.left);
            let longest = micros(batch.longest_wait);
            record.line(format_args!("= polled {reason} {size} longest={longest} left={left}"));
        }
        Event::Settled(latency) => {
            record.line(format_args!("= settled latency={}", micros(latency)));
        }
        Event::Coalesced => record.line(format_args!("= coalesced")),
        Event::Lost(Loss::Expired) => record.line(format_args!("= expired")),
        Event::Lost(loss) => record.line(format_args!("= dropped {}", loss.as_str())),
        Event::Refused(reason) => record.line(format_args!("= refused {}", reason.as_str())),
        Event::Overflow(OverflowEvent::Started) => record.line(format_args!("= overflow started")),
        Event::Overflow(OverflowEvent::Ongoing { lost }) => {
            record.line(format_args!("= overflow ongoing lost={lost}"));
        }
        Event::Overflow(OverflowEvent::Ended { lost }) => {
            record.line(format_args!("= overflow ended lost={lost}"));
        }
        Event::Overflow(_) => record.line(format_args!("= overflow, in a way not known here")),
    }
}

/// Every span that a bus reports fits by far.
pub(crate) fn micros(span: Duration) -> Micros {
    Micros(u64::try_from(span.as_micros()).unwrap_or(u64::MAX))
}

impl Telemetry for TelemetryRecord {
    fn polled(&mut self, batch: BatchInfo) {
        self.add(Event::Polled(batch));
    }

    fn settled(&mut self, latency: Duration) {
        self.add(Event::Settled(latency));
    }

    fn coalesced(&mut self) {
        self.add(Event::Coalesced);
    }

    fn lost(&mut self, loss: Loss) {
        self.add(Event::Lost(loss));
    }

    fn refused(&mut self, reason: RefuseReason) {
        self.add(Event::Refused(reason));
    }

    fn overflow(&mut self, event: OverflowEvent) {
        self.add(Event::Overflow(event));
    }
}
