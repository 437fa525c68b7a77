//! The slowest of many sends to a bus whose runner does not run, as CSV on standard output.
//!
//! `worst [--runs N] [SCENARIO …]`

use statusbus_bench::worst::SCENARIOS;

fn main() {
    let mut runs = 15;
    let mut names = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--runs" => match arguments.next().and_then(|n| n.parse().ok()) {
                Some(n) if n > 0 => runs = n,
                _ => usage(),
            },
            name if SCENARIOS.iter().any(|scenario| scenario.name == name) => names.push(argument),
            _ => usage(),
        }
    }
    println!("figure,cell,peer,value");
    for scenario in SCENARIOS {
        if !names.is_empty() && !names.iter().any(|name| name == scenario.name) {
            continue;
        }
        let times = scenario.run(runs);
        let row = |figure, value: f64| println!("{figure},{},statusbus,{value}", scenario.name);
        for (figure, share) in [("worst_p50", 0.5), ("worst_p99", 0.99), ("worst_p999", 0.999)] {
            row(figure, f64::from(times.quantile(share)));
        }
        let (position, worst) = times.worst();
        row("worst_max", f64::from(worst));
        row("worst_at", position as f64);
    }
}

fn usage() -> ! {
    eprintln!("usage: worst [--runs N] [SCENARIO …]");
    for scenario in SCENARIOS {
        eprintln!("  {:11} {}", scenario.name, scenario.title);
    }
    std::process::exit(2);
}
