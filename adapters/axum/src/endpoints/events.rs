//! Event streams (server-sent events): `GET …/events`, and `POST` for formats whose clients use it.

mod stream;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use statusbus_tokio::Selector;

use crate::access::Caller;
use crate::context::Context;
use crate::format::{Encoder, Format, retry_later};
use crate::request::{ConversationPath, Problem, SubscribeRequest};

use stream::Stream;

pub(crate) fn router() -> Router<Arc<Context>> {
    Router::new()
        .route("/v1/status/{conversation}/events", methods(conversation))
        .route("/v1/system/events", methods(system))
        .route("/v1/events", methods(everything))
}

fn methods<H: Handler<T, Arc<Context>>, T: 'static>(handler: H) -> MethodRouter<Arc<Context>> {
    #[cfg(feature = "formats")]
    return get(handler.clone()).post(handler);
    #[cfg(not(feature = "formats"))]
    get(handler)
}

async fn conversation(
    State(context): State<Arc<Context>>,
    ConversationPath(selector): ConversationPath,
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
    let format = Format::requested(caller, Format::STREAMS)?;
    #[cfg(feature = "formats")]
    let is_post = request.method() == axum::http::Method::POST;
    #[cfg(feature = "formats")]
    if is_post && format != Format::AgUi {
        return Err(Problem::only_get());
    }
    let subscribe = SubscribeRequest::read(caller, selector, &context.status)?;
    let grant = context.authorize(caller, subscribe.access()).await?;
    let encoder = format.encoder();
    if context.shutdown.is_shutting_down() {
        // A browser does not reconnect after an error response, but does after a stream that ends.
        return if encoder.is_for_event_sources() {
            Ok(response(encoder, Body::from(retry_later())))
        } else {
            Err(Problem::closing())
        };
    }
    #[cfg(feature = "formats")]
    let run_input = if is_post {
        let body = context.bodies.read(caller, request.into_body(), context.limits.body).await?;
        Some(crate::format::RunInput::read(&body.bytes)?)
    } else {
        None
    };
    #[cfg(not(feature = "formats"))]
    drop(request);
    let permit =
        context.streams.acquire().ok_or_else(|| Problem::crowded(context.streams.max()))?;
    let stream = Stream::open(
        context,
        &subscribe,
        format,
        grant,
        permit,
        #[cfg(feature = "formats")]
        run_input,
    );
    Ok(response(encoder, Body::from_stream(stream.frames())))
}

/// An event stream that proxies neither buffer, compress nor change.
fn response(encoder: &dyn Encoder, body: Body) -> Response {
    const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
    let mut response = (StatusCode::OK, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(NO_BUFFERING, HeaderValue::from_static("no"));
    headers.extend(encoder.header());
    response
}
