//! Phoenix channels over a WebSocket, against the router as applications nest it: in memory and in
//! virtual time.

#![allow(clippy::panic)] // what helps a test says by a panic what went wrong, as a test does

mod support;

#[path = "../support/api.rs"]
#[allow(dead_code)] // each test program uses its part
mod description;

mod access;
mod api;
mod dialogue;
mod hostile;
mod life;
mod metrics;
mod served;
