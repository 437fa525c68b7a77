//! Lines as SVG: a panel for each figure, a line for each peer, on logarithmic axes. A dashed line shows
//! growth in proportion.

use std::fmt::Write;

use crate::plot::STYLE;

/// One drawing.
#[derive(Debug)]
pub struct Curves<'a> {
    /// What is drawn, and which direction is better.
    pub title: &'a str,
    /// The panels, side by side.
    pub panels: Vec<Lines<'a>>,
}

/// The lines of one figure.
#[derive(Debug)]
pub struct Lines<'a> {
    /// What grows, and what is measured.
    pub title: &'a str,
    /// A peer, and its points from left to right. Both coordinates are above zero.
    pub lines: Vec<(&'a str, Vec<(f64, f64)>)>,
    /// Writes a value.
    pub format: fn(f64) -> String,
}

const PANEL: f64 = 400.0;
const LEFT: f64 = 64.0;
const WIDTH: f64 = 216.0;
const TOP: f64 = 64.0;
const HEIGHT: f64 = 190.0;
const LINE: f64 = 14.0;

impl Curves<'_> {
    /// The drawing.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut body = String::new();
        let mut left = 0.0;
        for panel in &self.panels {
            panel.draw(&mut body, left);
            left += PANEL;
        }
        let (width, height) = (left.max(PANEL), TOP + HEIGHT + 30.0);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" role=\"img\"><style>{STYLE}{LINES}</style>\n\
             <text class=\"t\" x=\"8\" y=\"20\">{} (dashed: in proportion)</text>\n{body}</svg>\n",
            self.title
        )
    }
}

/// The strokes, in the colours of the bars.
const LINES: &str = "\
polyline{fill:none;stroke-width:2}.lb{stroke:#afb8c1}.lh{stroke:#7d8794}.ls{stroke:#0969da}\
.p{stroke:#59636e;stroke-dasharray:3 4}\
@media(prefers-color-scheme:dark){.lb{stroke:#484f58}.lh{stroke:#6e7681}.ls{stroke:#4493f8}.p{stroke:#8b949e}}";

impl Lines<'_> {
    fn draw(&self, svg: &mut String, left: f64) {
        let points = || self.lines.iter().flat_map(|(_, points)| points);
        let Some((x_low, x_high)) = decades(points().map(|(x, _)| *x)) else { return };
        let Some((y_low, y_high)) = decades(points().map(|(_, y)| *y)) else { return };
        let axis = left + LEFT;
        let at_x = |x: f64| axis + (x.log10() - x_low) / (x_high - x_low) * WIDTH;
        let at_y = |y: f64| TOP + HEIGHT - (y.log10() - y_low) / (y_high - y_low) * HEIGHT;
        // Writing to a string does not fail.
        let _ = writeln!(
            svg,
            "<text class=\"c\" x=\"{}\" y=\"{}\">{}</text>",
            left + 8.0,
            TOP - 16.0,
            self.title
        );
        let bottom = TOP + HEIGHT;
        for decade in x_low as i32..=x_high as i32 {
            let value = 10_f64.powi(decade);
            let x = at_x(value);
            let _ = writeln!(
                svg,
                "<path class=\"g\" d=\"M{x:.1} {TOP}V{bottom}\"/>\
                 <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                bottom + 16.0,
                crate::plot::mark(decade, false)
            );
        }
        for decade in y_low as i32..=y_high as i32 {
            let value = 10_f64.powi(decade);
            let y = at_y(value);
            let _ = writeln!(
                svg,
                "<path class=\"g\" d=\"M{axis} {y:.1}H{}\"/>\
                 <text class=\"n\" x=\"{}\" y=\"{:.1}\">{}</text>",
                axis + WIDTH,
                axis - 6.0,
                y + 4.0,
                (self.format)(value)
            );
        }
        self.draw_proportion(svg, at_x, at_y, (x_low, x_high), (y_low, y_high));
        let mut ends = Vec::new();
        for (peer, points) in &self.lines {
            let class = class(peer);
            let path: Vec<String> =
                points.iter().map(|(x, y)| format!("{:.1},{:.1}", at_x(*x), at_y(*y))).collect();
            let _ = writeln!(svg, "<polyline class=\"l{class}\" points=\"{}\"/>", path.join(" "));
            for (x, y) in points {
                let (x, y) = (at_x(*x), at_y(*y));
                let _ = writeln!(
                    svg,
                    "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>"
                );
            }
            if let Some((_, y)) = points.last() {
                ends.push((at_y(*y), *peer, (self.format)(*y)));
            }
        }
        // Names that would overlap move down.
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut free = f64::NEG_INFINITY;
        for (y, peer, value) in ends {
            let y = y.max(free);
            free = y + LINE;
            let name = if peer == "statusbus" { "o" } else { "" };
            let _ = writeln!(
                svg,
                "<text class=\"{name}\" x=\"{}\" y=\"{:.1}\">{peer} {value}</text>",
                axis + WIDTH + 8.0,
                y + 4.0
            );
        }
    }

    /// The line of growth in proportion through the first point of the first peer.
    fn draw_proportion(
        &self,
        svg: &mut String,
        at_x: impl Fn(f64) -> f64,
        at_y: impl Fn(f64) -> f64,
        (_, x_high): (f64, f64),
        (_, y_high): (f64, f64),
    ) {
        let Some(&(x, y)) = self.lines.first().and_then(|(_, points)| points.first()) else {
            return;
        };
        let room = (x_high - x.log10()).min(y_high - y.log10());
        let (end_x, end_y) = (x * 10_f64.powf(room), y * 10_f64.powf(room));
        let _ = writeln!(
            svg,
            "<path class=\"p\" d=\"M{:.1} {:.1}L{:.1} {:.1}\"/>",
            at_x(x),
            at_y(y),
            at_x(end_x),
            at_y(end_y)
        );
    }
}

/// The class of a peer's colour.
fn class(peer: &str) -> &'static str {
    match peer {
        "statusbus" => "s",
        peer if peer.starts_with("hand-v2") => "h",
        _ => "b",
    }
}

/// The decades around all values, as logarithms; at least one.
fn decades(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let logs: Vec<f64> = values.filter(|value| *value > 0.0).map(f64::log10).collect();
    let low = logs.iter().copied().reduce(f64::min)?.floor();
    let high = logs.iter().copied().reduce(f64::max)?.ceil();
    Some((low, high.max(low + 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_points_and_the_name_of_its_peer() {
        let line = vec![(10.0, 100.0), (100.0, 200.0), (1000.0, 100.0)];
        let lines = vec![("statusbus", line.clone()), ("hand-v2", line)];
        let panel = Lines { title: "topics", lines, format: |value| format!("{value}") };
        let svg = Curves { title: "Test", panels: vec![panel] }.svg();
        assert_eq!(svg.matches("<circle").count(), 6);
        let (first, last) = (TOP + HEIGHT, LEFT + WIDTH);
        assert!(svg.contains(&format!("points=\"{LEFT:.1},{first:.1} ")), "{svg}");
        assert!(svg.contains(&format!(" {last:.1},{first:.1}\"")), "{svg}");
        // Both names are at the same value, and do not overlap.
        let name = |y: f64, name: &str| format!("y=\"{y:.1}\">{name} 100<");
        assert!(svg.contains(&name(first + 4.0, "statusbus")), "{svg}");
        assert!(svg.contains(&name(first + 4.0 + LINE, "hand-v2")), "{svg}");
        // In proportion, 10 times the value at 10 times the number: up to the top of the decade.
        let middle = LEFT + WIDTH / 2.0;
        assert!(svg.contains(&format!("L{middle:.1} {TOP:.1}\"")), "{svg}");
    }

    #[test]
    fn nothing_is_drawn_of_no_values() {
        let panel = Lines { title: "topics", lines: Vec::new(), format: |_| String::new() };
        let svg = Curves { title: "Test", panels: vec![panel] }.svg();
        assert!(!svg.contains("topics"), "{svg}");
    }
}
