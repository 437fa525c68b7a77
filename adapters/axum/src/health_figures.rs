//! How the bus does, as figures for the page: `GET /v1/health`.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use serde::Serialize;
use statusbus_tokio::Status;
use statusbus_tokio::json::{Epoch, Ledger};

use crate::authorize::Access;
use crate::caller::Caller;
use crate::context::Context;
use crate::problem::Problem;

pub(crate) fn router() -> Router<Arc<Context>> {
    Router::new().route("/v1/health", get(figures))
}

async fn figures(
    State(context): State<Arc<Context>>,
    caller: Caller,
) -> Result<impl IntoResponse, Problem> {
    context.decide(&caller, Access::Observe).await?;
    // Numbers and names: serialising them cannot fail.
    let figures = serde_json::to_vec(&Figures::new(&context.status)).unwrap_or_default();
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, figures))
}

/// How the bus does now. Counters count from the beginning of the run that `epoch` names.
#[derive(Debug, Serialize)]
struct Figures<'a> {
    epoch: Epoch,
    /// The server's clock, in milliseconds since 1970.
    now_ms: u64,
    ledger: Ledger,
    queue: Queue,
    /// Readers there are, this page's among them.
    readers: usize,
    conversations: usize,
    /// Updates that readers have not come to yet, and that they missed by being too slow.
    unread: u64,
    missed: u64,
    /// Panics that were contained.
    panics: u64,
    categories: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct Queue {
    queued: usize,
    /// Most at once in the last one to two seconds, the same for everybody who asks.
    peak: usize,
    limit: usize,
    /// For how long the oldest has waited.
    oldest_ms: f64,
}

impl<'a> Figures<'a> {
    fn new(status: &'a Status) -> Self {
        let depth = status.depth();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self {
            epoch: Epoch(status.epoch()),
            now_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            ledger: Ledger::from(&status.ledger()),
            queue: Queue {
                queued: depth.queued,
                peak: depth.peak,
                limit: status.config().values().queue_limit,
                oldest_ms: depth.oldest.as_micros() as f64 / 1000.0,
            },
            readers: status.readers(),
            conversations: status.conversations(),
            unread: status.unread(),
            missed: status.missed(),
            panics: status.panics(),
            categories: status.categories().names().collect(),
        }
    }
}
