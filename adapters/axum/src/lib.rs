#![cfg_attr(feature = "server", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "server"),
    doc = "HTTP delivery of a [statusbus](statusbus_tokio): event streams, publishing and retained values, \
           as a router that an axum application nests. The README has the whole description."
)]

// The layers, from the bottom: each imports only from those above it in this list.
mod access;
mod context;
mod endpoints;
mod format;
mod request;
mod routes;
#[cfg(feature = "server")]
mod server;
mod state;

pub use access::{Access, Authorize, Bearer, Caller, Decision, Denied, Grant, Target, TokenError};
#[cfg(feature = "jwt")]
pub use access::{Jwt, SecretError};
pub use request::OriginError;
pub use routes::Routes;
#[cfg(feature = "server")]
pub use server::Server;
pub use state::{Limits, ShutdownHandle};
