//! The HTTP delivery as clients see it: a real server, real connections.

#[path = "../support/mod.rs"]
mod support;

mod access;
mod api;
mod api_bodies;
mod bodies;
mod dashboard;
mod dots;
mod events;
mod formats;
mod hostile;
mod metrics;
mod publish;
mod resume;
mod resume_points;
mod retained;
mod shutdown;
mod snapshots;
