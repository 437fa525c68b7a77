//! Server-sent events: `GET …/events`.

mod frame;
mod frames;
mod stream;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use statusbus_tokio::Selector;

use crate::caller::Caller;
use crate::context::Context;
use crate::problem::Problem;
use crate::request::{Reading, conversation_named};

pub(crate) use frames::Frames;
use stream::Stream;

pub(crate) fn router() -> Router<Arc<Context>> {
    Router::new()
        .route("/v1/status/{conversation}/events", get(conversation))
        .route("/v1/system/events", get(system))
        .route("/v1/events", get(everything))
}

async fn conversation(
    State(context): State<Arc<Context>>,
    Path(name): Path<String>,
    caller: Caller,
) -> Result<Response, Problem> {
    events(&context, &caller, conversation_named(&name)?).await
}

async fn system(State(context): State<Arc<Context>>, caller: Caller) -> Result<Response, Problem> {
    events(&context, &caller, Selector::System).await
}

async fn everything(
    State(context): State<Arc<Context>>,
    caller: Caller,
) -> Result<Response, Problem> {
    events(&context, &caller, Selector::Everything).await
}

async fn events(
    context: &Arc<Context>,
    caller: &Caller,
    selector: Selector,
) -> Result<Response, Problem> {
    let reading = Reading::new(caller, selector, &context.status)?;
    let grant = context.decide(caller, reading.access()).await?;
    // Whoever comes while we close is told when to come back, as an event stream: a browser that
    // is answered with an error does not come back at all.
    if context.closing.has_begun() {
        return Ok(answer(Body::from(frame::farewell())));
    }
    let seat = context.seats.take().ok_or_else(|| Problem::crowded(context.seats.most()))?;
    let stream = Stream::open(context, &reading, grant, seat);
    Ok(answer(Body::from_stream(stream.frames())))
}

/// An event stream that no proxy keeps, packs or changes.
fn answer(body: Body) -> Response {
    const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
    let mut response = (StatusCode::OK, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(NO_BUFFERING, HeaderValue::from_static("no"));
    response
}
