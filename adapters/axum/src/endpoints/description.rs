//! API descriptions: `GET /openapi.json` and `GET /asyncapi.json`. They are written by hand in `api/`;
//! addresses, limits and categories of the running bus are filled in, and what disabled features would
//! add is removed.

use std::sync::Arc;

use axum::Router;
use axum::extract::{OriginalUri, State};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use crate::access::Caller;
use crate::context::Context;
use crate::format::Format;
use crate::request::{Problem, json as json_response};

const OPENAPI: &str = include_str!("../../api/openapi.json");
const ASYNCAPI: &str = include_str!("../../api/asyncapi.json");

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
    remove_disabled_paths(&mut document);
    fill(&mut document, "/servers/0/url", json!(folder(uri.path())));
    let max = context.limits.updates;
    fill(&mut document, "/components/schemas/Publication/oneOf/1/maxItems", json!(max));
    Ok(json_response(&document))
}

async fn asyncapi(
    State(context): State<Arc<Context>>,
    OriginalUri(uri): OriginalUri,
    caller: Caller,
) -> Result<Response, Problem> {
    context.admit(&caller).await?;
    let mut document = document(ASYNCAPI, &context);
    remove_disabled_messages(&mut document);
    for server in SERVERS {
        fill(&mut document, &format!("/servers/{server}/pathname"), json!(folder(uri.path())));
        if let Some(host) = caller.host() {
            fill(&mut document, &format!("/servers/{server}/host"), json!(host));
        }
    }
    Ok(json_response(&document))
}

/// Parses a description and fills in what both have in common.
fn document(text: &str, context: &Context) -> Value {
    // The texts are constants, and a test parses them.
    let mut document = serde_json::from_str(text).unwrap_or_default();
    fill(&mut document, "/info/version", json!(env!("CARGO_PKG_VERSION")));
    let categories: Vec<&str> = context.status.categories().names().collect();
    fill(&mut document, "/components/schemas/Category/enum", json!(categories));
    document
}

/// Replaces the value at `pointer`, which must exist.
fn fill(document: &mut Value, pointer: &str, value: Value) {
    let value_there = document.pointer_mut(pointer);
    debug_assert!(value_there.is_some(), "{pointer}");
    if let Some(value_there) = value_there {
        *value_there = value;
    }
}

/// The servers in the AsyncAPI description.
#[cfg(feature = "phoenix")]
const SERVERS: [&str; 2] = ["http", "ws"];
#[cfg(not(feature = "phoenix"))]
const SERVERS: [&str; 1] = ["http"];

/// Removes the paths and formats of disabled features from the OpenAPI description.
fn remove_disabled_paths(document: &mut Value) {
    let Some(paths) = document.pointer_mut("/paths").and_then(Value::as_object_mut) else {
        debug_assert!(false, "a description has paths");
        return;
    };
    if !cfg!(feature = "phoenix") {
        paths.remove("/socket/websocket");
    }
    if !cfg!(feature = "dashboard") {
        paths.remove("/");
        paths.remove("/page/{file}");
    }
    if !cfg!(feature = "formats") {
        let streams = paths.iter_mut().filter(|(path, _)| path.ends_with("/events"));
        for (_, methods) in streams {
            if let Some(methods) = methods.as_object_mut() {
                methods.remove("post");
            }
        }
        for parameter in ["format", "retainedFormat"] {
            let pointer = format!("/components/parameters/{parameter}/schema/enum");
            fill(document, &pointer, json!([Format::Native.name()]));
        }
    }
}

/// Removes the channels, operations and messages of disabled features from the AsyncAPI description.
fn remove_disabled_messages(document: &mut Value) {
    if !cfg!(feature = "phoenix") {
        retain(document, "/servers", |name, _| name != "ws");
        retain(document, "/channels", |name, _| name != "socket");
        retain(document, "/operations", |_, operation| {
            operation["channel"]["$ref"] != "#/channels/socket"
        });
    }
    if !cfg!(feature = "formats") {
        let is_native = |name: &str| !["aiSdk", "agUi", "cloudEvents"].contains(&name);
        for stream in ["conversationEvents", "systemEvents", "events"] {
            retain(document, &format!("/channels/{stream}/messages"), |name, _| is_native(name));
            let messages = document.pointer_mut(&format!("/operations/{stream}/messages"));
            if let Some(messages) = messages.and_then(Value::as_array_mut) {
                messages.retain(|message| {
                    let target = message["$ref"].as_str().unwrap_or_default();
                    target.rsplit('/').next().is_some_and(is_native)
                });
            }
        }
    }
}

fn retain(document: &mut Value, pointer: &str, keep: impl Fn(&str, &Value) -> bool) {
    let object = document.pointer_mut(pointer).and_then(Value::as_object_mut);
    debug_assert!(object.is_some(), "{pointer}");
    if let Some(object) = object {
        object.retain(|name, value| keep(name, value));
    }
}

/// The folder of a path, as a prefix for paths that begin with a slash.
fn folder(path: &str) -> &str {
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(slash) => &path[..slash],
    }
}
