//! What runs under callgrind; `instructions.sh` runs it and makes the table.
//!
//! `instructions list` prints every line it can be called with, without the number of messages:
//! `bus PEER CELL` or `push QUEUE`.

use statusbus_bench::CONTENDERS;
use statusbus_bench::cell::{CELLS, Cell};
use statusbus_bench::push::QUEUES;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if run(&arguments).is_none() {
        eprintln!("usage: instructions list | bus PEER CELL MESSAGES | push QUEUE MESSAGES");
        std::process::exit(2);
    }
}

fn run(arguments: &[&str]) -> Option<()> {
    match arguments {
        ["list"] => {
            for cell in CELLS {
                for peer in CONTENDERS.iter().filter(|peer| peer.does(cell)) {
                    println!("bus {} {cell}", peer.name);
                }
            }
            for queue in QUEUES {
                println!("push {}", queue.name);
            }
        }
        ["bus", peer, cell, messages] => {
            let peer = CONTENDERS.iter().find(|contender| contender.name == *peer)?;
            let cell = Cell::named(cell).filter(|cell| peer.does(*cell) && cell.producers == 1)?;
            (peer.one_thread)(cell, messages.parse().ok()?);
        }
        ["push", queue, messages] => {
            let queue = QUEUES.iter().find(|pushes| pushes.name == *queue)?;
            (queue.run)(messages.parse().ok()?);
        }
        _ => return None,
    }
    Some(())
}
