#![doc = include_str!("../README.md")]

mod api;
mod authorize;
mod caller;
mod closing;
mod context;
mod format;
mod health;
mod health_figures;
mod limits;
mod metrics;
mod origin;
mod page;
mod phoenix;
mod problem;
mod publish;
mod request;
mod retained;
mod routes;
mod seats;
mod server;
mod shape;
mod sse;

pub use authorize::bearer::{Bearer, TokenError};
#[cfg(feature = "jwt")]
pub use authorize::jwt::{Jwt, SecretError};
pub use authorize::{Access, Authorize, Decision, Denied, Grant, Target};
pub use caller::Caller;
pub use closing::Closing;
pub use limits::Limits;
pub use origin::OriginError;
pub use routes::Routes;
pub use server::Server;
