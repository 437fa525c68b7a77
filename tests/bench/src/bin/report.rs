//! Tables and plots of results: `report FOLDER` reads `FOLDER/*.csv` and writes `README.md` and the
//! plots there; `report --print FOLDER` prints the tables.

use std::path::Path;

use statusbus_bench::growth;
use statusbus_bench::plot::{Panel, Plot};
use statusbus_bench::results::Results;
use statusbus_bench::table::{bytes, markdown, nanos, row, short, times, whole};
use statusbus_bench::worst::SCENARIOS;

/// A figure of each cell: one table, and one plot relative to the hand-made bus.
struct Figure {
    name: &'static str,
    title: &'static str,
    /// A second figure, in brackets.
    beside: Option<(&'static str, Format)>,
    format: Format,
}

type Format = fn(f64) -> String;

const FIGURES: [Figure; 7] = [
    Figure {
        name: "instructions",
        title: "Instructions per message, send to delivery (of which send)",
        beside: Some(("send", whole)),
        format: whole,
    },
    Figure {
        name: "atomics",
        title: "Locked instructions per message, send to delivery (of which send)",
        beside: Some(("atomics_send", one_digit)),
        format: two_digits,
    },
    Figure {
        name: "deliveries",
        title: "Deliveries a second (ratio to the hand-made bus)",
        beside: Some(("ratio", two_digits)),
        format: short,
    },
    Figure { name: "cpu", title: "CPU time per message", beside: None, format: nanos },
    Figure {
        name: "lost",
        title: "Messages that were merged, dropped or expired in these cells, on two workers",
        beside: None,
        format: percent,
    },
    Figure {
        name: "allocations",
        title: "Allocations per message",
        beside: None,
        format: three_digits,
    },
    Figure { name: "peak", title: "Peak memory, start-up included", beside: None, format: bytes },
];

/// What has one value for each peer: figure, cell, name of the column, format.
type Column = (&'static str, &'static str, &'static str, Format);

const SENDS: &[Column] = &[
    ("send_p50", "p1", "1 producer p50", nanos),
    ("send_p99", "p1", "p99", nanos),
    ("send_p999", "p1", "p99.9", nanos),
    ("send_p50", "p2", "2 producers p50", nanos),
    ("send_p99", "p2", "p99", nanos),
    ("send_p999", "p2", "p99.9", nanos),
    ("send_p50", "p4", "4 producers p50", nanos),
    ("send_p99", "p4", "p99", nanos),
    ("send_p999", "p4", "p99.9", nanos),
];

const LATENCIES: &[Column] = &[
    ("first_p50", "-", "first after idle p50", nanos),
    ("steady_p50", "-", "steady p50", nanos),
    ("steady_p99", "-", "steady p99", nanos),
    ("trickle_send_p50", "-", "send p50", nanos),
    ("trickle_send_p99", "-", "send p99", nanos),
];

const IDLE: &[Column] = &[
    ("idle", "-", "wake-ups in 10 s", whole),
    ("undrained_bytes", "-", "memory of 1 M unread", bytes),
    ("undrained_lost", "-", "lost of them", short),
    ("topic_bytes", "-", "per idle topic", bytes),
    ("topic_bytes_sent", "-", "after a message", bytes),
];

/// A figure of statusbus alone, name of the column, format.
type Own = (&'static str, &'static str, Format);

/// The slowest sends.
const WORST: &[Own] = &[
    ("worst_p50", "p50", nanos),
    ("worst_p99", "p99", nanos),
    ("worst_p999", "p99.9", nanos),
    ("worst_max", "slowest", nanos),
    ("worst_at", "which one", whole),
];

/// Instructions while the queue is locked.
const HELD: &[Own] = &[("held_p50", "median", whole), ("held_max", "most", whole)];

/// A load average above this disturbs the figures by the clock.
const BUSY: f64 = 0.5;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folder, prints) = match &arguments[..] {
        [folder] => (Path::new(folder), false),
        [flag, folder] if flag == "--print" => (Path::new(folder), true),
        _ => {
            eprintln!("usage: report [--print] FOLDER");
            std::process::exit(2);
        }
    };
    let results = Results::read(folder)?;
    let mut page = tables(&results);
    if prints {
        print!("{page}");
        return Ok(());
    }
    for (name, plot) in plots(&results) {
        std::fs::write(folder.join(format!("{name}.svg")), plot.svg())?;
        page += &format!("\n![{}]({name}.svg)\n", plot.title);
    }
    for (name, curves) in growth::curves(&results) {
        std::fs::write(folder.join(format!("{name}.svg")), curves.svg())?;
        page += &format!("\n![{}]({name}.svg)\n", curves.title);
    }
    let mut head =
        "# Results\n\nWritten by `report`; the README of the benchmarks explains the figures. \
                    `–`: not measured, or this peer cannot do the work of the cell.\n"
            .to_owned();
    if let Some(load) = results.value("load", "-", "start").filter(|load| *load > BUSY) {
        head += &format!(
            "\n**Not from an idle machine**: the load was {load:.1} when the figures by the clock began. \
             Deliveries a second, send times and latencies vary by a factor of two from run to run; \
             instructions, allocations and memory do not depend on it.\n"
        );
    }
    std::fs::write(folder.join("README.md"), format!("{head}{page}"))
}

fn tables(results: &Results) -> String {
    let mut page = String::new();
    for figure in &FIGURES {
        let peers = results.peers(figure.name);
        let value = |cell: &str, peer: &str| {
            let value = results.value(figure.name, cell, peer).map(figure.format)?;
            let beside = figure
                .beside
                .and_then(|(beside, format)| results.value(beside, cell, peer).map(format));
            Some(beside.map_or_else(|| value.clone(), |beside| format!("{value} ({beside})")))
        };
        let rows: Vec<Vec<String>> = results
            .cells(figure.name)
            .into_iter()
            .map(|cell| row(cell, peers.iter().map(|peer| value(cell, peer))))
            .collect();
        page += &markdown(figure.title, "subscribers x topics", &peers, &rows);
    }
    let pushes: Vec<_> = results
        .peers("push")
        .into_iter()
        .map(|queue| row(queue, [results.value("push", "-", queue).map(whole)]))
        .collect();
    page += &markdown("Instructions per bare 64-byte push", "queue", &["push"], &pushes);
    for (title, columns) in [
        ("Time of a send on one, two and four threads (the clock included)", SENDS),
        ("Latency, one subscriber, sent from a thread outside the runtime", LATENCIES),
        ("Idle wake-ups; memory", IDLE),
    ] {
        let rows: Vec<_> = results
            .peers(columns[0].0)
            .into_iter()
            .map(|peer| {
                let value = |column: &Column| results.value(column.0, column.1, peer).map(column.3);
                row(peer, columns.iter().map(value))
            })
            .collect();
        let names: Vec<&str> = columns.iter().map(|(_, _, name, _)| *name).collect();
        page += &markdown(title, "peer", &names, &rows);
    }
    let held = results.cells("held_p50").into_iter().map(|cell| (cell, cell));
    page += &own("Instructions of a send of statusbus under the lock", "cell", HELD, results, held);
    let worst = SCENARIOS.iter().map(|scenario| (scenario.name, scenario.title));
    page += &own("Slowest sends of statusbus (the clock included)", "sends", WORST, results, worst);
    page + &growth::tables(results)
}

/// Figures of statusbus alone: a row for each cell, which has a title.
fn own<'a>(
    title: &str,
    first: &str,
    columns: &[Own],
    results: &Results,
    cells: impl Iterator<Item = (&'a str, &'a str)>,
) -> String {
    let value =
        |cell, (figure, _, format): &Own| results.value(figure, cell, "statusbus").map(format);
    let rows: Vec<_> = cells
        .filter(|(cell, _)| value(cell, &columns[0]).is_some())
        .map(|(cell, title)| row(title, columns.iter().map(|column| value(cell, column))))
        .collect();
    let names: Vec<&str> = columns.iter().map(|(_, name, _)| *name).collect();
    markdown(title, first, &names, &rows)
}

fn plots(results: &Results) -> Vec<(&'static str, Plot<'_>)> {
    let mut plots = Vec::new();
    let per_cell = [
        ("instructions", "Instructions per message beside the hand-made bus (left is better)"),
        ("atomics", "Locked instructions per message beside the hand-made bus (left is better)"),
        ("deliveries", "Deliveries a second beside the hand-made bus (right is better)"),
        ("cpu", "CPU time per message beside the hand-made bus (left is better)"),
        ("allocations", "Allocations per message beside the hand-made bus (left is better)"),
        ("peak", "Peak memory beside the hand-made bus (left is better)"),
    ];
    for (name, title) in per_cell {
        let format = FIGURES.iter().find(|figure| figure.name == name).map(|found| found.format);
        let panels: Vec<_> = results
            .cells(name)
            .into_iter()
            .map(|cell| {
                let reference = results
                    .reference(name, cell)
                    .and_then(|peer| results.value(name, cell, peer))
                    .filter(|value| *value > 0.0);
                panel(results, name, cell, cell.to_owned(), format.unwrap_or(whole), reference)
            })
            .collect();
        plots.push((name, Plot { title, panels }));
    }
    let absolute = [
        ("send", "Time of a send, nanoseconds (left is better)", SENDS),
        ("latency", "Send to read, nanoseconds (left is better)", &LATENCIES[..3]),
        ("idle", "Wake-ups in 10 s without a message (left is better)", &IDLE[..1]),
    ];
    for (name, title, columns) in absolute {
        let panels = columns
            .iter()
            .map(|(figure, cell, column, format)| {
                let title = match cell.strip_prefix('p') {
                    Some("1") if !column.contains("producer") => format!("1 producer {column}"),
                    Some(producers) if !column.contains("producer") => {
                        format!("{producers} producers {column}")
                    }
                    _ => (*column).to_owned(),
                };
                panel(results, figure, cell, title, *format, None)
            })
            .collect();
        plots.push((name, Plot { title, panels }));
    }
    plots.retain(|(_, plot)| plot.panels.iter().any(|panel| !panel.bars.is_empty()));
    plots
}

fn panel<'a>(
    results: &'a Results,
    figure: &str,
    cell: &str,
    title: String,
    format: Format,
    reference: Option<f64>,
) -> Panel<'a> {
    let bar = |peer| {
        let value = results.value(figure, cell, peer)?;
        let ratio = reference.map(|reference| format!(" ({})", times(value / reference)));
        Some((peer, value, format(value) + ratio.as_deref().unwrap_or("")))
    };
    let bars = results.peers(figure).into_iter().filter_map(bar).collect();
    Panel { title, bars, reference }
}

fn one_digit(value: f64) -> String {
    format!("{value:.1}")
}

fn two_digits(value: f64) -> String {
    format!("{value:.2}")
}

fn three_digits(value: f64) -> String {
    format!("{value:.3}")
}

fn percent(value: f64) -> String {
    format!("{:.1} %", 100.0 * value)
}
