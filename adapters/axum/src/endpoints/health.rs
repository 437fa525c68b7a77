//! Liveness and readiness: `GET /healthz` and `GET /readyz`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;

use crate::access::Caller;
use crate::context::Context;
use crate::request::Problem;

pub(crate) fn router() -> Router<Arc<Context>> {
    Router::new().route("/healthz", get(is_live)).route("/readyz", get(is_ready))
}

async fn is_live(
    State(context): State<Arc<Context>>,
    caller: Caller,
) -> Result<&'static str, Problem> {
    context.admit(&caller).await?;
    Ok("ok\n")
}

async fn is_ready(
    State(context): State<Arc<Context>>,
    caller: Caller,
) -> Result<&'static str, Problem> {
    context.admit(&caller).await?;
    if context.shutdown.is_shutting_down() { Err(Problem::closing()) } else { Ok("ready\n") }
}
