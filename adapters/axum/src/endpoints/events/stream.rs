//! The event stream of one reader.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use statusbus_tokio::json::{self, Position};
use statusbus_tokio::{Batch, Event, Subscription};
use tokio::time::Instant;

use crate::access::Grant;
use crate::context::Context;
use crate::format::{
    BusRef, Cause, Encoder, Format, Recovered, StreamEnd, StreamInfo, heartbeat, retry_later,
};
#[cfg(feature = "formats")]
use crate::format::{RunInput, nonce};
use crate::request::SubscribeRequest;
use crate::state::{FRAME_TARGET, Frame, Member, Snapshot, StreamPermit};

/// Interval of comments on a silent stream, so that no proxy considers it dead.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The state of one stream.
pub(super) struct Stream {
    context: Arc<Context>,
    subscription: Subscription,
    member: Member,
    encoder: &'static dyn Encoder,
    info: StreamInfo,
    state: State,
    /// When the permission to read ends.
    ends: Option<Instant>,
    _permit: StreamPermit,
}

enum State {
    Beginning,
    Reading,
    /// Within the retained values: the number of the next part.
    Retained(Arc<Snapshot>, usize),
    Ended,
}

impl Stream {
    pub(super) fn open(
        context: &Arc<Context>,
        request: &SubscribeRequest,
        format: Format,
        grant: Grant,
        permit: StreamPermit,
        #[cfg(feature = "formats")] run_input: Option<RunInput>,
    ) -> Self {
        let subscription = request.subscribe(&context.status).open();
        let ends = grant.ends().and_then(|end| {
            let left = end.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
            Instant::now().checked_add(left)
        });
        let SubscribeRequest { selector, categories, .. } = request;
        let info = StreamInfo {
            #[cfg(feature = "formats")]
            selector: selector.clone(),
            epoch: context.status.epoch(),
            recovered: if subscription.recovered() { Recovered::Yes } else { Recovered::No },
            #[cfg(feature = "formats")]
            nonce: nonce(),
            #[cfg(feature = "formats")]
            run_input,
        };
        Self {
            context: Arc::clone(context),
            subscription,
            member: context.frames.join(selector.clone(), *categories, format),
            encoder: format.encoder(),
            info,
            state: State::Beginning,
            ends,
            _permit: permit,
        }
    }

    /// The frames, until the bus has shut down or the reader is disconnected.
    pub(super) fn frames(self) -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> {
        futures_util::stream::unfold(self, async |mut stream| {
            let frame = stream.next().await?;
            Some((Ok(frame), stream))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        match std::mem::replace(&mut self.state, State::Reading) {
            State::Beginning => {
                let mut frame = Vec::new();
                self.encoder.begin(&mut frame, &self.info);
                return Some(frame.into());
            }
            State::Retained(snapshot, part) => return Some(self.retained(snapshot, part)),
            State::Ended => {
                self.state = State::Ended;
                return None;
            }
            State::Reading => {}
        }
        let ends = self.ends;
        let has_expired = ends.is_some_and(|end| end <= Instant::now());
        if has_expired || self.context.shutdown.is_cut_off() {
            return Some(self.last_frame(StreamEnd::CutOff));
        }
        let shutdown = self.context.shutdown.clone();
        tokio::select! {
            biased;
            () = expiry(ends) => Some(self.last_frame(StreamEnd::CutOff)),
            event = self.subscription.next() => Some(match event {
                Some(event) => self.frame(event),
                None => self.last_frame(StreamEnd::Complete),
            }),
            () = shutdown.cut_off() => Some(self.last_frame(StreamEnd::CutOff)),
            () = tokio::time::sleep(HEARTBEAT) => Some(heartbeat()),
        }
    }

    fn frame(&mut self, event: Event) -> Bytes {
        let id = event.resume_point().map(|seq| Position { epoch: self.info.epoch, seq });
        match event {
            Event::Batch(batch) => {
                let oldest = batch.iter().next();
                let first = oldest.map_or(0, |update| update.seq());
                let Frame { bytes, through } = self.member.frame(first, batch.seq(), || {
                    let age = oldest.and_then(|update| update.at().elapsed().ok());
                    self.context.latency.observe(age.unwrap_or_default());
                    self.encode(&batch)
                });
                self.subscription.rewind(&batch, through);
                bytes
            }
            Event::Retained(batch) => self.retained(self.member.snapshot(batch), 0),
            Event::Gap(gap) => self.gap(id, &json::Gap::from(&gap)),
            Event::Lagged(lagged) => self.gap(id, &json::Gap::from(&lagged)),
            _ => {
                debug_assert!(false, "every event has a frame");
                Bytes::new()
            }
        }
    }

    /// Encodes a batch, or its first updates if it is large, and returns the position of the last one.
    fn encode(&self, batch: &Batch) -> (Vec<u8>, u64) {
        let mut frame = Vec::new();
        let mut through = batch.seq();
        self.encoder.updates_begin(&mut frame);
        let mut updates = batch.iter().peekable();
        while let Some(update) = updates.next() {
            self.encoder.update(&mut frame, &update, Cause::New, self.bus());
            if frame.len() >= FRAME_TARGET && updates.peek().is_some() {
                through = update.seq();
                break;
            }
        }
        self.encoder.updates_end(&mut frame, Position { epoch: self.info.epoch, seq: through });
        (frame, through)
    }

    /// A part of the retained values. The next part follows when this one is written, so that a
    /// reader holds one part of a large bus at a time.
    fn retained(&mut self, snapshot: Arc<Snapshot>, number: usize) -> Bytes {
        let part = snapshot.part(number, |batch, first| self.encode_retained(batch, first));
        if !part.is_last {
            self.state = State::Retained(snapshot, number + 1);
        }
        part.bytes
    }

    /// Encodes a part of the retained values from the update with number `first` on, and returns the
    /// number of the next part's first update.
    fn encode_retained(&self, batch: &Batch, first: usize) -> (Vec<u8>, Option<usize>) {
        let mut part = Vec::new();
        if first == 0 {
            self.encoder.updates_begin(&mut part);
        }
        for (number, update) in batch.iter().enumerate().skip(first) {
            if part.len() >= FRAME_TARGET {
                return (part, Some(number));
            }
            self.encoder.update(&mut part, &update, Cause::Retained, self.bus());
        }
        // Retained values are no resume points before the last of them.
        self.encoder.updates_end(&mut part, Position { epoch: self.info.epoch, seq: batch.seq() });
        (part, None)
    }

    fn gap(&self, id: Option<Position>, gap: &json::Gap) -> Bytes {
        let mut frame = Vec::new();
        self.encoder.gap(&mut frame, id, gap);
        frame.into()
    }

    fn last_frame(&mut self, end: StreamEnd) -> Bytes {
        self.state = State::Ended;
        let mut frame = retry_later().to_vec();
        self.encoder.end(&mut frame, &self.info, end);
        frame.into()
    }

    fn bus(&self) -> BusRef<'_> {
        BusRef { epoch: self.info.epoch, categories: self.context.status.categories() }
    }
}

async fn expiry(end: Option<Instant>) {
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
    use statusbus_tokio::{Category, Metadata, Spawn, Status};
    use tower_service::Service;

    use super::*;
    use crate::Routes;

    /// The frames of a stream in memory, so that the clock can be paused.
    async fn open(router: &Router, path: &str) -> BodyDataStream {
        let mut request = Request::builder().uri(path).body(Body::empty()).expect("valid");
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = router.clone().call(request).await.expect("always");
        answer.into_body().into_data_stream()
    }

    #[tokio::test(start_paused = true)]
    async fn a_comment_follows_each_15_s_of_silence() {
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
        assert_eq!(silent_since.elapsed(), HEARTBEAT, "the interval starts again");
    }

    /// Sends an update of the maximum size, of which each byte takes six in JSON.
    fn send_largest(status: &Status, number: u64) {
        let text = "\u{1}".repeat(16 * 1024);
        let metadata = format!("{{\"x\":\"{}\"}}", "y".repeat(4 * 1024 - 8));
        let metadata: Metadata = metadata.parse().expect("an object");
        let update = status.update("c".repeat(128).as_str(), Category::TOOL, text);
        update.key(format!("{number:\u{1}>128}")).metadata(metadata).send();
    }

    /// Maximum size of such an update in JSON, with 1 KiB for what a format adds.
    const LARGEST: usize = 6 * (16 * 1024 + 128) + 4 * 1024 + 1024;

    #[tokio::test(start_paused = true)]
    async fn frames_of_large_batches_are_bounded_and_complete() {
        for format in Format::STREAMS {
            let status = Status::builder().spawn();
            let router = Routes::new(&status).router();
            let path = format!("/v1/events?format={}", format.name());
            let (mut frames, mut other) = (open(&router, &path).await, open(&router, &path).await);
            for number in 0..30 {
                send_largest(&status, number);
            }
            status.flush().await;
            let ends = tokio::spawn(async move { status.shutdown(Duration::from_secs(1)).await });
            let (mut keys, mut most) = (0, 0);
            while let Some(frame) = frames.next().await {
                let frame = frame.expect("always");
                assert!(frame.len() < FRAME_TARGET + LARGEST, "{format:?}: {} bytes", frame.len());
                let of_other = other.next().await.expect("it goes on as well").expect("always");
                most = most.max(frame.len());
                let found = String::from_utf8_lossy(&frame).matches("\"key\":\"").count();
                assert!(found == 0 || of_other.as_ptr() == frame.as_ptr(), "it is encoded once");
                keys += found;
            }
            assert_eq!((keys, most > FRAME_TARGET), (30, true), "{format:?}");
            assert!(ends.await.expect("it does not panic").is_balanced());
        }
    }
}
