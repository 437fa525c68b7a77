//! Who asks.

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

/// Who asks: what the request says about it. A WebSocket keeps the one it was opened with.
#[derive(Clone, Debug)]
pub struct Caller {
    headers: HeaderMap,
    query: Box<str>,
    /// The host that the target of the request names, if it names one.
    target: Option<Box<str>>,
    peer: Option<SocketAddr>,
}

impl Caller {
    pub(crate) fn of(parts: &Parts) -> Self {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Self {
            headers: parts.headers.clone(),
            query: parts.uri.query().unwrap_or_default().into(),
            target: parts.uri.authority().map(|authority| authority.as_str().into()),
            peer: peer.map(|ConnectInfo(peer)| *peer),
        }
    }

    /// The request's headers.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The address at the other end of the connection, which may be a proxy's; `None` if the
    /// application serves without
    /// [`into_make_service_with_connect_info`](axum::Router::into_make_service_with_connect_info).
    #[must_use]
    pub const fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// The host and port that the request is for, as in `localhost:7077`: that of its target if the
    /// target names one (a request in absolute form, or over HTTP/2), else that of the header `Host`.
    /// `None` if neither is there.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.target.as_deref().or_else(|| self.header(header::HOST))
    }

    /// A parameter of the query, decoded; the first one of that name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut parameters = form_urlencoded::parse(self.query.as_bytes());
        parameters.find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The token that it brings: `Authorization: Bearer …`, or, since `EventSource` and `WebSocket`
    /// in browsers cannot send headers, `access_token` or `token` in the query.
    #[must_use]
    pub fn token(&self) -> Option<Cow<'_, str>> {
        if let Some(authorization) = self.headers.get(header::AUTHORIZATION) {
            let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
            return scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().into());
        }
        self.parameter("access_token").or_else(|| self.parameter("token"))
    }

    /// A header as text; `None` if it is missing or is none.
    pub(crate) fn header(&self, name: impl header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}
