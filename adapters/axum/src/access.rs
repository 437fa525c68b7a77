//! Access control: the caller of a request, the decision about what it may do, and the policies that
//! this crate provides.

mod authorize;
mod bearer;
mod caller;
#[cfg(feature = "jwt")]
mod jwt;
mod loopback;

pub use authorize::{Access, Authorize, Decision, Denied, Grant, Target};
pub use bearer::{Bearer, TokenError};
pub use caller::Caller;
#[cfg(feature = "jwt")]
pub use jwt::{Jwt, SecretError};
pub(crate) use loopback::LoopbackOnly;
