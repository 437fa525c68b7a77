//! Retained values: `GET /v1/status/{conversation}` and `GET /v1/system`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
#[cfg(feature = "formats")]
use axum::http::{HeaderName, header};
#[cfg(feature = "formats")]
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;
use statusbus_tokio::json::{Position, Update};
use statusbus_tokio::{Batch, Event, Selector};

use crate::access::{Access, Caller};
use crate::context::Context;
use crate::format::{BusRef, Format};
#[cfg(feature = "formats")]
use crate::format::{CLOUD_EVENTS_BATCH, cloud_events_batch};
use crate::request::{ConversationPath, Problem, SubscribeRequest, json};

pub(crate) fn router() -> Router<Arc<Context>> {
    Router::new()
        .route("/v1/status/{conversation}", get(conversation))
        .route("/v1/system", get(system))
}

/// The values, and the position from which a stream continues after them.
#[derive(Serialize)]
struct Retained<'a> {
    id: Position,
    updates: Vec<Update<'a>>,
}

async fn conversation(
    State(context): State<Arc<Context>>,
    ConversationPath(selector): ConversationPath,
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
    let format = Format::requested(caller, Format::RETAINED)?;
    let request = SubscribeRequest::read(caller, selector, status)?;
    context.authorize(caller, Access::Read(request.target())).await?;
    let bus = BusRef { epoch: status.epoch(), categories: status.categories() };
    // Read before the registry: updates of a conversation that is created meanwhile have later
    // positions.
    let head = status.head();
    // A request does not create an entry for an unknown conversation.
    if let Selector::Conversation(name) = &request.selector
        && !status.is_known(name)
    {
        return Ok(response(format, head, None, bus));
    }
    let subscribe = status.subscribe(request.selector.clone()).with_categories(request.categories);
    let mut subscription = subscribe.with_retained().open();
    let batch = match subscription.try_next() {
        Some(Event::Retained(batch)) => Some(batch),
        _ => None,
    };
    let head = subscription.resume_point().unwrap_or_default();
    Ok(response(format, head, batch.as_ref(), bus))
}

/// The values in the requested format. A stream continues after `head`.
fn response(format: Format, head: u64, batch: Option<&Batch>, bus: BusRef<'_>) -> Response {
    let id = Position { epoch: bus.epoch, seq: head };
    let updates = batch.into_iter().flatten();
    #[cfg(feature = "formats")]
    if format == Format::CloudEvents {
        let (body, id) = (cloud_events_batch(updates, bus), id.to_string());
        let headers = [
            (header::CONTENT_TYPE, CLOUD_EVENTS_BATCH),
            (header::CACHE_CONTROL, "no-store"),
            // A batch of events has no field for it.
            (HeaderName::from_static("last-event-id"), &*id),
        ];
        return (headers, body).into_response();
    }
    debug_assert_eq!(format, Format::Native, "the only other format of retained values");
    let updates = updates.map(|update| Update::new(&update, bus.categories)).collect();
    json(&Retained { id, updates })
}
