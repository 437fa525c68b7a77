//! Phoenix channels over a WebSocket, against the nested router: in memory and in virtual time.

#![allow(clippy::panic)] // a panic is a test failure, in helpers, too

mod support;

#[path = "../support/api.rs"]
#[allow(dead_code)] // each test program uses a part of it
mod description;

mod access;
mod api;
mod dialogue;
mod hostile;
mod life;
mod metrics;
mod served;
