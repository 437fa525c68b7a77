//! The cost of many readers, and the effect of one that never reads on the others.
//!
//! ```sh
//! cargo run --release -p statusbus-axum --example load              # one of 1,000 readers never reads
//! cargo run --release -p statusbus-axum --example load -- fan 100   # deliveries a second
//! cargo run --release -p statusbus-axum --example load -- sockets 1000
//! cargo run --release -p statusbus-axum --example load -- idle 10000
//! cargo run --release -p statusbus-axum --example load -- reconnect 1000   # with 100,000 retained values
//! ```
//!
//! The server is a separate process, and its processor time and memory are measured separately. On a
//! shared machine, rely on the alternating measurements and on processor time.

mod fan;
mod idle;
mod reconnect;
mod served;
mod server;
mod slow;

use std::error::Error;

pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const HELP: &str =
    "slow [readers] | fan [readers] | sockets [clients] | idle [readers] | reconnect [readers]";

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let what = arguments.first().map_or("slow", String::as_str);
    if what == "serve" {
        return server::run(arguments.get(1).map_or("quiet", String::as_str));
    }
    let many = |default| arguments.get(1).map_or(Ok(default), |count| count.parse());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match what {
        "slow" => runtime.block_on(slow::measure(many(1_000)?)),
        "fan" => runtime.block_on(fan::measure(fan::Over::EventStreams, many(100)?)),
        "sockets" => runtime.block_on(fan::measure(fan::Over::Sockets, many(1_000)?)),
        "reconnect" => runtime.block_on(reconnect::measure(many(1_000)?)),
        "idle" => runtime.block_on(idle::measure(many(10_000)?)),
        other => Err(format!("{other:?} is none of: {HELP}").into()),
    }
}

/// Maximum memory of a reader in KiB, its connection included, without the operating system's part.
pub(crate) const A_READER: u64 = 20;

/// The clock that server and readers share, in microseconds.
pub(crate) fn micros() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_micros()).unwrap_or(u64::MAX)
}

/// Prints a line.
pub(crate) fn print_line(line: &str) -> Outcome<()> {
    use std::io::Write;
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
