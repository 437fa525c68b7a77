//! Numbers and Markdown.

use std::time::Duration;

/// The value that this share of the values does not exceed (0.5: the median). Sorts them.
///
/// # Panics
/// If there are none.
pub fn quantile<T: PartialOrd + Copy>(values: &mut [T], share: f64) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
    values[((values.len() - 1) as f64 * share).round() as usize]
}

/// `12.3 M`, `4.56 k`: three digits that count.
#[must_use]
pub fn short(value: f64) -> String {
    let (scaled, unit) = match value {
        v if v >= 1e9 => (v / 1e9, " G"),
        v if v >= 1e6 => (v / 1e6, " M"),
        v if v >= 1e3 => (v / 1e3, " k"),
        v => (v, ""),
    };
    let digits = if scaled >= 99.95 {
        0
    } else if scaled >= 9.995 {
        1
    } else {
        2
    };
    format!("{scaled:.digits$}{unit}")
}

/// `850 ns`, `23.1 µs`, `50.2 ms`.
#[must_use]
pub fn span(value: Duration) -> String {
    match value.as_nanos() as f64 {
        ns if ns >= 1e6 => format!("{:.1} ms", ns / 1e6),
        ns if ns >= 1e3 => format!("{:.1} µs", ns / 1e3),
        ns => format!("{ns:.0} ns"),
    }
}

/// A Markdown table with its title. Nothing if it has no rows.
#[must_use]
pub fn markdown(title: &str, first: &str, columns: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let rows: String = rows.iter().map(|row| format!("| {} |\n", row.join(" | "))).collect();
    let (head, line) = (columns.join(" | "), "---|".repeat(columns.len() + 1));
    format!("\n{title}\n\n| {first} | {head} |\n|{line}\n{rows}")
}

/// A row of [`markdown`]. `None` is a dash.
#[must_use]
pub fn row(name: &str, values: impl IntoIterator<Item = Option<String>>) -> Vec<String> {
    let values = values.into_iter().map(|value| value.unwrap_or_else(|| "–".into()));
    std::iter::once(name.to_owned()).chain(values).collect()
}

/// `850`.
#[must_use]
pub fn whole(value: f64) -> String {
    format!("{value:.0}")
}

/// [`span`] of so many nanoseconds.
#[must_use]
pub fn nanos(value: f64) -> String {
    span(Duration::from_nanos(value as u64))
}

/// `850 B`, `23.1 KiB`.
#[must_use]
pub fn bytes(value: f64) -> String {
    if value < 1024.0 { format!("{value:.0} B") } else { format!("{:.1} KiB", value / 1024.0) }
}

/// `0.35×`, `12×`.
#[must_use]
pub fn times(ratio: f64) -> String {
    if ratio >= 10.0 { format!("{ratio:.0}×") } else { format!("{ratio:.2}×") }
}
