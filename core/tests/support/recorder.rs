//! Telemetry that records every call, and counts what the ledger counts too.

use std::time::Duration;

use statusbus_core::{BatchInfo, Ledger, Loss, OverflowEvent, RefuseReason, Telemetry};

use super::tally::{add_loss, add_refusal};

/// One call of telemetry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Record {
    Polled(BatchInfo),
    Settled(Duration),
    Coalesced,
    Lost(Loss),
    Refused(RefuseReason),
    Overflow(OverflowEvent),
}

#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) records: Vec<Record>,
    /// The counters that telemetry has: `coalesced`, `expired`, `dropped` and `refused`.
    pub(crate) counted: Ledger,
    pub(crate) settled: usize,
}

impl Telemetry for Recorder {
    fn polled(&mut self, batch: BatchInfo) {
        self.records.push(Record::Polled(batch));
    }
    fn settled(&mut self, latency: Duration) {
        self.settled += 1;
        self.records.push(Record::Settled(latency));
    }
    fn coalesced(&mut self) {
        self.counted.coalesced += 1;
        self.records.push(Record::Coalesced);
    }
    fn lost(&mut self, loss: Loss) {
        add_loss(&mut self.counted, loss);
        self.records.push(Record::Lost(loss));
    }
    fn refused(&mut self, reason: RefuseReason) {
        add_refusal(&mut self.counted, reason);
        self.records.push(Record::Refused(reason));
    }
    fn overflow(&mut self, event: OverflowEvent) {
        self.records.push(Record::Overflow(event));
    }
}
