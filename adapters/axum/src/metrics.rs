//! Metrics for Prometheus: `GET /metrics`. No conversation is named in them.

mod exposition;
mod histogram;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Extension, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use statusbus_tokio::{DropReason, RefuseReason};

use crate::authorize::Access;
use crate::caller::Caller;
use crate::context::Context;
use crate::phoenix::Channels;
use crate::problem::Problem;
use crate::server::Connections;

use exposition::Exposition;
pub(crate) use histogram::Histogram;

pub(crate) fn router() -> Router<Arc<Context>> {
    Router::new().route("/metrics", get(metrics))
}

/// Counts what is answered.
pub(crate) fn count(router: Router<Arc<Context>>, context: &Arc<Context>) -> Router<Arc<Context>> {
    let context = Arc::clone(context);
    router.layer(middleware::map_response(move |response: Response| {
        context.answers.count(response.status());
        std::future::ready(response)
    }))
}

/// Answers by their status: the ones that there are here.
#[derive(Debug, Default)]
pub(crate) struct Answers([AtomicU64; ANSWERS.len() + 1]);

const ANSWERS: [u16; 16] =
    [101, 200, 202, 304, 400, 401, 403, 404, 405, 408, 413, 414, 415, 426, 500, 503];

impl Answers {
    fn count(&self, status: StatusCode) {
        let known = ANSWERS.iter().position(|&known| known == status.as_u16());
        if let Some(counter) = self.0.get(known.unwrap_or(ANSWERS.len())) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn all(&self) -> impl Iterator<Item = (String, u64)> {
        let names = ANSWERS.iter().map(u16::to_string).chain(["other".to_owned()]);
        names.zip(self.0.iter().map(|counter| counter.load(Ordering::Relaxed)))
    }
}

async fn metrics(
    State(context): State<Arc<Context>>,
    connections: Option<Extension<Arc<Connections>>>,
    caller: Caller,
) -> Result<impl IntoResponse, Problem> {
    context.decide(&caller, Access::Observe).await?;
    let mut text = Exposition::default();
    of_the_bus(&mut text, &context);
    of_the_delivery(&mut text, &context);
    if let Some(Extension(connections)) = connections {
        of_the_server(&mut text, &connections);
    }
    let headers = [
        (header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, text.into_string()))
}

fn of_the_bus(text: &mut Exposition, context: &Context) {
    let status = &context.status;
    let (ledger, depth) = (status.ledger(), status.depth());
    text.counter("sent", "Updates that were sent, whatever became of them.", ledger.sent);
    text.counter("delivered", "Updates that were delivered.", ledger.delivered);
    text.counter("coalesced", "Updates that a newer one replaced in the queue.", ledger.coalesced);
    text.counter(
        "expired",
        "Updates that outlived their time-to-live in the queue.",
        ledger.expired,
    );
    let dropped = DropReason::ALL.map(|why| (why.as_str(), ledger.dropped.count(why)));
    text.counters("dropped", "Updates that were dropped.", "reason", dropped);
    let refused = RefuseReason::ALL.map(|why| (why.as_str(), ledger.refused.count(why)));
    text.counters("refused", "Updates that were not taken in.", "reason", refused);
    text.counter("missed", "Updates that readers missed by being too slow.", status.missed());
    text.counter("panics", "Panics that were contained.", status.panics());
    text.gauge("queue_depth", "Updates in the queue.", depth.queued as f64);
    text.gauge(
        "queue_depth_peak",
        "Most updates in the queue in the last one to two seconds.",
        depth.peak as f64,
    );
    let oldest = depth.oldest.as_secs_f64();
    text.gauge(
        "queue_oldest_seconds",
        "How long the oldest update in the queue has waited.",
        oldest,
    );
    let limit = status.config().values().queue_limit;
    text.gauge("queue_limit", "Most updates that the queue takes.", limit as f64);
    text.gauge("in_flight", "Updates that are being handed on.", ledger.in_flight as f64);
    text.gauge("readers", "Readers of the bus.", status.readers() as f64);
    text.gauge(
        "unread",
        "Updates that readers have not come to, added up.",
        status.unread() as f64,
    );
    let conversations = status.conversations() as f64;
    text.gauge("conversations", "Conversations that are remembered.", conversations);
}

fn of_the_delivery(text: &mut Exposition, context: &Context) {
    let (seats, frames) = (&context.seats, &context.frames);
    text.gauge("http_streams", "Streams and sockets that are open.", seats.taken() as f64);
    text.counter("http_streams_opened", "Streams and sockets that were opened.", seats.total());
    let refused = seats.refused();
    text.counter("http_streams_refused", "Streams and sockets that were one too many.", refused);
    text.counter("http_frames_encoded", "Frames that were written.", frames.encoded());
    let shared = frames.shared();
    text.counter("http_frames_shared", "Frames that a reader got ready-made.", shared);
    let held = frames.held() + context.channels.payloads.held();
    let about = "Bytes of written updates that are kept or on their way to readers.";
    text.gauge("http_frame_bytes", about, held as f64);
    let bodies = context.room.taken();
    text.gauge("http_body_bytes", "Bytes of request bodies that are being read.", bodies as f64);
    of_the_channels(text, &context.channels);
    let about = "Requests by the status of their answer.";
    text.counters("http_answers", about, "status", context.answers.all());
    let about = "From when an update was said until it was written for its readers.";
    text.histogram("http_delivery_seconds", about, &context.latency);
}

fn of_the_channels(text: &mut Exposition, channels: &Channels) {
    text.gauge("phoenix_sockets", "Sockets that are open.", channels.sockets() as f64);
    text.counter("phoenix_sockets_opened", "Sockets that were opened.", channels.opened());
    let about = "Sockets that have ended, by why.";
    text.counters("phoenix_sockets_ended", about, "reason", channels.ended());
    text.gauge("phoenix_channels", "Channels that are joined.", channels.now() as f64);
    text.counter("phoenix_joins", "Channels that were joined.", channels.joined());
    let refused = channels.refused();
    text.counter("phoenix_joins_refused", "Wishes to join that were refused.", refused);
    let (encoded, shared) = channels.payloads();
    text.counter("phoenix_batches_encoded", "Batches that were written for channels.", encoded);
    text.counter("phoenix_batches_shared", "Batches that a channel got ready-made.", shared);
}

fn of_the_server(text: &mut Exposition, connections: &Connections) {
    text.gauge("http_connections", "Connections that are open.", connections.open() as f64);
    let opened = connections.opened();
    text.counter("http_connections_opened", "Connections that were opened.", opened);
    let refused = connections.refused();
    text.counter("http_connections_refused", "Connections that were one too many.", refused);
    let failed = connections.failed();
    text.counter("http_connections_failed", "Connections that did not end well.", failed);
}
