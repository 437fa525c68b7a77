//! Bars as SVG: a panel for each cell, a bar for each peer, on a logarithmic axis.

use std::fmt::Write;

/// One drawing.
#[derive(Debug)]
pub struct Plot<'a> {
    /// What is drawn, and which direction is better.
    pub title: &'a str,
    /// The panels, in two columns.
    pub panels: Vec<Panel<'a>>,
}

/// The bars of one cell.
#[derive(Debug)]
pub struct Panel<'a> {
    /// The name of the cell.
    pub title: String,
    /// A peer, its value, and the value as text.
    pub bars: Vec<(&'a str, f64, String)>,
    /// The value that bars begin at. `None`: they begin at the left.
    pub reference: Option<f64>,
}

const BAR: f64 = 15.0;
const HEAD: f64 = 34.0;
const PANEL: f64 = 460.0;
const NAMES: f64 = 132.0;
const VALUES: f64 = 104.0;
const AXIS: f64 = PANEL - NAMES - VALUES - 24.0;

/// Colours of both modes; in an image, the page's mode applies.
pub(crate) const STYLE: &str = "\
text{font:11px system-ui,sans-serif;fill:#424a53}\
.t{font-size:15px;font-weight:600;fill:#1f2328}.c{font-size:12px;font-weight:600;fill:#1f2328}\
.n{text-anchor:end}.o{font-weight:600;fill:#1f2328}\
.f{stroke:#eff1f3}.g{stroke:#d0d7de}.r{stroke:#59636e}.b{fill:#afb8c1}.h{fill:#7d8794}.s{fill:#0969da}\
@media(prefers-color-scheme:dark){text{fill:#9ea7b3}.t,.c,.o{fill:#e6edf3}\
.f{stroke:#1c2128}.g{stroke:#343b43}.r{stroke:#8b949e}.b{fill:#484f58}.h{fill:#6e7681}.s{fill:#4493f8}}";

impl Plot<'_> {
    /// The drawing.
    #[must_use]
    pub fn svg(&self) -> String {
        let (low, high) = self.range();
        let mut body = String::new();
        let mut top = 34.0;
        for row in self.panels.chunks(2) {
            for (panel, left) in row.iter().zip([0.0, PANEL]) {
                panel.draw(&mut body, left, top, low, high);
            }
            let bars = row.iter().map(|panel| panel.bars.len()).max().unwrap_or(0);
            top += HEAD + bars as f64 * BAR + 12.0;
        }
        let width = if self.panels.len() > 1 { 2.0 * PANEL } else { PANEL };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {top}\" width=\"{width}\" \
             height=\"{top}\" role=\"img\"><style>{STYLE}</style>\n\
             <text class=\"t\" x=\"8\" y=\"20\">{}</text>\n{body}</svg>\n",
            self.title
        )
    }

    /// The decades that all panels share, as logarithms. Ratios are cut at 10, so that those about 1
    /// remain visible.
    fn range(&self) -> (f64, f64) {
        let is_ratio = self.panels.iter().any(|panel| panel.reference.is_some());
        let values = self.panels.iter().flat_map(|panel| {
            panel.bars.iter().map(|(_, value, _)| value / panel.reference.unwrap_or(1.0))
        });
        let values: Vec<f64> = values.filter(|value| *value > 0.0).map(f64::log10).collect();
        let low = values.iter().copied().fold(f64::INFINITY, f64::min).floor();
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max).ceil();
        match (is_ratio, values.is_empty()) {
            (true, _) => (low.clamp(-2.0, -1.0), 1.0),
            (false, true) => (0.0, 1.0),
            (false, false) => (low, high.max(low + 1.0)),
        }
    }
}

impl Panel<'_> {
    fn draw(&self, svg: &mut String, left: f64, top: f64, low: f64, high: f64) {
        let axis = left + NAMES + 8.0;
        let at = |log: f64| axis + (log.clamp(low, high) - low) / (high - low) * AXIS;
        let (first, end) = (top + HEAD, top + HEAD + self.bars.len() as f64 * BAR);
        // Writing to a string does not fail.
        let _ = writeln!(
            svg,
            "<text class=\"c\" x=\"{}\" y=\"{}\">{}</text>",
            left + 8.0,
            top + 14.0,
            self.title
        );
        for decade in low as i32..high as i32 {
            for between in 2..10 {
                let x = at(f64::from(decade) + f64::from(between).log10());
                let _ = writeln!(svg, "<path class=\"f\" d=\"M{x:.1} {first}V{end}\"/>");
            }
        }
        for decade in low as i32..=high as i32 {
            let x = at(f64::from(decade));
            let is_reference = decade == 0 && self.reference.is_some();
            let class = if is_reference { "r" } else { "g" };
            let mark = mark(decade, self.reference.is_some());
            let _ = writeln!(
                svg,
                "<path class=\"{class}\" d=\"M{x:.1} {first}V{end}\"/>\
                 <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{mark}</text>",
                first - 5.0
            );
        }
        let zero = if self.reference.is_some() { at(0.0) } else { axis };
        for ((peer, value, text), y) in self.bars.iter().zip(0..) {
            let y = first + f64::from(y) * BAR;
            let ratio = value / self.reference.unwrap_or(1.0);
            let tip = at(ratio.log10());
            let (x, width) = (zero.min(tip), (tip - zero).abs().max(1.0));
            let (bar, name) = match *peer {
                "statusbus" => ("s", "o"),
                peer if peer.starts_with("hand-v2") => ("h", ""),
                _ => ("b", ""),
            };
            // A bar that is cut ends in a point.
            if ratio.log10() > high {
                let _ = writeln!(
                    svg,
                    "<path class=\"{bar}\" d=\"M{} {}l6 {}l-6 {}z\"/>",
                    axis + AXIS - 1.0,
                    y + 2.5,
                    (BAR - 5.0) / 2.0,
                    (BAR - 5.0) / 2.0
                );
            }
            let _ = writeln!(
                svg,
                "<text class=\"n {name}\" x=\"{}\" y=\"{}\">{peer}</text>\
                 <rect class=\"{bar}\" x=\"{x:.1}\" y=\"{}\" width=\"{width:.1}\" height=\"{}\" rx=\"1.5\"/>\
                 <text class=\"{name}\" x=\"{}\" y=\"{}\">{text}</text>",
                left + NAMES,
                y + 11.5,
                y + 2.5,
                BAR - 5.0,
                axis + AXIS + 10.0,
                y + 11.5,
            );
        }
    }
}

/// `10×`, or without a reference `1 k`.
pub(crate) fn mark(decade: i32, is_ratio: bool) -> String {
    let value = 10_f64.powi(decade);
    if is_ratio {
        return format!("{value}×");
    }
    match decade {
        9.. => format!("{} G", value / 1e9),
        6..=8 => format!("{} M", value / 1e6),
        3..=5 => format!("{} k", value / 1e3),
        _ => format!("{value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(reference: Option<f64>) -> Panel<'static> {
        let bars = vec![("statusbus", 50.0, "50".into()), ("hand-v2", 100.0, "100".into())];
        Panel { title: "1x1".into(), bars, reference }
    }

    #[test]
    fn bars_of_ratios_begin_at_the_reference() {
        let plot = Plot { title: "Test", panels: vec![panel(Some(100.0)), panel(Some(100.0))] };
        assert_eq!(plot.range(), (-1.0, 1.0));
        let svg = plot.svg();
        assert_eq!(svg.matches("<rect").count(), 4);
        let middle = NAMES + 8.0 + AXIS / 2.0;
        assert!(svg.contains(&format!("<rect class=\"h\" x=\"{middle:.1}\"")), "{svg}");
    }

    #[test]
    fn a_ratio_above_ten_is_cut() {
        let plot = Plot { title: "Test", panels: vec![panel(Some(1.0))] };
        assert_eq!(plot.range(), (-1.0, 1.0));
        assert_eq!(plot.svg().matches("l6 ").count(), 2);
    }

    #[test]
    fn a_plot_of_zeros_has_bars_without_length() {
        let bars = vec![("statusbus", 0.0, "0".to_owned())];
        let panels = vec![Panel { title: "idle".into(), bars, reference: None }];
        assert!(Plot { title: "Test", panels }.svg().contains("width=\"1.0\""));
    }
}
