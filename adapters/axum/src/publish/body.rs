//! Reading the body of a request: no more than may be, not for ever, and not more of all together
//! than there is room for.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::body::Body;
use axum::http::{StatusCode, header};
use futures_util::StreamExt;
use parking_lot::Mutex;

use crate::caller::Caller;
use crate::problem::Problem;

/// How long a body may take to come.
const TIME: Duration = Duration::from_secs(30);

/// Bytes of bodies that are being read, of all requests together.
const TOGETHER: usize = 64 * 1024 * 1024;

/// Memory for the bodies of all requests together. It is taken as the bytes arrive, so that a body
/// that is announced and not sent takes nothing, and no peer takes more of it than it leaves to
/// others: one peer at most half, two at most a third each. All tokens of one address together leave
/// an eighth: a hook that does not look at tokens lets a caller bring another one each time.
#[derive(Clone, Debug)]
pub(crate) struct Room(Arc<Budget>);

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

/// The sender of a body: a token, or without one an address. A hash of the token, so that no copy of
/// it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Peer {
    Token(u64),
    Address(Option<IpAddr>),
    AllOf(Option<IpAddr>),
}

/// What a body takes of the budget, until it is dropped.
#[derive(Debug)]
struct Share {
    budget: Arc<Budget>,
    peer: Peer,
    /// The address with all its tokens.
    address: Peer,
    bytes: usize,
}

/// A body, and its share of the budget.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) bytes: Vec<u8>,
    _share: Share,
}

impl Room {
    /// For bodies of at most `most` bytes: 64 MiB, or four bodies of that size if that is more.
    pub(crate) fn for_bodies_of(most: usize) -> Self {
        Self::of(most.saturating_mul(4).max(TOGETHER))
    }

    fn of(bytes: usize) -> Self {
        Self(Arc::new(Budget { bytes, taken: Mutex::default() }))
    }

    /// Bytes of bodies that are being read.
    pub(crate) fn taken(&self) -> usize {
        self.0.taken.lock().bytes
    }

    /// Reads a body of at most `most` bytes. Decide from the head of the request whether the caller
    /// may send one, before this is called.
    pub(crate) async fn read(
        &self,
        caller: &Caller,
        body: Body,
        most: usize,
    ) -> Result<Whole, Problem> {
        if is_packed(caller) {
            let detail = "the body is packed: send it as it is";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "packed", detail));
        }
        let announced = caller.header(header::CONTENT_LENGTH);
        if announced
            .and_then(|length| length.parse().ok())
            .is_some_and(|length: u64| length > most as u64)
        {
            return Err(too_large(most));
        }
        let (budget, peer, address) =
            (Arc::clone(&self.0), Peer::of(caller), Peer::AllOf(network(caller)));
        let share = Share { budget, peer, address, bytes: 0 };
        match tokio::time::timeout(TIME, read_to_end(body, most, share)).await {
            Ok(read) => read,
            Err(_) => Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "slow",
                format!("the body took longer than {} s to come", TIME.as_secs()),
            )),
        }
    }
}

/// Whether a body has any other encoding than `identity`, which changes nothing.
fn is_packed(caller: &Caller) -> bool {
    let all = caller.headers().get_all(header::CONTENT_ENCODING).iter();
    all.flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|encoding| !encoding.is_empty() && !encoding.eq_ignore_ascii_case(b"identity"))
}

async fn read_to_end(body: Body, most: usize, share: Share) -> Result<Whole, Problem> {
    let mut whole = Whole { bytes: Vec::new(), _share: share };
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| {
            Problem::bad_request("incomplete", "the body ended before it was complete")
        })?;
        if whole.bytes.len() + piece.len() > most {
            return Err(too_large(most));
        }
        if !whole._share.grow(piece.len()) {
            return Err(Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "too much is being sent at once: come back",
            ));
        }
        whole.bytes.extend_from_slice(&piece);
    }
    Ok(whole)
}

impl Share {
    /// Takes more. Answers whether there was room.
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

/// The address of a caller, of IPv6 its network: one subscriber has a network of this size, and can
/// use all of its addresses. `None`: not known.
fn network(caller: &Caller) -> Option<IpAddr> {
    match caller.peer()?.ip().to_canonical() {
        IpAddr::V6(ip) => Some(IpAddr::V6((ip.to_bits() >> 64 << 64).into())),
        ip => Some(ip),
    }
}

fn too_large(most: usize) -> Problem {
    let detail = format!("the body has more than {most} bytes: send it in parts");
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

    async fn read_from(caller: &Caller, room: &Room, body: Body) -> Result<Whole, &'static str> {
        room.read(caller, body, 100).await.map_err(|problem| problem.reason())
    }

    async fn read(room: &Room, body: Body) -> Result<Whole, &'static str> {
        read_from(&caller(None, "192.0.2.1:1"), room, body).await
    }

    /// A body of which no more comes.
    fn unfinished(beginning: &'static str) -> Body {
        let beginning = Ok::<_, Infallible>(Bytes::from_static(beginning.as_bytes()));
        Body::from_stream(stream::once(async { beginning }).chain(stream::pending()))
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_take_room_together_while_they_are_there_and_no_longer() {
        let room = Room::of(20);
        let seven = read(&room, Body::from("seven b")).await.expect("there is room");
        assert_eq!(read(&room, Body::from("four")).await.err(), Some("busy"));
        let three = read(&room, Body::from("abc")).await.expect("there is room");
        assert_eq!((seven.bytes.len(), &*three.bytes), (7, &b"abc"[..]));
        drop(seven);
        assert!(read(&room, Body::from("four")).await.is_ok());
        let (slow, fast) = tokio::join!(read(&room, unfinished("1234567")), async {
            tokio::time::sleep(TIME / 2).await;
            read(&room, Body::from("x")).await.err()
        });
        assert_eq!((slow.err(), fast), (Some("slow"), Some("busy")));
        assert!(read(&room, Body::from("seven b")).await.is_ok(), "what was given up is free");
        drop(three);
        assert!(room.0.taken.lock().by_peer.is_empty());
        assert_eq!(room.taken(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_takes_no_more_than_it_leaves_to_others() {
        let room = Room::of(60);
        let mut held = Vec::new();
        // By token, wherever it comes from; else by address, of IPv6 by network.
        for (token, address, most) in [
            (Some("one"), ["192.0.2.1:1", "192.0.2.2:2"], 30),
            (Some("two"), ["192.0.2.1:1", "192.0.2.2:2"], 15),
            (None, ["[2001:db8::1]:1", "[2001:db8::ffff:2]:2"], 7),
            (None, ["192.0.2.1:1", "[::ffff:192.0.2.1]:2"], 4),
            (None, ["192.0.2.2:1", "192.0.2.2:2"], 2),
        ] {
            for number in 0..most {
                let caller = caller(token, address[number % 2]);
                held.push(read_from(&caller, &room, Body::from("x")).await.expect("there is room"));
            }
            for address in address {
                let refused = read_from(&caller(token, address), &room, Body::from("x")).await;
                assert_eq!(refused.err(), Some("busy"), "{token:?} {address}");
            }
        }
        drop(held);
        assert_eq!(room.taken(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn however_many_tokens_an_address_brings_others_have_an_eighth() {
        let room = Room::of(80);
        let mut held = Vec::new();
        for token in 0..200 {
            let caller = caller(Some(&token.to_string()), "192.0.2.1:1");
            while let Ok(body) = read_from(&caller, &room, Body::from("x")).await {
                held.push(body);
            }
        }
        assert_eq!(held.len(), 70);
        let other = caller(Some("other"), "192.0.2.2:1");
        held.push(read_from(&other, &room, Body::from("12345")).await.expect("there is room"));
        drop(held);
        assert!(room.0.taken.lock().by_peer.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        let room = Room::for_bodies_of(100);
        let began = Instant::now();
        assert_eq!(read(&room, unfinished("{")).await.err(), Some("slow"));
        assert_eq!(began.elapsed(), TIME);
        let large = "x".repeat(101);
        assert_eq!(read(&room, Body::from(large)).await.err(), Some("too_large"));
    }
}
