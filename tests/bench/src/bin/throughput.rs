//! The figures by the clock, on two workers, and those of memory, as CSV on standard output.
//!
//! `throughput [--grid] [--quick] [--rounds N] [--cell CELL]… [PEER …]`. The rounds are interleaved: each
//! runs every peer once, so that what else the machine does meets all alike. With `--cell`, only the
//! figures of these cells; with `--quick`, small sizes, which only show that it works.

use std::time::Duration;

use statusbus_bench::CONTENDERS;
use statusbus_bench::alloc::Counting;
use statusbus_bench::cell::{CELLS, Cell, FULL_ROUND, Work};
use statusbus_bench::drive::{Contender, Latency};
use statusbus_bench::peer::BURST;
use statusbus_bench::table::quantile;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Sizes {
    rounds: usize,
    /// How long one timing takes, about: long beside the millisecond to which its end is known.
    seconds: f64,
    /// How long the bus is idle for the count of wake-ups.
    idle: Duration,
    /// How many messages are offered while no reader runs.
    offered: u64,
    /// How many sends are timed, one by one, with each number of producers.
    timed: u64,
}

const SIZES: Sizes = Sizes {
    rounds: 5,
    seconds: 0.4,
    idle: Duration::from_secs(10),
    offered: 1_000_000,
    timed: 200_000,
};

const QUICK: Sizes = Sizes {
    rounds: 1,
    seconds: 0.02,
    idle: Duration::from_millis(100),
    offered: 20_000,
    timed: 4000,
};

fn main() {
    let (mut sizes, mut rounds, mut grid) = (SIZES, None, false);
    let (mut names, mut cells) = (Vec::new(), Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--grid" => grid = true,
            "--quick" => sizes = QUICK,
            "--rounds" => match arguments.next().and_then(|n| n.parse().ok()) {
                Some(n) if n > 0 => rounds = Some(n),
                _ => usage(),
            },
            "--cell" => match arguments.next().and_then(|name| Cell::named(&name)) {
                Some(cell) => cells.push(cell),
                None => usage(),
            },
            name if CONTENDERS.iter().any(|peer| peer.name == name) => names.push(argument),
            _ => usage(),
        }
    }
    sizes.rounds = rounds.unwrap_or(sizes.rounds);
    let is_chosen = |name: &str| names.is_empty() || names.iter().any(|chosen| chosen == name);
    let peers: Vec<&Contender> =
        CONTENDERS.iter().filter(|peer| peer.name == "hand-v2" || is_chosen(peer.name)).collect();

    println!("figure,cell,peer,value");
    if let Some(load) = load() {
        println!("load,-,start,{load}");
    }
    if grid {
        Cell::grid().for_each(|cell| rates(&peers, cell, &sizes));
        return;
    }
    for cell in if cells.is_empty() { &CELLS } else { &*cells } {
        rates(&peers, *cell, &sizes);
        memory(&peers, *cell);
    }
    if !cells.is_empty() {
        return;
    }
    latencies(&peers, sizes.rounds);
    for producers in [1, 2, 4] {
        sends(&peers, producers, &sizes);
    }
    for peer in peers {
        let row = |figure, value| row(figure, "-", peer, value);
        row("idle", (peer.idle)(sizes.idle) as f64);
        let undrained = (peer.undrained)(sizes.offered);
        row("undrained_bytes", undrained.bytes as f64);
        row("undrained_lost", undrained.lost as f64);
        let (few, many) = ((peer.idle_topics)(100), (peer.idle_topics)(10_000));
        row("topic_bytes", (many[0] - few[0]) / 9900.0);
        row("topic_bytes_sent", (many[1] - few[1]) / 9900.0);
    }
}

fn usage() -> ! {
    eprintln!("usage: throughput [--grid] [--quick] [--rounds N] [--cell CELL]… [PEER …]");
    let names: Vec<&str> = CONTENDERS.iter().map(|peer| peer.name).collect();
    eprintln!("peers: {}", names.join(" "));
    std::process::exit(2);
}

/// The load average of the last minute. None is known outside of Linux.
fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

fn row(figure: &str, cell: impl std::fmt::Display, peer: &Contender, value: f64) {
    println!("{figure},{cell},{},{value:.4}", peer.name);
}

fn able<'a>(peers: &[&'a Contender], cell: Cell) -> Vec<&'a Contender> {
    peers.iter().copied().filter(|peer| peer.does(cell)).collect()
}

/// Enough to get to know a peer.
fn few(cell: Cell) -> u64 {
    if cell.subscribers == 1000 { 4000 } else { 100_000 }
}

/// As many messages as the peer delivers in this time.
fn enough(peer: &Contender, cell: Cell, seconds: f64) -> u64 {
    let rate = (peer.rate)(cell, few(cell)).deliveries / cell.readers_per_message() as f64;
    let unit = if cell.work == Work::Full { FULL_ROUND } else { BURST as u64 };
    ((rate * seconds) as u64).next_multiple_of(unit * cell.producers as u64)
}

fn rates(peers: &[&Contender], cell: Cell, sizes: &Sizes) {
    let peers = able(peers, cell);
    let messages: Vec<u64> = peers.iter().map(|peer| enough(peer, cell, sizes.seconds)).collect();
    let mut samples = vec![Vec::new(); peers.len()];
    for _ in 0..sizes.rounds {
        for ((peer, messages), samples) in peers.iter().zip(&messages).zip(&mut samples) {
            samples.push((peer.rate)(cell, *messages));
        }
    }
    let has_rival = peers.iter().any(|peer| peer.name != "statusbus");
    let reference: Vec<f64> = samples[0].iter().map(|rate| rate.deliveries).collect();
    for (peer, samples) in peers.iter().zip(samples) {
        let mut rates: Vec<f64> = samples.iter().map(|rate| rate.deliveries).collect();
        let mut ratios: Vec<f64> = rates.iter().zip(&reference).map(|(a, b)| a / b).collect();
        row("deliveries", cell, peer, quantile(&mut rates, 0.5));
        if has_rival {
            row("ratio", cell, peer, quantile(&mut ratios, 0.5));
        }
        let mut cpu: Vec<f64> = samples.iter().map(|rate| rate.cpu).collect();
        row("cpu", cell, peer, quantile(&mut cpu, 0.5));
        if cell.work.loses() {
            let mut lost: Vec<f64> = samples.iter().map(|rate| rate.lost).collect();
            row("lost", cell, peer, quantile(&mut lost, 0.5));
        }
    }
}

fn memory(peers: &[&Contender], cell: Cell) {
    for peer in able(peers, cell) {
        let memory = (peer.memory)(cell, few(cell));
        row("allocations", cell, peer, memory.allocations);
        row("peak", cell, peer, memory.peak as f64);
    }
}

fn latencies(peers: &[&Contender], rounds: usize) {
    let mut samples = vec![Latency::default(); peers.len()];
    for _ in 0..rounds {
        for (peer, samples) in peers.iter().zip(&mut samples) {
            let Latency { first, steady, send } = (peer.latency)();
            samples.first.extend(first);
            samples.steady.extend(steady);
            samples.send.extend(send);
        }
    }
    for (peer, Latency { mut first, mut steady, mut send }) in peers.iter().zip(samples) {
        let row = |figure, values: &mut Vec<Duration>, share| {
            row(figure, "-", peer, quantile(values, share).as_nanos() as f64);
        };
        row("first_p50", &mut first, 0.5);
        row("steady_p50", &mut steady, 0.5);
        row("steady_p99", &mut steady, 0.99);
        row("trickle_send_p50", &mut send, 0.5);
        row("trickle_send_p99", &mut send, 0.99);
    }
}

fn sends(peers: &[&Contender], producers: usize, sizes: &Sizes) {
    let cell = CELLS[0].with_producers(producers);
    let peers = able(peers, cell);
    // Each round gives a sample of each quantile, so that one disturbed round does not decide.
    let mut samples = vec![[const { Vec::new() }; 3]; peers.len()];
    for _ in 0..sizes.rounds {
        for (peer, samples) in peers.iter().zip(&mut samples) {
            let mut took = (peer.sends)(cell, sizes.timed);
            for (samples, share) in samples.iter_mut().zip([0.5, 0.99, 0.999]) {
                samples.push(quantile(&mut took, share));
            }
        }
    }
    for (peer, mut samples) in peers.iter().zip(samples) {
        for (figure, samples) in ["send_p50", "send_p99", "send_p999"].iter().zip(&mut samples) {
            row(figure, format!("p{producers}"), peer, f64::from(quantile(samples, 0.5)));
        }
    }
}
