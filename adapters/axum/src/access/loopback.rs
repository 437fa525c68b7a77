//! The default policy.

use std::net::IpAddr;

use super::authorize::{Access, Authorize, Decision, Denied, Grant};
use super::caller::Caller;

/// Default policy: allow loopback callers, deny all others.
///
/// A proxy on this machine connects from loopback on behalf of others, and so does a browser for a
/// page whose name resolves to loopback (DNS rebinding). The first shows by the headers that proxies
/// add, the second by the host name in the request.
pub(crate) struct LoopbackOnly;

impl Authorize for LoopbackOnly {
    fn authorize<'a>(&'a self, caller: &'a Caller, _: Access<'a>) -> Decision<'a> {
        Box::pin(std::future::ready(check(caller).map(|()| Grant::unlimited())))
    }

    fn admit<'a>(&'a self, caller: &'a Caller) -> Decision<'a, ()> {
        Box::pin(std::future::ready(check(caller)))
    }

    fn admit_publisher<'a>(&'a self, caller: &'a Caller) -> Decision<'a, ()> {
        Box::pin(std::future::ready(check(caller)))
    }
}

fn check(caller: &Caller) -> Result<(), Denied> {
    const PROXIES: [&str; 5] =
        ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];
    let Some(peer) = caller.peer() else {
        return Err(Denied::forbidden(
            "the caller's address is unknown: serve with connect info, or set a policy with `Routes::authorize`",
        ));
    };
    if !peer.ip().to_canonical().is_loopback() {
        return Err(Denied::forbidden(
            "only loopback callers are allowed, because no policy is set",
        ));
    }
    if PROXIES.iter().any(|name| caller.headers().contains_key(*name)) {
        return Err(Denied::forbidden(
            "the request came through a proxy, and no policy is set that would allow it",
        ));
    }
    match caller.host().map(is_loopback) {
        Some(true) | None => Ok(()),
        Some(false) => Err(Denied::forbidden(
            "request localhost or a loopback address: no policy is set that would allow other hosts",
        )),
    }
}

/// Whether a host is a name or an address of this machine that no other machine can have.
fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<axum::http::uri::Authority>() else { return false };
    let name = authority.host();
    let address = name.trim_start_matches('[').trim_end_matches(']');
    let localhost = name.eq_ignore_ascii_case("localhost");
    localhost || address.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}
