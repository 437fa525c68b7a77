//! The values that stand: `GET /v1/status/{conversation}` and `GET /v1/system`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;
use statusbus_tokio::json::{Position, Update};
use statusbus_tokio::{Event, Selector};

use crate::caller::Caller;
use crate::context::Context;
use crate::problem::{Problem, json};
use crate::request::{Reading, conversation_named};

pub(crate) fn router() -> Router<Arc<Context>> {
    Router::new()
        .route("/v1/status/{conversation}", get(conversation))
        .route("/v1/system", get(system))
}

/// The values, and where a stream goes on behind them.
#[derive(Serialize)]
struct Retained<'a> {
    id: String,
    updates: Vec<Update<'a>>,
}

async fn conversation(
    State(context): State<Arc<Context>>,
    Path(name): Path<String>,
    caller: Caller,
) -> Result<Response, Problem> {
    retained(&context, &caller, conversation_named(&name)?).await
}

async fn system(State(context): State<Arc<Context>>, caller: Caller) -> Result<Response, Problem> {
    retained(&context, &caller, Selector::System).await
}

async fn retained(
    context: &Context,
    caller: &Caller,
    selector: Selector,
) -> Result<Response, Problem> {
    let status = &context.status;
    let reading = Reading::new(caller, selector, status)?;
    context.decide(caller, crate::authorize::Access::Read(reading.target())).await?;
    let epoch = status.epoch();
    // A name that nobody has said anything about gets no place for being asked for.
    if let Selector::Conversation(name) = &reading.selector
        && !status.knows(name)
    {
        let id = Position { epoch, seq: status.head() }.to_string();
        return Ok(json(&Retained { id, updates: Vec::new() }));
    }
    let subscribe = status.subscribe(reading.selector.clone()).categories(reading.categories);
    let mut subscription = subscribe.retained().open();
    let id = Position { epoch, seq: subscription.seq() }.to_string();
    let batch = match subscription.try_next() {
        Some(Event::Retained(batch)) => Some(batch),
        _ => None,
    };
    let categories = status.categories();
    let updates = batch.iter().flatten().map(|update| Update::new(&update, categories)).collect();
    Ok(json(&Retained { id, updates }))
}
