//! What an application builds, and the router that comes out of it.

use std::fmt;
use std::sync::Arc;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use statusbus_tokio::Status;

use crate::authorize::{Authorize, LoopbackOnly};
use crate::closing::Closing;
use crate::context::Context;
use crate::limits::Limits;
use crate::metrics::{Answers, Histogram};
use crate::origin::{OriginError, Origins};
use crate::problem::Problem;
use crate::publish::Room;
use crate::seats::Seats;
use crate::{api, health, health_figures, metrics, page, phoenix, publish, retained, sse};

/// The HTTP delivery of a bus: choose who may do what, then [`router`](Self::router).
#[must_use = "nothing is served until the router is"]
pub struct Routes {
    status: Status,
    authorize: Arc<dyn Authorize>,
    origins: Origins,
    limits: Limits,
    closing: Closing,
}

impl Routes {
    /// Delivers what is said on this bus, to whoever asks from this machine: for anybody else
    /// choose who may do what with [`authorize`](Self::authorize).
    pub fn new(status: &Status) -> Self {
        Self {
            status: status.clone(),
            authorize: Arc::new(LoopbackOnly),
            origins: Origins::default(),
            limits: Limits::new(),
            closing: Closing::new(status),
        }
    }

    /// Decides who may read and say what. Default: whoever asks from this machine may everything,
    /// and nobody else anything.
    pub fn authorize(mut self, authorize: impl Authorize) -> Self {
        self.authorize = Arc::new(authorize);
        self
    }

    /// Lets pages from these origins (`https://app.example`) read, publish and open sockets, besides
    /// those that this server has sent itself: browsers are told so (CORS, credentials included).
    /// Default: none.
    ///
    /// # Errors
    /// One is no origin.
    pub fn origins<'a>(
        mut self,
        origins: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, OriginError> {
        self.origins = Origins::new(origins)?;
        Ok(self)
    }

    /// How much anybody may ask for.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// A handle that ends the connections when the application stops.
    #[must_use]
    pub fn closing(&self) -> Closing {
        self.closing.clone()
    }

    /// The router: nest it where you like, or serve it as it is. Served as it is, it answers paths
    /// that there are not with 404 in JSON; nested, the application's fallback does.
    pub fn router(self) -> Router {
        let Self { status, authorize, origins, limits, closing } = self;
        let seats = Seats::new(limits.streams);
        let cors = origins.cors();
        let context = Arc::new(Context {
            status,
            authorize,
            origins,
            limits,
            closing,
            seats,
            frames: Arc::default(),
            channels: Arc::default(),
            room: Room::for_bodies_of(limits.body),
            answers: Answers::default(),
            latency: Histogram::default(),
        });
        let router = Router::new()
            .merge(api::router())
            .merge(health::router())
            .merge(health_figures::router())
            .merge(metrics::router())
            .merge(page::router())
            .merge(phoenix::router())
            .merge(publish::router())
            .merge(retained::router())
            .merge(sse::router())
            .method_not_allowed_fallback(async || Problem::method());
        // With a fallback of its own it could not be nested below a parameter.
        let router = router.layer(middleware::map_response(async |response: Response| {
            let is_of_router = !response.headers().contains_key(header::CONTENT_TYPE);
            match response.status() {
                StatusCode::NOT_FOUND if is_of_router => Problem::not_found().into_response(),
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
