//! Origins whose pages may read, publish and open sockets from a browser.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, Uri, header};
use tower_http::cors::CorsLayer;

use super::problem::Problem;
use crate::access::Caller;

/// Allowed origins, besides the server's own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins(HashSet<Box<str>>);

impl Origins {
    pub(crate) fn new<'a>(origins: impl IntoIterator<Item = &'a str>) -> Result<Self, OriginError> {
        let checked = origins.into_iter().map(|origin| match parse(origin) {
            Some(_) => Ok(origin.to_ascii_lowercase().into()),
            None => Err(OriginError(origin.to_owned())),
        });
        checked.collect::<Result<_, _>>().map(Self)
    }

    /// The CORS layer that lets pages of these origins read responses; `None` if there are no such
    /// origins.
    pub(crate) fn cors(&self) -> Option<CorsLayer> {
        if self.0.is_empty() {
            return None;
        }
        let origins = self.0.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
        let last_event_id = HeaderName::from_static("last-event-id");
        let cors = CorsLayer::new()
            .allow_origin(origins.collect::<Vec<_>>())
            .allow_methods([Method::GET, Method::POST])
            .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, last_event_id])
            .allow_credentials(true)
            .max_age(Duration::from_secs(3_600));
        Some(cors)
    }

    /// Refuses requests that a browser sends for a page of a foreign origin. Other programs send no
    /// `Origin` header.
    pub(crate) fn check(&self, caller: &Caller) -> Result<(), Problem> {
        let Some(value) = caller.headers().get(header::ORIGIN) else { return Ok(()) };
        let origin = value.to_str().unwrap_or("null").to_ascii_lowercase();
        let own = parse(&origin).is_some_and(|authority| {
            caller.host().is_some_and(|host| host.eq_ignore_ascii_case(authority))
        });
        if own || self.0.contains(&*origin) { Ok(()) } else { Err(Problem::origin(&origin)) }
    }
}

/// The host and port of an origin.
fn parse(origin: &str) -> Option<&str> {
    let uri: Uri = origin.parse().ok()?;
    let (_, rest) = origin.split_once("://")?;
    (uri.authority()?.as_str() == rest && !rest.contains('@')).then_some(rest)
}

/// A text that is not an origin. Contains the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginError(String);

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not an origin: write it as in \"https://app.example\"", self.0)
    }
}

impl std::error::Error for OriginError {}
