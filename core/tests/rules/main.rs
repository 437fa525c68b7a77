//! The rules of the core (DESIGN.md, section 3), one test for each sentence, in virtual time.

#[path = "../support/mod.rs"]
#[allow(dead_code, unused_imports)] // shared: each test program speaks a part of it
mod support;

mod batches;
mod close;
mod due;
mod expiry;
mod flush;
mod gaps;
mod input;
mod ledger;
mod memory;
mod names;
mod order;
mod output;
mod overflow;
mod parts;
mod reconfigure;
mod telemetry;
mod topics;
mod wake;
