//! The delivery over HTTP, by what a client sees: a real server, a real connection.

#[path = "../support/mod.rs"]
mod support;

mod access;
mod api;
mod api_bodies;
mod bodies;
mod closing;
mod events;
mod formats;
mod hostile;
mod metrics;
mod page;
mod publish;
mod resume;
mod resume_points;
mod retained;
