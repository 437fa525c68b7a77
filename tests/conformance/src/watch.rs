//! The telemetry of the core's own subject: what the bus tells, in the order in which it tells it.

use core::time::Duration;

use statusbus_core::{DropReason, HandedOn, OverflowEdge, RefuseReason, Telemetry};

use crate::Record;
use crate::record::Micros;

/// What was told since it was last shown. Once it is full it forgets what comes, and says so.
pub(crate) struct Watch {
    events: heapless::Vec<Event, 16>,
    missed: bool,
}

#[derive(Clone, Copy)]
enum Event {
    HandedOn(HandedOn),
    Settled(Duration),
    Coalesced,
    Expired,
    Dropped(DropReason),
    Refused(RefuseReason),
    Overflow(OverflowEdge),
}

impl Watch {
    pub(crate) const fn new() -> Self {
        Self { events: heapless::Vec::new(), missed: false }
    }

    fn tell(&mut self, event: Event) {
        self.missed |= self.events.push(event).is_err();
    }

    pub(crate) fn show(&mut self, record: &mut Record<'_>) {
        for event in &self.events {
            match *event {
                Event::HandedOn(HandedOn { size, reason, longest_wait, left }) => {
                    let longest = micros(longest_wait);
                    let reason = reason.as_str();
                    record.line(format_args!(
                        "= handed_on {reason} {size} longest={longest} left={left}"
                    ));
                }
                Event::Settled(latency) => {
                    record.line(format_args!("= settled latency={}", micros(latency)));
                }
                Event::Coalesced => record.line(format_args!("= coalesced")),
                Event::Expired => record.line(format_args!("= expired")),
                Event::Dropped(reason) => {
                    record.line(format_args!("= dropped {}", reason.as_str()));
                }
                Event::Refused(reason) => {
                    record.line(format_args!("= refused {}", reason.as_str()));
                }
                Event::Overflow(OverflowEdge::Started) => {
                    record.line(format_args!("= overflow started"));
                }
                Event::Overflow(OverflowEdge::Ended { lost }) => {
                    record.line(format_args!("= overflow ended lost={lost}"));
                }
            }
        }
        if self.missed {
            record.line(format_args!("= and more"));
        }
        *self = Self::new();
    }
}

/// The longest span that a bus tells of fits by far.
pub(crate) fn micros(span: Duration) -> Micros {
    Micros(u64::try_from(span.as_micros()).unwrap_or(u64::MAX))
}

impl Telemetry for Watch {
    fn handed_on(&mut self, batch: HandedOn) {
        self.tell(Event::HandedOn(batch));
    }

    fn settled(&mut self, latency: Duration) {
        self.tell(Event::Settled(latency));
    }

    fn coalesced(&mut self) {
        self.tell(Event::Coalesced);
    }

    fn expired(&mut self) {
        self.tell(Event::Expired);
    }

    fn dropped(&mut self, reason: DropReason) {
        self.tell(Event::Dropped(reason));
    }

    fn refused(&mut self, reason: RefuseReason) {
        self.tell(Event::Refused(reason));
    }

    fn overflow(&mut self, edge: OverflowEdge) {
        self.tell(Event::Overflow(edge));
    }
}
