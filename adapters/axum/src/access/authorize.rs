//! The authorization hook and its vocabulary.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::SystemTime;

use super::caller::Caller;

/// An operation that a caller requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access<'a> {
    /// Read from now on.
    Read(Target<'a>),
    /// Resume an earlier read at its position. Each resume is authorized again.
    Resume(Target<'a>),
    /// Publish an update. Decided once for each distinct target in a request.
    Publish(Target<'a>),
    /// Read metrics and stats, which contain no conversation names.
    Observe,
}

/// The subject of a read, a resume or a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target<'a> {
    /// One conversation. The name has not been validated yet, so it may be an invalid one.
    Conversation(&'a str),
    /// The system-wide updates.
    System,
    /// All conversations and the system-wide updates. Also the target of the check before a request
    /// body is read: see [`Authorize::admit_publisher`].
    Everything,
}

/// A pending decision: a boxed future, so that the hook can consult a session store or another
/// service. Costs one allocation.
pub type Decision<'a, T = Grant> = Pin<Box<dyn Future<Output = Result<T, Denied>> + Send + 'a>>;

/// Authorization hook: decides each read, each resume and each publish.
///
/// A decision is a future and may take its time; over a Phoenix socket it is abandoned after 10 s and
/// the join is refused with `timeout`. Decisions are not cached across requests.
///
/// Closures that decide immediately implement this trait:
///
/// ```
/// use statusbus_axum::{Access, Caller, Denied, Grant};
///
/// let everyone_may_read = |_: &Caller, access: Access<'_>| match access {
///     Access::Publish(_) => Err(Denied::forbidden("this server is read-only")),
///     _ => Ok(Grant::unlimited()),
/// };
/// # fn is(_: impl statusbus_axum::Authorize) {}
/// # is(everyone_may_read);
/// ```
pub trait Authorize: Send + Sync + 'static {
    /// Decides whether `caller` may perform `access`, and until when.
    ///
    /// # Errors
    /// [`Denied`], which is answered with 401 or 403.
    fn authorize<'a>(&'a self, caller: &'a Caller, access: Access<'a>) -> Decision<'a>;

    /// Decides whether `caller` may request what reveals no updates: liveness and readiness, the API
    /// descriptions and the files of the dashboard.
    ///
    /// Default: everyone may, because load balancers send no token and a browser has to load the
    /// dashboard before it can send one.
    ///
    /// # Errors
    /// [`Denied`], which is answered with 401 or 403.
    fn admit<'a>(&'a self, caller: &'a Caller) -> Decision<'a, ()> {
        let _ = caller;
        Box::pin(std::future::ready(Ok(())))
    }

    /// Decides whether `caller` may publish anything at all, whatever the target. Called once for each
    /// request that publishes, before the first byte of its body is read, so that callers without a
    /// valid token cannot fill the memory for bodies. [`authorize`](Self::authorize) is still called
    /// for each target in the body.
    ///
    /// Default: calls `authorize` with `Access::Publish(Target::Everything)`, and refuses the request
    /// if the result is [`Denied::Unauthenticated`]. A caller that is forbidden to publish everything
    /// may still publish to some targets. Override it where the answer is known without a target.
    ///
    /// # Errors
    /// [`Denied`], which is answered with 401 or 403.
    fn admit_publisher<'a>(&'a self, caller: &'a Caller) -> Decision<'a, ()> {
        Box::pin(async move {
            match self.authorize(caller, Access::Publish(Target::Everything)).await {
                Err(denied @ Denied::Unauthenticated(_)) => Err(denied),
                Err(Denied::Forbidden(_)) | Ok(_) => Ok(()),
            }
        })
    }
}

impl<F> Authorize for F
where
    F: Fn(&Caller, Access<'_>) -> Result<Grant, Denied> + Send + Sync + 'static,
{
    fn authorize<'a>(&'a self, caller: &'a Caller, access: Access<'a>) -> Decision<'a> {
        Box::pin(std::future::ready(self(caller, access)))
    }
}

/// A permission, limited in time or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    ends: Option<SystemTime>,
}

impl Grant {
    /// A permission without an end.
    #[must_use]
    pub const fn unlimited() -> Self {
        Self { ends: None }
    }

    /// A permission that expires at `end`. Open streams and channels end then, and each resume is
    /// authorized again. An `end` in the past ends a stream immediately.
    #[must_use]
    pub const fn until(end: SystemTime) -> Self {
        Self { ends: Some(end) }
    }

    /// The time at which the permission expires, `None` if it does not.
    #[must_use]
    pub const fn ends(&self) -> Option<SystemTime> {
        self.ends
    }
}

/// The reason for a refusal. The text is sent to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denied {
    /// The caller is unknown: answered with 401. The text names what is missing.
    Unauthenticated(String),
    /// The caller is known and lacks the permission: answered with 403. The text gives the reason.
    Forbidden(String),
}

impl Denied {
    /// [`Denied::Unauthenticated`] with this text.
    pub fn unauthenticated(detail: impl Into<String>) -> Self {
        Self::Unauthenticated(detail.into())
    }

    /// The request carries no token.
    pub(crate) fn no_token() -> Self {
        Self::unauthenticated(
            "a token is missing: send it as `Authorization: Bearer …`, or as `access_token` in the query",
        )
    }

    /// [`Denied::Forbidden`] with this text.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::Forbidden(detail.into())
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Unauthenticated(detail) | Self::Forbidden(detail)) = self;
        f.write_str(detail)
    }
}

impl std::error::Error for Denied {}
