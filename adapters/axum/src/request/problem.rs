//! Error responses.

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use statusbus_tokio::ConversationError;

use crate::access::Denied;

/// An error response: `{"reason", "detail"}` in JSON. `detail` names the fault and the remedy.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Problem {
    #[serde(skip)]
    status: StatusCode,
    /// One of a small fixed set, for programs.
    reason: &'static str,
    /// For people.
    detail: Cow<'static, str>,
    /// The header `Allow`, where it differs from what the router knows.
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
        let detail =
            format!("pages from {origin:?} are not allowed: add the origin to the allowed ones");
        Self::new(StatusCode::FORBIDDEN, "origin", detail)
    }

    pub(crate) fn bad_request(reason: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason, detail)
    }

    pub(crate) fn crowded(most: usize) -> Self {
        let detail = format!("{most} streams are open, which is the limit: retry later");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "crowded", detail)
    }

    pub(crate) fn closing() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "closing", "the server is shutting down: retry")
    }

    /// `POST` to an event stream in a format that is read with `GET`.
    #[cfg(feature = "formats")]
    pub(crate) fn only_get() -> Self {
        let detail = "only format=ag-ui is requested with POST: use GET";
        let problem = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method", detail);
        Self { allow: Some("GET"), ..problem }
    }

    /// The path is unknown.
    pub(crate) fn not_found() -> Self {
        let detail = "the path is unknown: `openapi.json` lists the paths";
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// The path does not support the method. The router adds the header `Allow`.
    pub(crate) fn method() -> Self {
        let detail = "the method is not supported here: the header `allow` lists those that are";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method", detail)
    }

    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    #[cfg(any(test, feature = "phoenix"))]
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

/// A response in JSON that must not be cached.
pub(crate) fn json(content: &impl Serialize) -> Response {
    // Only strings, numbers and maps with string keys: serializing them cannot fail.
    let body = serde_json::to_vec(content).unwrap_or_default();
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
