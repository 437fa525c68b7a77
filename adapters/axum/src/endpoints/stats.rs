//! Statistics of the bus, for the dashboard and for scripts: `GET /v1/health`.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;
use statusbus_tokio::json::Epoch;
use statusbus_tokio::{Ledger, Status};

use crate::access::{Access, Caller};
use crate::context::Context;
use crate::request::{Problem, json};

pub(crate) fn router() -> Router<Arc<Context>> {
    Router::new().route("/v1/health", get(stats))
}

async fn stats(State(context): State<Arc<Context>>, caller: Caller) -> Result<Response, Problem> {
    context.authorize(&caller, Access::Observe).await?;
    Ok(json(&Stats::new(&context.status)))
}

/// Statistics at this moment. Counters count from the start that `epoch` identifies.
#[derive(Debug, Serialize)]
struct Stats<'a> {
    epoch: Epoch,
    /// The server's clock, in milliseconds since 1970.
    now_ms: u64,
    ledger: Ledger,
    queue: Queue,
    /// Open subscriptions, including the dashboard's own.
    readers: usize,
    conversations: usize,
    /// Updates that readers have not read yet, summed over readers.
    unread: u64,
    /// Updates that readers missed by being too slow, summed over readers.
    missed: u64,
    /// Panics that the bus contained.
    panics: u64,
    categories: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct Queue {
    queued: usize,
    /// Maximum in the last one to two seconds, the same for all callers.
    peak: usize,
    limit: usize,
    /// Age of the oldest queued update.
    oldest_ms: f64,
}

impl<'a> Stats<'a> {
    fn new(status: &'a Status) -> Self {
        let depth = status.depth();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self {
            epoch: Epoch(status.epoch()),
            now_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            ledger: status.ledger(),
            queue: Queue {
                queued: depth.queued,
                peak: depth.peak,
                limit: status.config().queue_limit(),
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
