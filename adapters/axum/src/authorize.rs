//! Who may read and say what.

pub(crate) mod bearer;
#[cfg(feature = "jwt")]
pub(crate) mod jwt;

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::SystemTime;

use crate::caller::Caller;

/// What somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access<'a> {
    /// To read from now on.
    Read(Target<'a>),
    /// To read on where it was: decided anew each time.
    Resume(Target<'a>),
    /// To say something. Asked once for each target in a request.
    Publish(Target<'a>),
    /// To see how the bus does: metrics and figures, in which no conversation is named.
    Observe,
}

/// What it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target<'a> {
    /// One conversation. Its name has not been checked: it may be none.
    Conversation(&'a str),
    /// The whole system.
    System,
    /// All conversations and the system. Also the target of the check before a body is read: see
    /// [`Authorize::admit_publisher`].
    Everything,
}

/// A decision on its way.
pub type Decision<'a, T = Grant> = Pin<Box<dyn Future<Output = Result<T, Denied>> + Send + 'a>>;

/// Decides who may do what. Asked on each read, each resume and each publish; a decision may take
/// its time (asking a session store), and costs one allocation.
///
/// A closure that decides at once is one, too:
///
/// ```
/// use statusbus_axum::{Access, Caller, Denied, Grant};
///
/// let everyone_may_read = |_: &Caller, access: Access<'_>| match access {
///     Access::Publish(_) => Err(Denied::forbidden("this server only shows")),
///     _ => Ok(Grant::unlimited()),
/// };
/// # fn is(_: impl statusbus_axum::Authorize) {}
/// # is(everyone_may_read);
/// ```
pub trait Authorize: Send + Sync + 'static {
    /// Whether `caller` may do this, and for how long.
    fn authorize<'a>(&'a self, caller: &'a Caller, access: Access<'a>) -> Decision<'a>;

    /// Whether `caller` may have what tells nothing of what is said: whether the server lives, and
    /// the page's own files. Default: everybody may, as load balancers bring no token and a page
    /// has to be loaded before it can.
    fn admit<'a>(&'a self, caller: &'a Caller) -> Decision<'a, ()> {
        let _ = caller;
        Box::pin(std::future::ready(Ok(())))
    }

    /// Whether `caller` may publish anything at all, whatever the target. Asked once for each request
    /// that publishes, before the first byte of its body is read, so that callers without a valid
    /// token cannot fill the memory for bodies; [`authorize`](Self::authorize) is still asked for each
    /// target in the body.
    ///
    /// Default: asks `authorize` for `Access::Publish(Target::Everything)`, and refuses the request
    /// if the answer is [`Denied::Unauthenticated`]. A caller that is forbidden to publish everything
    /// may still publish something. Override it where the answer is known without a target.
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

/// A permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    ends: Option<SystemTime>,
}

impl Grant {
    /// It does not end: what is open stays so.
    #[must_use]
    pub const fn unlimited() -> Self {
        Self { ends: None }
    }

    /// It ends then: so do streams, and whoever resumes is asked again.
    #[must_use]
    pub const fn until(end: SystemTime) -> Self {
        Self { ends: Some(end) }
    }

    /// When it ends; `None`: never.
    #[must_use]
    pub const fn ends(&self) -> Option<SystemTime> {
        self.ends
    }
}

/// Why somebody may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Nobody knows who asks: 401. The text says what is missing.
    Unauthenticated(String),
    /// Whoever asks may not do this: 403. The text says why.
    Forbidden(String),
}

impl Denied {
    /// Nobody knows who asks.
    pub fn unauthenticated(detail: impl Into<String>) -> Self {
        Self::Unauthenticated(detail.into())
    }

    /// It brings no token.
    pub(crate) fn no_token() -> Self {
        Self::unauthenticated(
            "a token is missing: send it as `Authorization: Bearer …`, or as `access_token` in the query",
        )
    }

    /// Whoever asks may not do this.
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

/// What holds where nobody was chosen to decide: whoever asks from this machine may everything.
///
/// A proxy on this machine asks from here for others, and so does a browser for a page whose name
/// somebody has pointed at it. Both show: by the headers that proxies add, and by the name that the
/// request calls this server.
pub(crate) struct LoopbackOnly;

impl Authorize for LoopbackOnly {
    fn authorize<'a>(&'a self, caller: &'a Caller, _: Access<'a>) -> Decision<'a> {
        Box::pin(std::future::ready(from_this_machine(caller).map(|()| Grant::unlimited())))
    }

    fn admit<'a>(&'a self, caller: &'a Caller) -> Decision<'a, ()> {
        Box::pin(std::future::ready(from_this_machine(caller)))
    }

    fn admit_publisher<'a>(&'a self, caller: &'a Caller) -> Decision<'a, ()> {
        Box::pin(std::future::ready(from_this_machine(caller)))
    }
}

fn from_this_machine(caller: &Caller) -> Result<(), Denied> {
    const PROXIES: [&str; 5] =
        ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];
    let Some(peer) = caller.peer() else {
        return Err(Denied::forbidden(
            "it is not known who asks: serve with the peer's address, or choose who decides",
        ));
    };
    if !peer.ip().to_canonical().is_loopback() {
        return Err(Denied::forbidden(
            "only this machine may ask, as nobody was chosen to decide who else may",
        ));
    }
    if PROXIES.iter().any(|name| caller.headers().contains_key(*name)) {
        return Err(Denied::forbidden(
            "a proxy asks for somebody else, and nobody was chosen to decide who may",
        ));
    }
    match caller.host().map(is_loopback) {
        Some(true) | None => Ok(()),
        Some(false) => Err(Denied::forbidden(
            "ask for localhost or a loopback address: nobody was chosen to decide who else may",
        )),
    }
}

/// Whether a host names this machine by a name that is nobody else's.
fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<axum::http::uri::Authority>() else { return false };
    let name = authority.host();
    let address = name.trim_start_matches('[').trim_end_matches(']');
    let localhost = name.eq_ignore_ascii_case("localhost");
    localhost || address.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}
