//! One reader's event stream.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use statusbus_tokio::json::{self, Position};
use statusbus_tokio::{Batch, Event, Subscription};
use tokio::time::Instant;

use super::frame::{self, Recovered};
use super::frames::Member;
use crate::authorize::Grant;
use crate::context::Context;
use crate::request::Reading;
use crate::seats::Seat;

/// After how long a silence something is sent, so that nobody on the way takes the stream for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The retained values go out in pieces of about this many bytes, as fast as they are read: of a
/// large bus they are many.
const PIECE: usize = 64 * 1024;

/// What a reader gets, from `ready` on.
pub(super) struct Stream {
    context: Arc<Context>,
    subscription: Subscription,
    member: Member,
    state: State,
    /// Until when it may read.
    ends: Option<Instant>,
    _seat: Seat,
}

enum State {
    Begins,
    Reads,
    /// In the middle of the retained values: so many are written.
    Retained(Batch, usize),
    Ended,
}

impl Stream {
    pub(super) fn open(
        context: &Arc<Context>,
        reading: &Reading,
        grant: Grant,
        seat: Seat,
    ) -> Self {
        let subscription = reading.subscribe(&context.status).open();
        let ends = grant.ends().and_then(|end| {
            let left = end.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
            Instant::now().checked_add(left)
        });
        Self {
            context: Arc::clone(context),
            subscription,
            member: context.frames.join(reading.selector.clone(), reading.categories),
            state: State::Begins,
            ends,
            _seat: seat,
        }
    }

    /// The frames, until the bus was shut down or the reader has to go.
    pub(super) fn frames(self) -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> {
        futures_util::stream::unfold(self, async |mut stream| {
            let frame = stream.next().await?;
            Some((Ok(frame), stream))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        match std::mem::replace(&mut self.state, State::Reads) {
            State::Begins => {
                let recovered = match self.subscription.recovered() {
                    true => Recovered::Yes,
                    false => Recovered::No,
                };
                return Some(frame::ready(self.context.status.epoch(), recovered));
            }
            State::Retained(batch, written) => {
                return Some(self.retained(batch, written, Vec::new()));
            }
            State::Ended => {
                self.state = State::Ended;
                return None;
            }
            State::Reads => {}
        }
        let ends = self.ends;
        let is_over = ends.is_some_and(|end| end <= Instant::now());
        if is_over || self.context.closing.has_ended() {
            return Some(self.farewell());
        }
        let closing = self.context.closing.clone();
        tokio::select! {
            biased;
            () = over(ends) => Some(self.farewell()),
            event = self.subscription.next() => Some(match event {
                Some(event) => self.frame(event),
                None => self.farewell(),
            }),
            () = closing.ended() => Some(self.farewell()),
            () = tokio::time::sleep(HEARTBEAT) => Some(frame::heartbeat()),
        }
    }

    fn frame(&mut self, event: Event) -> Bytes {
        let epoch = self.context.status.epoch();
        let id = Position { epoch, seq: event.seq() };
        match event {
            Event::Batch(batch) => {
                let oldest = batch.iter().next();
                let first = oldest.map_or(0, |update| update.seq());
                let updates = json::Updates::new(&batch, self.context.status.categories());
                self.member.frame(first, id.seq, || {
                    let said = oldest.and_then(|update| update.at().elapsed().ok());
                    self.context.latency.observe(said.unwrap_or_default());
                    frame::event("status", id, &updates)
                })
            }
            Event::Retained(batch) => {
                let mut head = frame::head("status", id);
                head.push(b'[');
                self.retained(batch, 0, head)
            }
            Event::Gap(gap) => frame::event("gap", id, &json::Gap::from(&gap)),
            Event::Lagged(lagged) => frame::event("gap", id, &json::Gap::from(&lagged)),
        }
    }

    /// The next piece of the retained values, behind `piece`.
    fn retained(&mut self, batch: Batch, mut written: usize, mut piece: Vec<u8>) -> Bytes {
        let categories = self.context.status.categories();
        for update in batch.iter().skip(written) {
            if piece.len() >= PIECE {
                self.state = State::Retained(batch, written);
                return piece.into();
            }
            if written > 0 {
                piece.push(b',');
            }
            frame::write_json(&mut piece, &json::Update::new(&update, categories));
            written += 1;
        }
        piece.extend_from_slice(b"]\n\n");
        piece.into()
    }

    /// The last frame.
    fn farewell(&mut self) -> Bytes {
        self.state = State::Ended;
        frame::farewell()
    }
}

async fn over(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::body::Body;
    use axum::extract::ConnectInfo;
    use axum::http::Request;
    use futures_util::StreamExt;
    use statusbus_tokio::Status;
    use tower_service::Service;

    use super::*;
    use crate::Routes;

    /// In memory, so that time can be the tests' own.
    #[tokio::test(start_paused = true)]
    async fn after_each_silence_of_15_s_there_is_a_sign_of_life() {
        let status = Status::builder().spawn();
        let mut request = Request::builder().uri("/v1/events").body(Body::empty()).expect("valid");
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = Routes::new(&status).router().call(request).await.expect("always");
        let mut frames = answer.into_body().into_data_stream();
        let mut next = async || {
            let frame = frames.next().await.expect("it goes on").expect("always");
            String::from_utf8(frame.into()).expect("text")
        };
        assert!(next().await.starts_with("retry: 1000\nevent: ready\n"));
        assert!(next().await.starts_with("event: status\n"));
        let silent_since = Instant::now();
        for signs in 1..4 {
            assert_eq!(next().await, ":\n\n");
            assert_eq!(silent_since.elapsed(), signs * HEARTBEAT);
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        status.info("conv-1", "x");
        assert!(next().await.contains("\"text\":\"x\""));
        let silent_since = Instant::now();
        assert_eq!(next().await, ":\n\n");
        assert_eq!(silent_since.elapsed(), HEARTBEAT, "counted anew");
    }
}
