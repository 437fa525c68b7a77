//! Server-sent events: `GET …/events`, and `POST` where a form wants to be asked so.

mod frames;
mod stream;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use statusbus_tokio::Selector;

use crate::caller::Caller;
use crate::context::Context;
use crate::format::{self, Asked, Form, Format};
use crate::problem::Problem;
use crate::request::{InPath, Reading};

pub(crate) use frames::{Frame, Frames, LONG, Member};
use stream::Stream;

pub(crate) fn router() -> Router<Arc<Context>> {
    Router::new()
        .route("/v1/status/{conversation}/events", get(conversation).post(conversation))
        .route("/v1/system/events", get(system).post(system))
        .route("/v1/events", get(everything).post(everything))
}

async fn conversation(
    State(context): State<Arc<Context>>,
    InPath(selector): InPath,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    events(&context, &caller, selector, request).await
}

async fn system(
    State(context): State<Arc<Context>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    events(&context, &caller, Selector::System, request).await
}

async fn everything(
    State(context): State<Arc<Context>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    events(&context, &caller, Selector::Everything, request).await
}

async fn events(
    context: &Arc<Context>,
    caller: &Caller,
    selector: Selector,
    request: Request,
) -> Result<Response, Problem> {
    let format = Format::asked(caller, &Format::ALL)?;
    let is_post = request.method() == Method::POST;
    if is_post && format != Format::AgUi {
        return Err(Problem::only_get());
    }
    let reading = Reading::new(caller, selector, &context.status)?;
    let grant = context.decide(caller, reading.access()).await?;
    let form = format.form();
    if context.closing.has_begun() {
        // Whoever comes while we close is told when to come back, as an event stream: a browser
        // that is answered with an error does not come back at all.
        return match form.is_for_event_sources() {
            true => Ok(answer(form, Body::from(format::come_back()))),
            false => Err(Problem::closing()),
        };
    }
    let asked = match is_post {
        true => {
            let (most, body) = (context.limits.body, request.into_body());
            let body = context.room.read(caller, body, most).await?;
            Some(Asked::read(&body.bytes)?)
        }
        false => None,
    };
    let seat = context.seats.take().ok_or_else(|| Problem::crowded(context.seats.most()))?;
    let stream = Stream::open(context, &reading, format, asked, grant, seat);
    Ok(answer(form, Body::from_stream(stream.frames())))
}

/// An event stream that no proxy keeps, packs or changes.
fn answer(form: &dyn Form, body: Body) -> Response {
    const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
    let mut response = (StatusCode::OK, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(NO_BUFFERING, HeaderValue::from_static("no"));
    headers.extend(form.header());
    response
}
