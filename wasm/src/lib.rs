#![doc = include_str!("crate.md")]
#![cfg_attr(target_arch = "wasm32", no_std)]
#![deny(unsafe_code)]

extern crate alloc;

mod boxed;
mod engine;
mod exports;
#[cfg(target_arch = "wasm32")]
mod memory;
mod packed;
mod report;
mod stored;
mod table;
