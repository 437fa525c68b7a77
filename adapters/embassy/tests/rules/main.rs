//! The rules of this adapter, in virtual time.

#[path = "../support/mod.rs"]
mod support;

mod frames;
