//! Tables and plots of figures that are measured for growing numbers of messages, subscribers, topics and
//! conversations.

use crate::curve::{Curves, Lines};
use crate::results::Results;
use crate::table::{bytes, markdown, nanos, row, short, times, whole};

/// One plot, and a table for each of its panels.
struct Growth {
    /// The name of the file.
    name: &'static str,
    title: &'static str,
    panels: &'static [Grown],
}

/// A figure; its cells are the numbers.
struct Grown {
    figure: &'static str,
    /// What there is more and more of, and under which conditions.
    title: &'static str,
    format: fn(f64) -> String,
}

static GROWTHS: [Growth; 3] = [
    Growth {
        name: "growth-instructions",
        title: "Instructions per message as the load grows",
        panels: &[
            Grown { figure: "growth_messages", title: "messages, at 10x100", format: whole },
            Grown { figure: "growth_subscribers", title: "subscribers, one topic", format: whole },
            Grown { figure: "growth_topics", title: "topics, 10 subscribers", format: whole },
        ],
    },
    Growth {
        name: "growth-memory",
        title: "Bytes for each conversation as their number grows",
        panels: &[
            Grown {
                figure: "conversation_bytes",
                title: "conversations, before an update",
                format: bytes,
            },
            Grown {
                figure: "conversation_bytes_sent",
                title: "conversations, one update each",
                format: bytes,
            },
        ],
    },
    Growth {
        name: "growth-sends",
        title: "Time of a send to one conversation as their number grows",
        panels: &[
            Grown { figure: "growth_send_p50", title: "by handle, p50", format: nanos },
            Grown { figure: "growth_send_p99", title: "by handle, p99", format: nanos },
            Grown { figure: "growth_named_p50", title: "by name, p50", format: nanos },
            Grown { figure: "growth_named_p99", title: "by name, p99", format: nanos },
        ],
    },
];

/// A table for each figure that was measured.
#[must_use]
pub fn tables(results: &Results) -> String {
    let panels = GROWTHS.iter().flat_map(|growth| growth.panels.iter().map(|p| (growth.title, p)));
    panels.map(|(title, grown)| grown.table(title, results)).collect()
}

/// The plots of what was measured, by the names of their files.
#[must_use]
pub fn curves(results: &Results) -> Vec<(&'static str, Curves<'_>)> {
    let curves = |growth: &'static Growth| {
        let panels = growth.panels.iter().map(|grown| grown.lines(results));
        let panels: Vec<_> = panels.filter(|panel| !panel.lines.is_empty()).collect();
        (growth.name, Curves { title: growth.title, panels })
    };
    GROWTHS.iter().map(curves).filter(|(_, curves)| !curves.panels.is_empty()).collect()
}

impl Grown {
    /// With the ratio to the value of the number before.
    fn table(&self, title: &str, results: &Results) -> String {
        let (cells, peers) = (results.cells(self.figure), results.peers(self.figure));
        let value = |at: usize, peer: &str| {
            let value = results.value(self.figure, cells[at], peer)?;
            let before = cells[..at].last().and_then(|cell| results.value(self.figure, cell, peer));
            let ratio = before.map(|before| format!(" ({})", times(value / before)));
            Some((self.format)(value) + ratio.as_deref().unwrap_or(""))
        };
        let rows: Vec<_> = (0..cells.len())
            .map(|at| {
                let number = cells[at].parse().map_or_else(|_| cells[at].to_owned(), short);
                row(&number, peers.iter().map(|peer| value(at, peer)))
            })
            .collect();
        let title = format!("{title}: {} (ratio to the row above)", self.title);
        markdown(&title, "number", &peers, &rows)
    }

    fn lines<'a>(&self, results: &'a Results) -> Lines<'a> {
        let point = |peer: &str, cell: &str| {
            let (x, y) = (cell.parse().ok()?, results.value(self.figure, cell, peer)?);
            (x > 0.0 && y > 0.0).then_some((x, y))
        };
        let line = |peer: &'a str| {
            let cells = results.cells(self.figure).into_iter();
            (peer, cells.filter_map(|cell| point(peer, cell)).collect())
        };
        let lines = results.peers(self.figure).into_iter().map(line);
        Lines { title: self.title, lines: lines.collect(), format: self.format }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results() -> Results {
        Results::of(
            "head\ngrowth_topics,100,statusbus,200\ngrowth_topics,1000,statusbus,250\n\
             growth_topics,100,hand-v2,400\nload,-,start,1\n",
        )
    }

    #[test]
    fn a_row_has_the_ratio_to_the_row_above() {
        let tables = tables(&results());
        assert!(tables.contains("| number | statusbus | hand-v2 |"), "{tables}");
        assert!(tables.contains("\n| 100 | 200 | 400 |\n"), "{tables}");
        assert!(tables.contains("\n| 1.00 k | 250 (1.25×) | – |\n"), "{tables}");
        assert_eq!(tables.matches("| number |").count(), 1, "{tables}");
    }

    #[test]
    fn what_was_not_measured_has_no_panel() {
        let results = results();
        let curves = curves(&results);
        assert_eq!(curves.len(), 1);
        let (name, drawing) = &curves[0];
        assert_eq!((*name, drawing.panels.len()), ("growth-instructions", 1));
        let lines = &drawing.panels[0].lines;
        assert_eq!(lines[0], ("statusbus", vec![(100.0, 200.0), (1000.0, 250.0)]));
        assert_eq!(lines[1], ("hand-v2", vec![(100.0, 400.0)]));
    }
}
