//! Why batches were due, which only the metrics tell.

use std::sync::{Arc, mpsc};

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use statusbus_core::FlushReason;

/// A batch as the histogram `statusbus_batch_size` tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) reason: FlushReason,
    pub(crate) size: usize,
}

/// Records that histogram, value by value, and nothing else.
pub(crate) struct Reasons(mpsc::Sender<Due>);

impl Reasons {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Due>) {
        let (told, reader) = mpsc::channel();
        (Self(told), reader)
    }
}

/// The batches that are due for one reason.
struct Sizes {
    reason: FlushReason,
    told: mpsc::Sender<Due>,
}

impl HistogramFn for Sizes {
    fn record(&self, value: f64) {
        let _ = self.told.send(Due { reason: self.reason, size: value as usize });
    }
}

const ALL: [FlushReason; 4] =
    [FlushReason::Full, FlushReason::Interval, FlushReason::Flush, FlushReason::Close];

impl Recorder for Reasons {
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        if key.name() != "statusbus_batch_size" {
            return Histogram::noop();
        }
        let label = key.labels().find(|label| label.key() == "reason");
        let named = |reason: &FlushReason| label.is_some_and(|l| l.value() == reason.as_str());
        match ALL.into_iter().find(named) {
            Some(reason) => Histogram::from_arc(Arc::new(Sizes { reason, told: self.0.clone() })),
            None => Histogram::noop(), // the batch is then missed when its reason is asked for
        }
    }

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
}
