//! Publishing: `POST /v1/status`.

mod body;
mod incoming;

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Serialize;
use statusbus_tokio::{RefuseReason, Sent};

use crate::authorize::{Access, Target};
use crate::caller::Caller;
use crate::context::Context;
use crate::problem::{Problem, json};

pub(crate) use body::Room;
use incoming::{Form, Incoming, Name};

pub(crate) fn router() -> Router<Arc<Context>> {
    Router::new().route("/v1/status", post(publish))
}

/// What became of the updates of a request.
#[derive(Debug, Default, Serialize)]
struct Answer {
    accepted: usize,
    refused: Vec<Refusal>,
}

/// An update that was not taken in.
#[derive(Debug, Serialize)]
struct Refusal {
    /// Which one, counted from 0.
    index: usize,
    /// As the ledger counts it.
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
    if context.closing.has_begun() {
        return Err(Problem::closing());
    }
    let form = Form::of(caller.header(header::CONTENT_TYPE));
    let body = request.into_body();
    let body = context.room.read(&caller, body, context.limits.body).await?;
    let Ok(text) = std::str::from_utf8(&body.bytes) else {
        return Err(Problem::bad_request("not_json", "the body is not JSON: it is not UTF-8"));
    };
    let updates = form.split(text, context.limits.updates)?;
    let answer = judge(&context, &caller, &updates).await?;
    let closed = RefuseReason::Closed.as_str();
    if answer.accepted == 0 && answer.refused.iter().any(|refusal| refusal.reason == closed) {
        return Err(Problem::closing());
    }
    Ok((StatusCode::ACCEPTED, json(&answer)).into_response())
}

/// What became of one update.
enum Verdict {
    Accepted,
    Refused(&'static str, String),
    /// Nobody knows who asks: then neither for any other update.
    Unknown(Problem),
}

/// Sends each update by itself. Whoever is not known is told so once, but each is counted.
async fn judge(context: &Context, caller: &Caller, updates: &[&str]) -> Result<Answer, Problem> {
    let mut answer = Answer::default();
    // What the caller may say about whom, by name; the whole system has none.
    let mut decided = HashMap::new();
    for (index, json) in updates.iter().enumerate() {
        match verdict(context, caller, json, &mut decided).await {
            Verdict::Accepted => answer.accepted += 1,
            Verdict::Refused(reason, detail) => {
                answer.refused.push(Refusal { index, reason, detail: cut(detail) });
            }
            Verdict::Unknown(problem) => {
                for _ in index..updates.len() {
                    context.status.refuse(RefuseReason::Unauthorized);
                }
                return Err(problem);
            }
        }
    }
    Ok(answer)
}

async fn verdict(
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
    match may(context, caller, &update, decided).await {
        Ok(()) => {}
        Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => {
            return Verdict::Unknown(problem);
        }
        Err(problem) => return refused(RefuseReason::Unauthorized, problem.detail().to_owned()),
    }
    let draft = match update.draft(status) {
        Ok(draft) => draft,
        Err(detail) => return refused(RefuseReason::Invalid, detail),
    };
    match draft.try_send() {
        Ok(Sent::Queued | Sent::Merged | Sent::Displaced(_)) => Verdict::Accepted,
        Ok(Sent::Expired) => {
            let detail = "the queue is full, and its time-to-live is over: it takes nobody's place";
            Verdict::Refused("expired", detail.to_owned())
        }
        Ok(Sent::Dropped(reason)) => {
            let detail = "the queue is full, and this is what goes first: it was dropped";
            Verdict::Refused(reason.as_str(), detail.to_owned())
        }
        Err(refused) => Verdict::Refused(refused.reason.as_str(), refused.to_string()),
    }
}

/// A detail may repeat what was sent, which may be long.
fn cut(mut detail: String) -> String {
    const ENOUGH: usize = 300;
    if let Some((end, _)) = detail.char_indices().nth(ENOUGH) {
        detail.truncate(end);
        detail.push('…');
    }
    detail
}

/// Whether the caller may say this.
async fn may(
    context: &Context,
    caller: &Caller,
    update: &Incoming<'_>,
    decided: &mut HashMap<Option<String>, Result<(), Problem>>,
) -> Result<(), Problem> {
    let name = update.conversation.as_ref().map(|Name(name)| name.as_ref());
    // What is no name the bus refuses, with the reason.
    if name.is_some_and(|name| statusbus_tokio::ConversationName::new(name).is_err()) {
        return Ok(());
    }
    let known = name.map(str::to_owned);
    if let Some(decision) = decided.get(&known) {
        return decision.clone();
    }
    let target = name.map_or(Target::System, Target::Conversation);
    let decision = context.decide(caller, Access::Publish(target)).await.map(|_| ());
    decided.insert(known, decision.clone());
    decision
}
