#![doc = include_str!("crate.md")]
#![cfg_attr(target_arch = "wasm32", no_std)]
#![deny(unsafe_code)]

extern crate alloc;

mod engine;
mod exports;
mod held;
#[cfg(target_arch = "wasm32")]
mod memory;
mod report;
mod table;
mod word;
