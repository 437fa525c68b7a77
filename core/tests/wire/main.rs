//! Frames: their bytes, what comes through a line, and what a bad line or a hostile writer can do.
#![cfg(feature = "wire")]
#![allow(clippy::unwrap_used)] // helpers of tests; clippy knows only test functions

mod bytes;
mod damage;
mod hostile;
mod line;
mod sink;
mod support;
