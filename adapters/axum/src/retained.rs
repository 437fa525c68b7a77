//! The values that stand: `GET /v1/status/{conversation}` and `GET /v1/system`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use statusbus_tokio::json::{Position, Update};
use statusbus_tokio::{Batch, Event, Selector};

use crate::caller::Caller;
use crate::context::Context;
use crate::format::{self, Bus, Format};
use crate::problem::{Problem, json};
use crate::request::{InPath, Reading};

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
    InPath(selector): InPath,
    caller: Caller,
) -> Result<Response, Problem> {
    retained(&context, &caller, selector).await
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
    let format = Format::asked(caller, &[Format::Native, Format::CloudEvents])?;
    let reading = Reading::new(caller, selector, status)?;
    context.decide(caller, crate::authorize::Access::Read(reading.target())).await?;
    let bus = Bus { epoch: status.epoch(), categories: status.categories() };
    // Before the registry is asked: what comes to a new conversation meanwhile is behind this position.
    let head = status.head();
    // A conversation that is not known takes no place for being asked for.
    if let Selector::Conversation(name) = &reading.selector
        && !status.knows(name)
    {
        return Ok(answer(format, head, None, bus));
    }
    let subscribe = status.subscribe(reading.selector.clone()).categories(reading.categories);
    let mut subscription = subscribe.retained().open();
    let batch = match subscription.try_next() {
        Some(Event::Retained(batch)) => Some(batch),
        _ => None,
    };
    let head = subscription.resume_point().unwrap_or_default();
    Ok(answer(format, head, batch.as_ref(), bus))
}

/// The values in the form that was asked for; a stream goes on behind `head`.
fn answer(format: Format, head: u64, batch: Option<&Batch>, bus: Bus<'_>) -> Response {
    /// A batch of events has no place for it.
    const ID: HeaderName = HeaderName::from_static("last-event-id");
    let id = Position { epoch: bus.epoch, seq: head }.to_string();
    let updates = batch.into_iter().flatten();
    if format == Format::CloudEvents {
        let body = format::cloud_events_batch(updates, bus);
        let headers = [
            (header::CONTENT_TYPE, format::CLOUD_EVENTS_BATCH),
            (header::CACHE_CONTROL, "no-store"),
            (ID, &id),
        ];
        return (headers, body).into_response();
    }
    let updates = updates.map(|update| Update::new(&update, bus.categories)).collect();
    json(&Retained { id, updates })
}
