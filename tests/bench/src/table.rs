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
