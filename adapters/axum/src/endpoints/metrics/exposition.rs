//! The text format of Prometheus. Names and labels are constants of this crate that need no escaping.

use std::fmt::{Display, Write};

use crate::state::Histogram;

/// A text under construction.
#[derive(Default)]
pub(super) struct Exposition(String);

impl Exposition {
    pub(super) fn counter(&mut self, name: &str, about: &str, value: u64) {
        self.head(&format!("{name}_total"), about, "counter");
        self.line(&format!("{name}_total"), "", value);
    }

    /// A counter for each value of a label.
    pub(super) fn counters(
        &mut self,
        name: &str,
        about: &str,
        label: &str,
        values: impl IntoIterator<Item = (impl Display, u64)>,
    ) {
        self.head(&format!("{name}_total"), about, "counter");
        for (which, value) in values {
            self.line(&format!("{name}_total"), &format!("{{{label}=\"{which}\"}}"), value);
        }
    }

    pub(super) fn gauge(&mut self, name: &str, about: &str, value: f64) {
        self.head(name, about, "gauge");
        self.line(name, "", value);
    }

    pub(super) fn histogram(&mut self, name: &str, about: &str, histogram: &Histogram) {
        self.head(name, about, "histogram");
        let mut count = 0;
        for (bound, more) in histogram.buckets() {
            count += more;
            let bound = bound.map_or_else(|| "+Inf".to_owned(), |bound| bound.to_string());
            self.line(&format!("{name}_bucket"), &format!("{{le=\"{bound}\"}}"), count);
        }
        self.line(&format!("{name}_sum"), "", histogram.sum());
        self.line(&format!("{name}_count"), "", count);
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }

    fn head(&mut self, name: &str, about: &str, kind: &str) {
        self.write(format_args!(
            "# HELP statusbus_{name} {about}\n# TYPE statusbus_{name} {kind}\n"
        ));
    }

    fn line(&mut self, name: &str, labels: &str, value: impl Display) {
        self.write(format_args!("statusbus_{name}{labels} {value}\n"));
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.0.write_fmt(text);
    }
}
