//! Metrics for Prometheus: `GET /metrics`. They contain no conversation names.

mod exposition;

use std::sync::Arc;

#[cfg(feature = "server")]
use axum::extract::Extension;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use statusbus_tokio::{DropReason, RefuseReason};

use crate::access::{Access, Caller};
use crate::context::Context;
use crate::request::Problem;
#[cfg(feature = "server")]
use crate::state::ConnectionCounts;
#[cfg(feature = "phoenix")]
use crate::state::{ChannelCounts, FrameCache};

use exposition::Exposition;

pub(crate) fn router() -> Router<Arc<Context>> {
    Router::new().route("/metrics", get(metrics))
}

/// Counts the responses of a router.
pub(crate) fn count(router: Router<Arc<Context>>, context: &Arc<Context>) -> Router<Arc<Context>> {
    let context = Arc::clone(context);
    router.layer(middleware::map_response(move |response: Response| {
        context.responses.count(response.status());
        std::future::ready(response)
    }))
}

async fn metrics(
    State(context): State<Arc<Context>>,
    #[cfg(feature = "server")] connections: Option<Extension<Arc<ConnectionCounts>>>,
    caller: Caller,
) -> Result<impl IntoResponse, Problem> {
    context.authorize(&caller, Access::Observe).await?;
    let mut text = Exposition::default();
    write_bus(&mut text, &context);
    write_delivery(&mut text, &context);
    #[cfg(feature = "phoenix")]
    write_channels(&mut text, &context.channels, &context.channel_frames);
    #[cfg(feature = "server")]
    if let Some(Extension(connections)) = connections {
        write_connections(&mut text, &connections);
    }
    let headers = [
        (header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, text.into_string()))
}

fn write_bus(text: &mut Exposition, context: &Context) {
    let status = &context.status;
    let (ledger, depth) = (status.ledger(), status.depth());
    text.counter("sent", "Updates that were sent, whatever their outcome.", ledger.sent);
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
    text.counters("refused", "Updates that were refused.", "reason", refused);
    text.counter(
        "missed",
        "Updates that readers missed by being too slow, summed over readers.",
        status.missed(),
    );
    text.counter("panics", "Panics that were contained.", status.panics());
    text.gauge("queue_depth", "Updates in the queue.", depth.queued as f64);
    text.gauge(
        "queue_depth_peak",
        "Maximum number of queued updates in the last one to two seconds.",
        depth.peak as f64,
    );
    let oldest = depth.oldest.as_secs_f64();
    text.gauge("queue_oldest_seconds", "Age of the oldest queued update.", oldest);
    let limit = status.config().queue_limit();
    text.gauge("queue_limit", "Capacity of the queue.", limit as f64);
    text.gauge(
        "in_flight",
        "Updates in batches that are being delivered.",
        ledger.in_flight as f64,
    );
    text.gauge("readers", "Readers of the bus.", status.readers() as f64);
    text.gauge(
        "unread",
        "Updates that readers have not read yet, summed over readers.",
        status.unread() as f64,
    );
    let conversations = status.conversations() as f64;
    text.gauge("conversations", "Conversations in memory.", conversations);
}

fn write_delivery(text: &mut Exposition, context: &Context) {
    let (streams, frames) = (&context.streams, &context.frames);
    text.gauge("http_streams", "Streams and sockets that are open.", streams.open() as f64);
    text.counter("http_streams_opened", "Streams and sockets that were opened.", streams.opened());
    let refused = streams.refused();
    text.counter("http_streams_refused", "Streams and sockets that were one too many.", refused);
    text.counter("http_frames_encoded", "Frames that were encoded.", frames.encoded());
    let shared = frames.shared();
    text.counter("http_frames_shared", "Frames that a reader received without encoding.", shared);
    let (encoded, shared) = frames.retained_parts();
    let about = "Parts of retained values that were encoded.";
    text.counter("http_retained_parts_encoded", about, encoded);
    let about = "Parts of retained values that a reader received without encoding.";
    text.counter("http_retained_parts_shared", about, shared);
    let held = frames.held();
    #[cfg(feature = "phoenix")]
    let held = held + context.channel_frames.held();
    let about = "Bytes of encoded updates that are cached or on their way to readers.";
    text.gauge("http_frame_bytes", about, held as f64);
    let bodies = context.bodies.taken();
    text.gauge("http_body_bytes", "Bytes of request bodies in memory.", bodies as f64);
    let about = "Responses by status code.";
    text.counters("http_answers", about, "status", context.responses.all());
    let about = "Time from the sending of an update until it is encoded for its readers.";
    text.histogram("http_delivery_seconds", about, &context.latency);
}

#[cfg(feature = "phoenix")]
fn write_channels(text: &mut Exposition, channels: &ChannelCounts, frames: &FrameCache) {
    text.gauge("phoenix_sockets", "Sockets that are open.", channels.sockets() as f64);
    text.counter("phoenix_sockets_opened", "Sockets that were opened.", channels.opened());
    let about = "Sockets that ended, by reason.";
    text.counters("phoenix_sockets_ended", about, "reason", channels.ended());
    text.gauge("phoenix_channels", "Channels that are joined.", channels.now() as f64);
    text.counter("phoenix_joins", "Channels that were joined.", channels.joined());
    let refused = channels.refused();
    text.counter("phoenix_joins_refused", "Join requests that were refused.", refused);
    let (encoded, shared) = (frames.encoded(), frames.shared());
    text.counter("phoenix_batches_encoded", "Batches that were encoded for channels.", encoded);
    text.counter(
        "phoenix_batches_shared",
        "Batches that a channel received without encoding.",
        shared,
    );
}

#[cfg(feature = "server")]
fn write_connections(text: &mut Exposition, connections: &ConnectionCounts) {
    text.gauge("http_connections", "Connections that are open.", connections.open() as f64);
    let opened = connections.opened();
    text.counter("http_connections_opened", "Connections that were opened.", opened);
    let refused = connections.refused();
    text.counter(
        "http_connections_refused",
        "Connections that were refused at the limit.",
        refused,
    );
    let failed = connections.failed();
    text.counter(
        "http_connections_failed",
        "Connections that failed: closed by an error, a timeout or invalid input.",
        failed,
    );
}
