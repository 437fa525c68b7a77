//! One reader's event stream.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use statusbus_tokio::json::{self, Position};
use statusbus_tokio::{Batch, Event, Subscription};
use tokio::time::Instant;

use super::frames::{Frame, LONG, Member};
use crate::authorize::Grant;
use crate::context::Context;
use crate::format::{self, Asked, Bus, Ending, Form, Format, Kind, Recovered, Run};
use crate::request::Reading;
use crate::seats::Seat;

/// After how long a silence something is sent, so that nobody on the way takes the stream for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);

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
        let id = event.resume_point().map(|seq| Position { epoch: self.run.epoch, seq });
        match event {
            Event::Batch(batch) => {
                let oldest = batch.iter().next();
                let first = oldest.map_or(0, |update| update.seq());
                let Frame { bytes, through } = self.member.frame(first, batch.seq(), || {
                    let said = oldest.and_then(|update| update.at().elapsed().ok());
                    self.context.latency.observe(said.unwrap_or_default());
                    self.written(&batch)
                });
                self.subscription.rewind(&batch, through);
                bytes
            }
            Event::Retained(batch) => {
                let mut head = Vec::new();
                self.form.updates_begin(&mut head);
                self.retained(batch, 0, head)
            }
            Event::Gap(gap) => self.gap(id, &json::Gap::from(&gap)),
            Event::Lagged(lagged) => self.gap(id, &json::Gap::from(&lagged)),
        }
    }

    /// The frame of a batch, or of the first of its updates if it is long, and up to where it goes.
    fn written(&self, batch: &Batch) -> (Vec<u8>, u64) {
        let (mut frame, mut through) = (Vec::new(), batch.seq());
        self.form.updates_begin(&mut frame);
        let mut updates = batch.iter().peekable();
        while let Some(update) = updates.next() {
            self.form.update(&mut frame, &update, Kind::New, self.bus());
            if frame.len() >= LONG && updates.peek().is_some() {
                through = update.seq();
                break;
            }
        }
        self.form.updates_end(&mut frame, Position { epoch: self.run.epoch, seq: through });
        (frame, through)
    }

    /// The next piece of the retained values, behind `piece`: of a large bus they are many, and go out
    /// as fast as they are read.
    fn retained(&mut self, batch: Batch, mut written: usize, mut piece: Vec<u8>) -> Bytes {
        for update in batch.iter().skip(written) {
            if piece.len() >= LONG {
                self.state = State::Retained(batch, written);
                return self.context.frames.hold(piece);
            }
            self.form.update(&mut piece, &update, Kind::Retained, self.bus());
            written += 1;
        }
        let id = Position { epoch: self.run.epoch, seq: batch.seq() };
        self.form.updates_end(&mut piece, id);
        self.context.frames.hold(piece)
    }

    fn gap(&self, id: Option<Position>, gap: &json::Gap) -> Bytes {
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

    use axum::Router;
    use axum::body::{Body, BodyDataStream};
    use axum::extract::ConnectInfo;
    use axum::http::Request;
    use futures_util::StreamExt;
    use statusbus_tokio::{Category, Metadata, Status};
    use tower_service::Service;

    use super::*;
    use crate::Routes;

    /// The frames of a stream, in memory, so that time can be the tests' own.
    async fn open(router: &Router, path: &str) -> BodyDataStream {
        let mut request = Request::builder().uri(path).body(Body::empty()).expect("valid");
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = router.clone().call(request).await.expect("always");
        answer.into_body().into_data_stream()
    }

    #[tokio::test(start_paused = true)]
    async fn after_each_silence_of_15_s_there_is_a_sign_of_life() {
        let status = Status::builder().spawn();
        let mut frames = open(&Routes::new(&status).router(), "/v1/events").await;
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

    /// An update as long as they can be, and each of its bytes takes six in JSON.
    fn say_the_most(status: &Status, number: u64) {
        let text = "\u{1}".repeat(16 * 1024);
        let metadata = format!("{{\"x\":\"{}\"}}", "y".repeat(4 * 1024 - 8));
        let metadata: Metadata = metadata.parse().expect("an object");
        let update = status.update("c".repeat(128).as_str(), Category::TOOL, text);
        update.key(format!("{number:\u{1}>128}")).metadata(metadata).send();
    }

    /// Such an update in JSON: what stands in each form around it takes no more than a KiB.
    const MOST: usize = 6 * (16 * 1024 + 128) + 4 * 1024 + 1024;

    #[tokio::test(start_paused = true)]
    async fn however_much_arrives_together_a_frame_is_bounded_and_nothing_is_left_out() {
        for format in Format::ALL {
            let status = Status::builder().spawn();
            let router = Routes::new(&status).router();
            let path = format!("/v1/events?format={}", format.name());
            let (mut frames, mut other) = (open(&router, &path).await, open(&router, &path).await);
            for number in 0..30 {
                say_the_most(&status, number);
            }
            status.flush().await;
            let ends = tokio::spawn(async move { status.shutdown(Duration::from_secs(1)).await });
            let (mut keys, mut most) = (0, 0);
            while let Some(frame) = frames.next().await {
                let frame = frame.expect("always");
                assert!(frame.len() < LONG + MOST, "{format:?}: {} bytes", frame.len());
                let of_other = other.next().await.expect("it goes on as well").expect("always");
                most = most.max(frame.len());
                let found = String::from_utf8_lossy(&frame).matches("\"key\":\"").count();
                assert!(found == 0 || of_other.as_ptr() == frame.as_ptr(), "it is written once");
                keys += found;
            }
            assert_eq!((keys, most > LONG), (30, true), "{format:?}");
            assert!(ends.await.expect("it does not panic").is_balanced());
        }
    }
}
