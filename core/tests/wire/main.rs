//! The wire format: each rule of docs/wire.md by its number, and what a bad line or a hostile writer
//! can do.
#![cfg(feature = "wire")]
#![allow(clippy::unwrap_used)] // helpers of tests; clippy knows only test functions

mod damage;
mod example;
mod frames;
mod hostile;
mod records;
mod sink;
mod support;
