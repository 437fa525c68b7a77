//! What the bus tells `metrics`, gathered on this thread.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

/// Gathers what is recorded on this thread.
#[derive(Default)]
pub(crate) struct Meters {
    recorder: DebuggingRecorder,
    /// A snapshot empties the counters.
    counted: RefCell<BTreeMap<String, f64>>,
}

/// What was gathered: `name` or `name{reason}`.
pub(crate) type Measured = BTreeMap<String, Vec<f64>>;

impl Meters {
    pub(crate) fn gather(&self) -> metrics::LocalRecorderGuard<'_> {
        metrics::set_default_local_recorder(&self.recorder)
    }

    /// Counters and gauges as they stand; the values of histograms since the last call.
    pub(crate) fn measured(&self) -> Measured {
        let entries = self.recorder.snapshotter().snapshot().into_vec();
        let named = entries.into_iter().map(|(key, _, _, value)| {
            let labels: Vec<_> = key.key().labels().map(metrics::Label::value).collect();
            let name = match labels.as_slice() {
                [] => key.key().name().to_owned(),
                labels => format!("{}{{{}}}", key.key().name(), labels.join(",")),
            };
            let values = match value {
                DebugValue::Counter(count) => {
                    let mut counted = self.counted.borrow_mut();
                    let counted = counted.entry(name.clone()).or_default();
                    *counted += count as f64;
                    vec![*counted]
                }
                DebugValue::Gauge(value) => vec![value.into_inner()],
                DebugValue::Histogram(values) => values.into_iter().map(Into::into).collect(),
            };
            (name, values)
        });
        named.collect()
    }
}

/// A recorder that panics when it is used, a number of times.
#[derive(Clone)]
pub(crate) struct Failing(Arc<AtomicU64>);

impl Failing {
    pub(crate) fn times(times: u64) -> Self {
        Self(Arc::new(AtomicU64::new(times)))
    }

    fn fail(&self) {
        let left =
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        assert!(left.is_err(), "the recorder panics, as it was asked to");
    }
}

impl Recorder for Failing {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        self.fail();
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        self.fail();
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        self.fail();
        Histogram::noop()
    }
}
