//! The public builder of the router.

use std::fmt;
use std::sync::Arc;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use statusbus_tokio::Status;

use crate::access::{Authorize, LoopbackOnly};
use crate::context::Context;
#[cfg(feature = "dashboard")]
use crate::endpoints::dashboard;
#[cfg(feature = "phoenix")]
use crate::endpoints::phoenix;
use crate::endpoints::{description, events, health, metrics, publish, retained, stats};
use crate::request::{OriginError, Origins, Problem};
use crate::state::{BodyBudget, Histogram, Limits, ResponseCounts, ShutdownHandle, StreamLimit};

/// Builds the HTTP delivery of a bus: set a policy with [`authorize`](Self::authorize), then call
/// [`router`](Self::router).
#[must_use = "nothing is served until the router is"]
pub struct Routes {
    status: Status,
    authorize: Arc<dyn Authorize>,
    origins: Origins,
    limits: Limits,
    shutdown: ShutdownHandle,
}

impl Routes {
    /// Delivers the updates of a bus to loopback callers, with the default limits. For other callers set
    /// a policy with [`authorize`](Self::authorize).
    pub fn new(status: &Status) -> Self {
        Self {
            status: status.clone(),
            authorize: Arc::new(LoopbackOnly),
            origins: Origins::default(),
            limits: Limits::new(),
            shutdown: ShutdownHandle::new(status),
        }
    }

    /// Sets the policy that decides each read and each publish. Default: allow loopback callers, deny
    /// all others.
    pub fn authorize(mut self, authorize: impl Authorize) -> Self {
        self.authorize = Arc::new(authorize);
        self
    }

    /// Allows pages of these origins, as in `https://app.example`, to read, publish and open sockets:
    /// responses get CORS headers, credentials included. The server's own origin is always allowed.
    /// Default: no other origins.
    ///
    /// # Errors
    /// One of the texts is not an origin.
    pub fn with_origins<'a>(
        mut self,
        origins: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, OriginError> {
        self.origins = Origins::new(origins)?;
        Ok(self)
    }

    /// Sets the limits of what clients may request. Default: [`Limits::new`].
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// A handle that shuts the delivery down and ends its connections.
    #[must_use]
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        self.shutdown.clone()
    }

    /// The router, to nest in an application or to serve by itself. Served by itself it answers unknown
    /// paths with 404 in JSON; nested, the application's fallback does. It needs the peer's address as
    /// connect info for the default policy: see [`Caller::peer`](crate::Caller::peer).
    pub fn router(self) -> Router {
        let Self { status, authorize, origins, limits, shutdown } = self;
        let cors = origins.cors();
        let context = Arc::new(Context {
            status,
            authorize,
            origins,
            limits,
            shutdown,
            streams: StreamLimit::new(limits.streams),
            frames: Arc::default(),
            #[cfg(feature = "phoenix")]
            channel_frames: Arc::default(),
            #[cfg(feature = "phoenix")]
            channels: Arc::default(),
            bodies: BodyBudget::for_bodies_of(limits.body),
            responses: ResponseCounts::default(),
            latency: Histogram::default(),
        });
        let router = Router::new()
            .merge(description::router())
            .merge(events::router())
            .merge(health::router())
            .merge(metrics::router())
            .merge(publish::router())
            .merge(retained::router())
            .merge(stats::router());
        #[cfg(feature = "dashboard")]
        let router = router.merge(dashboard::router());
        #[cfg(feature = "phoenix")]
        let router = router.merge(phoenix::router());
        let router = router.method_not_allowed_fallback(async || Problem::method());
        // Not a fallback: a router with its own fallback cannot be nested below a path parameter.
        let router = router.layer(middleware::map_response(async |response: Response| {
            let is_unknown_path = !response.headers().contains_key(header::CONTENT_TYPE);
            match response.status() {
                StatusCode::NOT_FOUND if is_unknown_path => Problem::not_found().into_response(),
                _ => response,
            }
        }));
        let router = metrics::count(router, &context).with_state(context);
        match cors {
            Some(cors) => router.layer(cors),
            None => router,
        }
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes").field("limits", &self.limits).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::body::Body;
    use axum::extract::ConnectInfo;
    use axum::http::Request;
    use futures_util::StreamExt;
    use serde_json::Value;
    use tower_service::Service;

    use statusbus_tokio::Spawn;

    use super::*;

    async fn request(router: &Router, method: &str, path: &str) -> Response {
        let request = Request::builder().method(method).uri(path).body(Body::empty());
        let mut request = request.expect("a valid request");
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))));
        router.clone().call(request).await.expect("infallible")
    }

    async fn described(router: &Router, document: &str) -> Value {
        let mut body = request(router, "GET", document).await.into_body().into_data_stream();
        let mut text = Vec::new();
        while let Some(piece) = body.next().await {
            text.extend_from_slice(&piece.expect("infallible"));
        }
        serde_json::from_slice(&text).expect("JSON")
    }

    #[tokio::test]
    async fn each_feature_adds_its_paths_and_their_description() {
        let status = Status::builder().spawn();
        let router = Routes::new(&status).router();
        let openapi = described(&router, "/openapi.json").await;
        let events = "/v1/events";
        assert_eq!(openapi["paths"][events].get("post").is_some(), cfg!(feature = "formats"));
        for (method, path, is_enabled) in [
            ("get", "/v1/events", true),
            ("post", "/v1/status", true),
            ("get", "/v1/system", true),
            ("get", "/metrics", true),
            ("get", "/v1/health", true),
            ("get", "/socket/websocket", cfg!(feature = "phoenix")),
            ("get", "/", cfg!(feature = "dashboard")),
        ] {
            let is_described = openapi["paths"][path].get(method).is_some();
            assert_eq!(is_described, is_enabled, "{method} {path}");
            let response = request(&router, &method.to_uppercase(), path).await;
            let is_known = ![StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED]
                .contains(&response.status());
            assert_eq!(is_known, is_enabled, "{method} {path}");
        }
        let format = request(&router, "GET", "/v1/events?format=cloudevents").await.status();
        assert_eq!(format == StatusCode::OK, cfg!(feature = "formats"));
        let asyncapi = described(&router, "/asyncapi.json").await;
        assert_eq!(asyncapi["channels"].get("socket").is_some(), cfg!(feature = "phoenix"));
        let messages = &asyncapi["channels"]["events"]["messages"];
        assert_eq!(messages.get("aiSdk").is_some(), cfg!(feature = "formats"));
        assert!(status.shutdown(std::time::Duration::from_secs(1)).await.is_balanced());
    }
}
