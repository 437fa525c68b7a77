//! What is answered when something is wrong.

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use statusbus_tokio::ConversationError;

use crate::authorize::Denied;

/// What was wrong with a request and what would be right, as JSON: `{"reason", "detail"}`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Problem {
    #[serde(skip)]
    status: StatusCode,
    /// One of a small set, for programs.
    reason: &'static str,
    /// For people.
    detail: Cow<'static, str>,
    /// The methods that would be right, where the router does not know better.
    #[serde(skip)]
    allow: Option<&'static str>,
}

impl Problem {
    pub(crate) fn new(
        status: StatusCode,
        reason: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, reason, detail: detail.into(), allow: None }
    }

    pub(crate) fn origin(origin: &str) -> Self {
        let detail = format!("pages from {origin:?} may not: list the origin if they should");
        Self::new(StatusCode::FORBIDDEN, "origin", detail)
    }

    pub(crate) fn bad_request(reason: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason, detail)
    }

    pub(crate) fn crowded(most: usize) -> Self {
        let detail = format!("{most} streams are open, and that is the limit: come back later");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "crowded", detail)
    }

    pub(crate) fn closing() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "closing", "the server is closing: come back")
    }

    pub(crate) fn only_get() -> Self {
        let detail = "only format=ag-ui is asked for with POST: read this with GET";
        let problem = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method", detail);
        Self { allow: Some("GET"), ..problem }
    }

    /// Of a path that there is not.
    pub(crate) fn not_found() -> Self {
        let detail = "there is no such path: `openapi.json` lists those that there are";
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// Of a path that does not take a method: the router says in `allow` which it takes.
    pub(crate) fn method() -> Self {
        let detail = "another method is taken here: `allow` says which";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method", detail)
    }

    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) const fn reason(&self) -> &'static str {
        self.reason
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }
}

impl From<ConversationError> for Problem {
    fn from(error: ConversationError) -> Self {
        Self::bad_request("invalid", error.to_string())
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unauthenticated(detail) => {
                Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
            }
            Denied::Forbidden(detail) => Self::new(StatusCode::FORBIDDEN, "unauthorized", detail),
        }
    }
}

/// An answer in JSON, of which nobody keeps a copy.
pub(crate) fn json(answer: &impl Serialize) -> Response {
    // Strings and numbers of ours: writing them cannot fail.
    let body = serde_json::to_vec(answer).unwrap_or_default();
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (headers, body).into_response()
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, json(&self)).into_response();
        let headers = response.headers_mut();
        if let Some(allow) = self.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}
