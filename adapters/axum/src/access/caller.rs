//! The caller of a request.

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

/// The caller of a request, as its head describes it. A WebSocket keeps the caller that opened it.
#[derive(Clone, Debug)]
pub struct Caller {
    headers: HeaderMap,
    query: Box<str>,
    /// The host in the request target, if the target is in absolute form.
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

    pub(crate) const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The value of a header as text; of several headers with that name, the first. `None` if the
    /// header is missing or its value is not visible ASCII. The name is not case-sensitive.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The address of the peer of the connection, which may be a proxy. `None` if the application
    /// serves without [`Server`](crate::Server) and without
    /// [`into_make_service_with_connect_info`](axum::Router::into_make_service_with_connect_info).
    #[must_use]
    pub const fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// The host and port in the request, as in `localhost:7077`: from the request target if it has
    /// one (absolute form, HTTP/2), else from the header `Host`. `None` if both are missing.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.target.as_deref().or_else(|| self.header(header::HOST.as_str()))
    }

    /// A parameter of the query, decoded; of several parameters with that name, the first.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut parameters = form_urlencoded::parse(self.query.as_bytes());
        parameters.find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The bearer token: from `Authorization: Bearer …`, else from `access_token` or `token` in the
    /// query, because `EventSource` and `WebSocket` in browsers cannot send headers. An
    /// `Authorization` header of another scheme is no token, and the query is then ignored.
    #[must_use]
    pub fn token(&self) -> Option<Cow<'_, str>> {
        if let Some(authorization) = self.headers.get(header::AUTHORIZATION) {
            let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
            return scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().into());
        }
        self.parameter("access_token").or_else(|| self.parameter("token"))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}
