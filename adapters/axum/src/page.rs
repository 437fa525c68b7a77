//! The page at `/`.

use std::sync::Arc;

use axum::Router;

use crate::context::Context;

pub(crate) fn router() -> Router<Arc<Context>> {
    Router::new()
}
