//! Deliveries per second, allocations, memory and latency, by the clock, on two workers.
//!
//! `throughput [--rounds N] [PEER …]`. The rounds are interleaved: each runs every peer once, so
//! that what else the machine does meets all alike.

use statusbus_bench::CONTENDERS;
use statusbus_bench::alloc::Counting;
use statusbus_bench::cell::{CELLS, Cell};
use statusbus_bench::drive::{Contender, Latency};
use statusbus_bench::peer::BURST;
use statusbus_bench::table::{print, quantile, short, span};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    let mut rounds = 5;
    let mut names = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--rounds" {
            rounds = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(rounds).max(1);
        } else {
            names.push(argument);
        }
    }
    let peers: Vec<&Contender> = CONTENDERS
        .iter()
        .enumerate()
        .filter(|(i, peer)| *i == 0 || names.is_empty() || names.iter().any(|n| n == peer.name))
        .map(|(_, peer)| peer)
        .collect();
    let mut head = vec!["subscribers x topics".to_owned()];
    head.extend(peers.iter().map(|peer| peer.name.to_owned()));

    rates(&peers, &head, rounds);
    memory(&peers, &head);
    latencies(&peers, rounds);
}

/// How long one timing takes, about: long beside the millisecond to which its end is known.
const SECONDS: f64 = 0.4;

/// Enough to get to know a peer.
fn few(cell: Cell) -> u64 {
    if cell.subscribers == 1000 { 2000 } else { 100_000 }
}

/// As many messages as the peer delivers in [`SECONDS`].
fn enough(peer: &Contender, cell: Cell) -> u64 {
    let rate = (peer.rate)(cell, few(cell)) / cell.readers_per_message() as f64;
    ((rate * SECONDS) as u64).next_multiple_of(BURST as u64)
}

fn rates(peers: &[&Contender], head: &[String], rounds: usize) {
    let row = |cell: Cell| {
        let messages: Vec<u64> = peers.iter().map(|peer| enough(peer, cell)).collect();
        let mut samples = vec![Vec::new(); peers.len()];
        for _ in 0..rounds {
            for ((peer, messages), samples) in peers.iter().zip(&messages).zip(&mut samples) {
                samples.push((peer.rate)(cell, *messages));
            }
        }
        let reference = samples[0].clone();
        let mut row = vec![cell.name()];
        for mut samples in samples {
            let mut ratios: Vec<f64> =
                samples.iter().zip(&reference).map(|(rate, reference)| rate / reference).collect();
            let ratio = quantile(&mut ratios, 0.5);
            row.push(format!("{} ({ratio:.2})", short(quantile(&mut samples, 0.5))));
        }
        row
    };
    let title = format!(
        "Deliveries per second, median of {rounds} interleaved rounds (median ratio to {})",
        peers[0].name
    );
    print(&title, head, &CELLS.map(row));
}

fn memory(peers: &[&Contender], head: &[String]) {
    let row = |cell: Cell| {
        let mut row = vec![cell.name()];
        for peer in peers {
            let memory = (peer.memory)(cell, few(cell));
            let peak = memory.peak as f64 / 1024.0;
            row.push(format!("{:.3} ({peak:.0} KiB)", memory.allocations));
        }
        row
    };
    print("Allocations per message (peak memory, start-up included)", head, &CELLS.map(row));
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
    let rows: Vec<Vec<String>> = peers
        .iter()
        .zip(&mut samples)
        .map(|(peer, Latency { first, steady, send })| {
            let figures = [(first, 0.5), (steady, 0.5), (send, 0.5)];
            let [first, steady_50, send_50] =
                figures.map(|(values, share)| span(quantile(values, share)));
            let steady_99 = span(quantile(steady, 0.99));
            let send_99 = span(quantile(send, 0.99));
            vec![peer.name.to_owned(), first, steady_50, steady_99, send_50, send_99]
        })
        .collect();
    let head = ["peer", "first after idle p50", "steady p50", "steady p99", "send p50", "send p99"];
    print(
        "Latency, one subscriber, sent from a thread outside the runtime",
        &head.map(str::to_owned),
        &rows,
    );
}
