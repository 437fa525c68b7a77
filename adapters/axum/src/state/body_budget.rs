//! Reading request bodies within limits: of size, of time, and of memory for all bodies together.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::body::Body;
use axum::http::{StatusCode, header};
use futures_util::StreamExt;
use parking_lot::Mutex;

use crate::access::Caller;
use crate::request::Problem;

/// Maximum time for receiving a body.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Default budget in bytes, for the bodies of all requests together.
const BUDGET: usize = 64 * 1024 * 1024;

/// Memory budget for the bodies of all requests together.
///
/// Memory is charged as bytes arrive, so that an announced body that is not sent costs nothing. No
/// peer takes more than it leaves free for others: one peer at most half, two at most a third each.
/// All tokens of one address together leave an eighth free, because a hook that ignores tokens lets a
/// caller use a new token for each request.
#[derive(Clone, Debug)]
pub(crate) struct BodyBudget(Arc<Budget>);

#[derive(Debug)]
struct Budget {
    bytes: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    bytes: usize,
    by_peer: HashMap<Peer, usize>,
}

/// The account that is charged for a body: a token, or without one an address. Tokens are hashed, so
/// that no copy of a secret is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Peer {
    Token(u64),
    Address(Option<IpAddr>),
    AllOf(Option<IpAddr>),
}

/// The charge of one body, returned when it is dropped.
#[derive(Debug)]
struct Share {
    budget: Arc<Budget>,
    peer: Peer,
    /// The account of the address with all its tokens.
    address: Peer,
    bytes: usize,
}

/// A body within the limits, and its share of the budget.
#[derive(Debug)]
pub(crate) struct LimitedBody {
    pub(crate) bytes: Vec<u8>,
    _share: Share,
}

impl BodyBudget {
    /// A budget for bodies of at most `max` bytes each: 64 MiB, or four such bodies if that is more.
    pub(crate) fn for_bodies_of(max: usize) -> Self {
        Self::of(max.saturating_mul(4).max(BUDGET))
    }

    fn of(bytes: usize) -> Self {
        Self(Arc::new(Budget { bytes, taken: Mutex::default() }))
    }

    /// Bytes that are charged now.
    pub(crate) fn taken(&self) -> usize {
        self.0.taken.lock().bytes
    }

    /// Reads a body of at most `max` bytes. The caller must be authorized before, from the head of the
    /// request alone.
    ///
    /// # Errors
    /// `packed` (415), `too_large` (413), `slow` (408) after 30 s, `busy` (503) when the budget is
    /// exhausted, `incomplete` (400).
    pub(crate) async fn read(
        &self,
        caller: &Caller,
        body: Body,
        max: usize,
    ) -> Result<LimitedBody, Problem> {
        if is_encoded(caller) {
            let detail = "the body is compressed: send it without a content encoding";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "packed", detail));
        }
        let announced = caller.header(header::CONTENT_LENGTH.as_str());
        if announced
            .and_then(|length| length.parse().ok())
            .is_some_and(|length: u64| length > max as u64)
        {
            return Err(too_large(max));
        }
        let (budget, peer, address) =
            (Arc::clone(&self.0), Peer::of(caller), Peer::AllOf(network(caller)));
        let share = Share { budget, peer, address, bytes: 0 };
        match tokio::time::timeout(READ_TIMEOUT, read_to_end(body, max, share)).await {
            Ok(read) => read,
            Err(_) => Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "slow",
                format!("the body took longer than {} s to arrive", READ_TIMEOUT.as_secs()),
            )),
        }
    }
}

/// Whether a body has a content encoding other than `identity`.
fn is_encoded(caller: &Caller) -> bool {
    let all = caller.headers().get_all(header::CONTENT_ENCODING).iter();
    all.flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|encoding| !encoding.is_empty() && !encoding.eq_ignore_ascii_case(b"identity"))
}

async fn read_to_end(body: Body, max: usize, share: Share) -> Result<LimitedBody, Problem> {
    let mut read = LimitedBody { bytes: Vec::new(), _share: share };
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| {
            Problem::bad_request("incomplete", "the body ended before it was complete")
        })?;
        if read.bytes.len() + piece.len() > max {
            return Err(too_large(max));
        }
        if !read._share.grow(piece.len()) {
            return Err(Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "too many bodies are being received: retry",
            ));
        }
        read.bytes.extend_from_slice(&piece);
    }
    Ok(read)
}

impl Share {
    /// Charges more bytes. Returns whether the budget allows it.
    fn grow(&mut self, more: usize) -> bool {
        let mut taken = self.budget.taken.lock();
        let of = |peer| taken.by_peer.get(peer).copied().unwrap_or_default() + more;
        let (own, of_address, all) = (of(&self.peer), of(&self.address), taken.bytes + more);
        let bytes = self.budget.bytes;
        if bytes.checked_sub(all).is_none_or(|left| own > left) || of_address > bytes - bytes / 8 {
            return false;
        }
        taken.bytes = all;
        taken.by_peer.insert(self.peer, own);
        taken.by_peer.insert(self.address, of_address);
        self.bytes += more;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.budget.taken.lock();
        taken.bytes -= self.bytes;
        for peer in [self.peer, self.address] {
            if let Some(own) = taken.by_peer.get_mut(&peer) {
                *own -= self.bytes;
                if *own == 0 {
                    taken.by_peer.remove(&peer);
                }
            }
        }
    }
}

impl Peer {
    fn of(caller: &Caller) -> Self {
        static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        match caller.token() {
            Some(token) => Self::Token(KEYS.hash_one(&*token)),
            None => Self::Address(network(caller)),
        }
    }
}

/// The address of a caller, for IPv6 its /64 network, because a subscriber controls all addresses of
/// one. `None`: unknown.
fn network(caller: &Caller) -> Option<IpAddr> {
    match caller.peer()?.ip().to_canonical() {
        IpAddr::V6(ip) => Some(IpAddr::V6((ip.to_bits() >> 64 << 64).into())),
        ip => Some(ip),
    }
}

fn too_large(max: usize) -> Problem {
    let detail = format!("the body has more than {max} bytes: send it in parts");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::net::SocketAddr;

    use axum::extract::{ConnectInfo, Request};
    use bytes::Bytes;
    use futures_util::stream;
    use tokio::time::Instant;

    use super::*;

    /// A request with this token, from this address.
    fn caller(token: Option<&str>, address: &str) -> Caller {
        let mut request = Request::builder();
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        let peer: SocketAddr = address.parse().expect("an address");
        parts.extensions.insert(ConnectInfo(peer));
        Caller::of(&parts)
    }

    async fn read_from(
        caller: &Caller,
        budget: &BodyBudget,
        body: Body,
    ) -> Result<LimitedBody, &'static str> {
        budget.read(caller, body, 100).await.map_err(|problem| problem.reason())
    }

    async fn read(budget: &BodyBudget, body: Body) -> Result<LimitedBody, &'static str> {
        read_from(&caller(None, "192.0.2.1:1"), budget, body).await
    }

    /// A body that stalls after its beginning.
    fn unfinished(beginning: &'static str) -> Body {
        let beginning = Ok::<_, Infallible>(Bytes::from_static(beginning.as_bytes()));
        Body::from_stream(stream::once(async { beginning }).chain(stream::pending()))
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_share_the_budget_while_they_exist() {
        let budget = BodyBudget::of(20);
        let seven = read(&budget, Body::from("seven b")).await.expect("within the budget");
        assert_eq!(read(&budget, Body::from("four")).await.err(), Some("busy"));
        let three = read(&budget, Body::from("abc")).await.expect("within the budget");
        assert_eq!((seven.bytes.len(), &*three.bytes), (7, &b"abc"[..]));
        drop(seven);
        assert!(read(&budget, Body::from("four")).await.is_ok());
        let (slow, fast) = tokio::join!(read(&budget, unfinished("1234567")), async {
            tokio::time::sleep(READ_TIMEOUT / 2).await;
            read(&budget, Body::from("x")).await.err()
        });
        assert_eq!((slow.err(), fast), (Some("slow"), Some("busy")));
        assert!(
            read(&budget, Body::from("seven b")).await.is_ok(),
            "the charge of an abandoned body is returned"
        );
        drop(three);
        assert!(budget.0.taken.lock().by_peer.is_empty());
        assert_eq!(budget.taken(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_takes_no_more_than_it_leaves_free() {
        let budget = BodyBudget::of(60);
        let mut held = Vec::new();
        // By token from any address; without one by address, for IPv6 by network.
        for (token, address, most) in [
            (Some("one"), ["192.0.2.1:1", "192.0.2.2:2"], 30),
            (Some("two"), ["192.0.2.1:1", "192.0.2.2:2"], 15),
            (None, ["[2001:db8::1]:1", "[2001:db8::ffff:2]:2"], 7),
            (None, ["192.0.2.1:1", "[::ffff:192.0.2.1]:2"], 4),
            (None, ["192.0.2.2:1", "192.0.2.2:2"], 2),
        ] {
            for number in 0..most {
                let caller = caller(token, address[number % 2]);
                held.push(
                    read_from(&caller, &budget, Body::from("x")).await.expect("within the budget"),
                );
            }
            for address in address {
                let refused = read_from(&caller(token, address), &budget, Body::from("x")).await;
                assert_eq!(refused.err(), Some("busy"), "{token:?} {address}");
            }
        }
        drop(held);
        assert_eq!(budget.taken(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_tokens_of_one_address_leave_an_eighth_free() {
        let budget = BodyBudget::of(80);
        let mut held = Vec::new();
        for token in 0..200 {
            let caller = caller(Some(&token.to_string()), "192.0.2.1:1");
            while let Ok(body) = read_from(&caller, &budget, Body::from("x")).await {
                held.push(body);
            }
        }
        assert_eq!(held.len(), 70);
        let other = caller(Some("other"), "192.0.2.2:1");
        held.push(
            read_from(&other, &budget, Body::from("12345")).await.expect("within the budget"),
        );
        drop(held);
        assert!(budget.0.taken.lock().by_peer.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_times_out() {
        let budget = BodyBudget::for_bodies_of(100);
        let began = Instant::now();
        assert_eq!(read(&budget, unfinished("{")).await.err(), Some("slow"));
        assert_eq!(began.elapsed(), READ_TIMEOUT);
        let large = "x".repeat(101);
        assert_eq!(read(&budget, Body::from(large)).await.err(), Some("too_large"));
    }
}
