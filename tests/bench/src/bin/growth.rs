//! Whether the cost of statusbus and of some peers grows in proportion to the number of conversations, as
//! CSV on standard output. The instructions are counted by `growth.sh`.
//!
//! - `growth memory [--most N] [PEER …]`: bytes for each conversation, before and after an update of it
//! - `growth sends [--most N] [--rounds N] [PEER …]`: p50 and p99 of a send to one of so many conversations, by
//!   handle and by name
//!
//! `--most` leaves out the larger numbers of conversations.

use std::process::exit;

use statusbus_bench::CONTENDERS;
use statusbus_bench::alloc::Counting;
use statusbus_bench::cell::{Cell, Work};
use statusbus_bench::drive::Contender;
use statusbus_bench::table::quantile;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The peers if none are named, and with how many topics they are measured at most: a channel for each of
/// 1 M topics takes gigabytes.
const PEERS: [(&str, usize); 4] = [
    ("statusbus", usize::MAX),
    ("hand-v2", usize::MAX),
    ("bcast-dashmap", 100_000),
    ("bcast-handle", 100_000),
];

/// The peers whose sends are timed. With many topics, the channel of one is too small for others to be paced
/// by what is unread in all of them.
const TIMED_PEERS: [&str; 2] = ["statusbus", "hand-v2"];

/// Bytes are counted beyond those with this many conversations.
const FEW: usize = 100;

/// How many sends are timed in each round.
const TIMED: u64 = 200_000;

struct Options {
    most: usize,
    rounds: usize,
    peers: Vec<(&'static Contender, usize)>,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let measure: fn(&Options) = match arguments.next().as_deref() {
        Some("memory") => memory,
        Some("sends") => sends,
        _ => usage(),
    };
    let options = Options::parse(arguments);
    println!("figure,cell,peer,value");
    measure(&options);
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Self {
        let mut options = Self { most: 1_000_000, rounds: 5, peers: Vec::new() };
        while let Some(argument) = arguments.next() {
            let mut number = || arguments.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0);
            match &*argument {
                "--most" => options.most = number().unwrap_or_else(|| usage()),
                "--rounds" => options.rounds = number().unwrap_or_else(|| usage()),
                name => options.peers.push(peer(name, usize::MAX)),
            }
        }
        if options.peers.is_empty() {
            options.peers.extend(PEERS.map(|(name, most)| peer(name, most)));
        }
        options
    }

    /// The peers that are measured with so many topics.
    fn peers(&self, topics: usize) -> impl Iterator<Item = &'static Contender> {
        let most = self.most;
        let able = move |limit: usize| topics <= limit.min(most);
        self.peers.iter().filter(move |(_, limit)| able(*limit)).map(|(peer, _)| *peer)
    }
}

fn peer(name: &str, most: usize) -> (&'static Contender, usize) {
    let found = CONTENDERS.iter().find(|peer| peer.name == name);
    (found.unwrap_or_else(|| usage()), most)
}

fn usage() -> ! {
    eprintln!("usage: growth memory|sends [--most N] [--rounds N] [PEER …]");
    exit(2);
}

fn memory(options: &Options) {
    for topics in [1000, 10_000, 100_000, 1_000_000] {
        for peer in options.peers(topics) {
            let (few, many) = ((peer.idle_topics)(FEW), (peer.idle_topics)(topics));
            let each = |when: usize| (many[when] - few[when]) / (topics - FEW) as f64;
            println!("conversation_bytes,{topics},{},{:.1}", peer.name, each(0));
            println!("conversation_bytes_sent,{topics},{},{:.1}", peer.name, each(1));
        }
    }
}

fn sends(options: &Options) {
    for topics in [1, 100, 10_000, 1_000_000] {
        for (figure, work) in [("growth_send", Work::Plain), ("growth_named", Work::Named)] {
            let cell = Cell::new(1, topics, 1).with_work(work);
            let able = |peer: &&Contender| peer.does(cell) && TIMED_PEERS.contains(&peer.name);
            for peer in options.peers(topics).filter(able) {
                let mut samples = [const { Vec::new() }; 2];
                for _ in 0..options.rounds {
                    let mut took = (peer.sends)(cell, TIMED);
                    samples[0].push(quantile(&mut took, 0.5));
                    samples[1].push(quantile(&mut took, 0.99));
                }
                for (share, samples) in ["p50", "p99"].iter().zip(&mut samples) {
                    let value = quantile(samples, 0.5);
                    println!("{figure}_{share},{topics},{},{value}", peer.name);
                }
            }
        }
    }
}
