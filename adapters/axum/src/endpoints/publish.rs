//! Publishing: `POST /v1/status`.

mod body_kind;
mod incoming;

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Serialize;
use statusbus_tokio::RefuseReason;

use crate::access::{Access, Caller, Target};
use crate::context::Context;
use crate::request::{Problem, json};

use body_kind::BodyKind;
use incoming::{Incoming, Name};

pub(crate) fn router() -> Router<Arc<Context>> {
    Router::new().route("/v1/status", post(publish))
}

/// The outcome of the updates in a request.
#[derive(Debug, Default, Serialize)]
struct Answer {
    accepted: usize,
    refused: Vec<Refusal>,
}

/// An update that was refused.
#[derive(Debug, Serialize)]
struct Refusal {
    /// Its index in the request, from 0.
    index: usize,
    /// The reason as the ledger counts it.
    reason: &'static str,
    /// For people.
    detail: String,
}

async fn publish(
    State(context): State<Arc<Context>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    context.origins.check(&caller)?;
    context.admit(&caller).await?;
    context.admit_publisher(&caller).await?;
    if context.shutdown.is_shutting_down() {
        return Err(Problem::closing());
    }
    let kind = BodyKind::of(caller.header(header::CONTENT_TYPE.as_str()));
    let body = request.into_body();
    let body = context.bodies.read(&caller, body, context.limits.body).await?;
    let Ok(text) = std::str::from_utf8(&body.bytes) else {
        return Err(Problem::bad_request("not_json", "the body is not JSON: it is not UTF-8"));
    };
    let updates = kind.split(text, context.limits.updates)?;
    let answer = publish_all(&context, &caller, &updates).await?;
    let closed = RefuseReason::Closed.as_str();
    if answer.accepted == 0 && answer.refused.iter().any(|refusal| refusal.reason == closed) {
        return Err(Problem::closing());
    }
    Ok((StatusCode::ACCEPTED, json(&answer)).into_response())
}

/// The outcome of one update.
enum Verdict {
    Accepted,
    Refused(&'static str, String),
    /// The caller is unknown, so no further update can be accepted.
    Unauthenticated(Problem),
}

/// Publishes each update separately. An unknown caller gets one error, but each update is counted.
async fn publish_all(
    context: &Context,
    caller: &Caller,
    updates: &[&str],
) -> Result<Answer, Problem> {
    let mut answer = Answer::default();
    // Decisions by conversation; `None` is the system.
    let mut decided = HashMap::new();
    for (index, json) in updates.iter().enumerate() {
        match publish_one(context, caller, json, &mut decided).await {
            Verdict::Accepted => answer.accepted += 1,
            Verdict::Refused(reason, detail) => {
                answer.refused.push(Refusal { index, reason, detail: cut(detail) });
            }
            Verdict::Unauthenticated(problem) => {
                for _ in index..updates.len() {
                    context.status.refuse(RefuseReason::Unauthorized);
                }
                return Err(problem);
            }
        }
    }
    Ok(answer)
}

async fn publish_one(
    context: &Context,
    caller: &Caller,
    json: &str,
    decided: &mut HashMap<Option<String>, Result<(), Problem>>,
) -> Verdict {
    let status = &context.status;
    let refused = |reason: RefuseReason, detail| {
        status.refuse(reason);
        Verdict::Refused(reason.as_str(), detail)
    };
    let update = match Incoming::read(json) {
        Ok(update) => update,
        Err(detail) => return refused(RefuseReason::Invalid, detail),
    };
    match authorize(context, caller, &update, decided).await {
        Ok(()) => {}
        Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => {
            return Verdict::Unauthenticated(problem);
        }
        Err(problem) => return refused(RefuseReason::Unauthorized, problem.detail().to_owned()),
    }
    let draft = match update.draft(status) {
        Ok(draft) => draft,
        Err(detail) => return refused(RefuseReason::Invalid, detail),
    };
    match draft.try_send() {
        Ok(_) => Verdict::Accepted,
        Err(error) => Verdict::Refused(error.reason(), error.to_string()),
    }
}

/// Bounds the length of a detail, which may quote a long input.
fn cut(mut detail: String) -> String {
    const MAX_CHARS: usize = 300;
    if let Some((end, _)) = detail.char_indices().nth(MAX_CHARS) {
        detail.truncate(end);
        detail.push('…');
    }
    detail
}

/// Decides whether the caller may publish the update, once for each conversation.
async fn authorize(
    context: &Context,
    caller: &Caller,
    update: &Incoming<'_>,
    decided: &mut HashMap<Option<String>, Result<(), Problem>>,
) -> Result<(), Problem> {
    let name = update.conversation.as_ref().map(|Name(name)| name.as_ref());
    // The bus refuses invalid names, with the reason.
    if name.is_some_and(|name| statusbus_tokio::ConversationName::new(name).is_err()) {
        return Ok(());
    }
    let known = name.map(str::to_owned);
    if let Some(decision) = decided.get(&known) {
        return decision.clone();
    }
    let target = name.map_or(Target::System, Target::Conversation);
    let decision = context.authorize(caller, Access::Publish(target)).await.map(|_| ());
    decided.insert(known, decision.clone());
    decision
}
