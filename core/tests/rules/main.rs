//! The rules of the core (docs/design.md) in virtual time, as far as the traces in
//! tests/conformance cannot show them: memory, values that are dropped or come back, wake-ups, parts, the
//! order of telemetry, clocks that jump.

#[path = "../support/mod.rs"]
#[allow(dead_code, unused_imports)] // shared: each test program uses a part of it
mod support;

mod batches;
mod bulk;
mod clock;
mod close;
mod due;
mod expiry;
mod flush;
mod frozen;
mod gaps;
mod input;
mod ledger;
mod memory;
mod names;
mod order;
mod overflow;
mod parts;
mod receipts;
mod reconfigure;
mod runs;
mod telemetry;
mod wake;
