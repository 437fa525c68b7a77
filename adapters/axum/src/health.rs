//! Whether it lives, and whether it takes more.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;

use crate::caller::Caller;
use crate::context::Context;
use crate::problem::Problem;

pub(crate) fn router() -> Router<Arc<Context>> {
    Router::new().route("/healthz", get(lives)).route("/readyz", get(is_ready))
}

async fn lives(
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
    match context.closing.has_begun() {
        true => Err(Problem::closing()),
        false => Ok("ready\n"),
    }
}
