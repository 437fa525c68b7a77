//! The description of all this for programs: `GET /openapi.json` and `GET /asyncapi.json`, written by
//! hand in `api/`, with what is of this bus and of this place filled in.

use std::sync::Arc;

use axum::Router;
use axum::extract::{OriginalUri, State};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::context::Context;
use crate::problem::{self, Problem};

const OPENAPI: &str = include_str!("../api/openapi.json");
const ASYNCAPI: &str = include_str!("../api/asyncapi.json");

pub(crate) fn router() -> Router<Arc<Context>> {
    Router::new().route("/openapi.json", get(openapi)).route("/asyncapi.json", get(asyncapi))
}

async fn openapi(
    State(context): State<Arc<Context>>,
    OriginalUri(uri): OriginalUri,
    caller: Caller,
) -> Result<Response, Problem> {
    context.admit(&caller).await?;
    let mut document = document(OPENAPI, &context);
    fill(&mut document, "/servers/0/url", json!(folder(uri.path())));
    let most = context.limits.updates;
    fill(&mut document, "/components/schemas/Publication/oneOf/1/maxItems", json!(most));
    Ok(problem::json(&document))
}

async fn asyncapi(
    State(context): State<Arc<Context>>,
    OriginalUri(uri): OriginalUri,
    caller: Caller,
) -> Result<Response, Problem> {
    context.admit(&caller).await?;
    let mut document = document(ASYNCAPI, &context);
    for server in ["http", "ws"] {
        fill(&mut document, &format!("/servers/{server}/pathname"), json!(folder(uri.path())));
        if let Some(host) = caller.host() {
            fill(&mut document, &format!("/servers/{server}/host"), json!(host));
        }
    }
    Ok(problem::json(&document))
}

/// A document with what is the same in both.
fn document(text: &str, context: &Context) -> Value {
    // They are in the program, and a test reads them.
    let mut document = serde_json::from_str(text).unwrap_or_default();
    fill(&mut document, "/info/version", json!(env!("CARGO_PKG_VERSION")));
    let categories: Vec<&str> = context.status.categories().names().collect();
    fill(&mut document, "/components/schemas/Category/enum", json!(categories));
    document
}

/// Puts a value in the place of the one that is there.
fn fill(document: &mut Value, pointer: &str, value: Value) {
    let place = document.pointer_mut(pointer);
    debug_assert!(place.is_some(), "{pointer}");
    if let Some(place) = place {
        *place = value;
    }
}

/// Where the files beside this one are, as what stands before paths that begin with a slash.
fn folder(path: &str) -> &str {
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(slash) => &path[..slash],
    }
}
