//! One reader's event stream.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use statusbus_tokio::json::{self, Position};
use statusbus_tokio::{Batch, Event, Subscription};
use tokio::time::Instant;

use super::frames::Member;
use crate::authorize::Grant;
use crate::context::Context;
use crate::format::{self, Asked, Bus, Ending, Form, Format, Kind, Recovered, Run};
use crate::request::Reading;
use crate::seats::Seat;

/// After how long a silence something is sent, so that nobody on the way takes the stream for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The retained values go out in pieces of about this many bytes, as fast as they are read: of a
/// large bus they are many.
const PIECE: usize = 64 * 1024;

/// What a reader gets, from the beginning of its stream on.
pub(super) struct Stream {
    context: Arc<Context>,
    subscription: Subscription,
    member: Member,
    form: &'static dyn Form,
    run: Run,
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
        format: Format,
        asked: Option<Asked>,
        grant: Grant,
        seat: Seat,
    ) -> Self {
        let subscription = reading.subscribe(&context.status).open();
        let ends = grant.ends().and_then(|end| {
            let left = end.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
            Instant::now().checked_add(left)
        });
        let Reading { selector, categories, .. } = reading;
        let run = Run {
            selector: selector.clone(),
            epoch: context.status.epoch(),
            recovered: match subscription.recovered() {
                true => Recovered::Yes,
                false => Recovered::No,
            },
            number: format::random(),
            asked,
        };
        Self {
            context: Arc::clone(context),
            subscription,
            member: context.frames.join(selector.clone(), *categories, format),
            form: format.form(),
            run,
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
                let mut frame = Vec::new();
                self.form.begin(&mut frame, &self.run);
                return Some(frame.into());
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
            return Some(self.farewell(Ending::CutOff));
        }
        let closing = self.context.closing.clone();
        tokio::select! {
            biased;
            () = over(ends) => Some(self.farewell(Ending::CutOff)),
            event = self.subscription.next() => Some(match event {
                Some(event) => self.frame(event),
                None => self.farewell(Ending::Over),
            }),
            () = closing.ended() => Some(self.farewell(Ending::CutOff)),
            () = tokio::time::sleep(HEARTBEAT) => Some(format::heartbeat()),
        }
    }

    fn frame(&mut self, event: Event) -> Bytes {
        let id = Position { epoch: self.run.epoch, seq: event.seq() };
        match event {
            Event::Batch(batch) => {
                let oldest = batch.iter().next();
                let first = oldest.map_or(0, |update| update.seq());
                self.member.frame(first, id.seq, || {
                    let said = oldest.and_then(|update| update.at().elapsed().ok());
                    self.context.latency.observe(said.unwrap_or_default());
                    self.written(&batch, id)
                })
            }
            Event::Retained(batch) => {
                let mut head = Vec::new();
                self.form.updates_begin(&mut head, id);
                self.retained(batch, 0, head)
            }
            Event::Gap(gap) => self.gap(id, &json::Gap::from(&gap)),
            Event::Lagged(lagged) => self.gap(id, &json::Gap::from(&lagged)),
        }
    }

    fn written(&self, batch: &Batch, id: Position) -> Bytes {
        let mut frame = Vec::new();
        self.form.updates_begin(&mut frame, id);
        for update in batch {
            self.form.update(&mut frame, &update, Kind::New, self.bus());
        }
        self.form.updates_end(&mut frame, id);
        frame.into()
    }

    /// The next piece of the retained values, behind `piece`.
    fn retained(&mut self, batch: Batch, mut written: usize, mut piece: Vec<u8>) -> Bytes {
        for update in batch.iter().skip(written) {
            if piece.len() >= PIECE {
                self.state = State::Retained(batch, written);
                return piece.into();
            }
            self.form.update(&mut piece, &update, Kind::Retained, self.bus());
            written += 1;
        }
        let id = Position { epoch: self.run.epoch, seq: batch.seq() };
        self.form.updates_end(&mut piece, id);
        piece.into()
    }

    fn gap(&self, id: Position, gap: &json::Gap) -> Bytes {
        let mut frame = Vec::new();
        self.form.gap(&mut frame, id, gap);
        frame.into()
    }

    /// The last frame.
    fn farewell(&mut self, ending: Ending) -> Bytes {
        self.state = State::Ended;
        let mut frame = format::come_back().to_vec();
        self.form.end(&mut frame, &self.run, ending);
        frame.into()
    }

    fn bus(&self) -> Bus<'_> {
        Bus { epoch: self.run.epoch, categories: self.context.status.categories() }
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
