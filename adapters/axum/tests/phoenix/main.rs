//! Phoenix channels over a WebSocket, against the router as applications nest it: in memory and in
//! virtual time.

#![allow(clippy::panic)] // what helps a test says by a panic what went wrong, as a test does

mod support;

mod access;
mod hostile;
mod life;
mod served;
