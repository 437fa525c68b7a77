//! Requests to read.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::Deserialize;
use statusbus_tokio::json::Position;
use statusbus_tokio::{CategorySet, Selector, Status, Subscribe};

use super::problem::Problem;
use crate::access::{Access, Caller, Target};

/// A request to subscribe: the selection, and the position to resume from.
#[derive(Clone, Debug)]
pub(crate) struct SubscribeRequest {
    pub(crate) selector: Selector,
    pub(crate) categories: CategorySet,
    /// The last event that the reader received; `None`: it starts anew. `Some(None)`: the id is not a
    /// position of this bus. That is treated like a position of an earlier epoch, because a browser
    /// does not reconnect after an error response.
    pub(crate) last: Option<Option<Position>>,
}

/// The conversation in a path. The path may have other parameters, which belong to the application.
pub(crate) struct ConversationPath(pub(crate) Selector);

impl<S: Send + Sync> FromRequestParts<S> for ConversationPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        struct Parameters {
            conversation: String,
        }
        let path = Path::<Parameters>::from_request_parts(parts, state).await;
        let Path(Parameters { conversation }) = path.map_err(|rejection| {
            Problem::new(rejection.status(), "invalid", rejection.body_text())
        })?;
        let selector = Selector::conversation(&conversation);
        let selector =
            selector.map_err(|error| Problem::bad_request("invalid", error.to_string()))?;
        Ok(Self(selector))
    }
}

impl SubscribeRequest {
    /// Reads `categories` from the query, and the last event id from the header `Last-Event-ID` or
    /// from `last_event_id` in the query.
    pub(crate) fn read(
        caller: &Caller,
        selector: Selector,
        status: &Status,
    ) -> Result<Self, Problem> {
        let categories = match caller.parameter("categories") {
            Some(names) => categories(&names, status)?,
            None => CategorySet::ALL,
        };
        let header = caller.header("last-event-id").map(str::to_owned);
        let last = header
            .or_else(|| caller.parameter("last_event_id").map(Into::into))
            .filter(|id| !id.is_empty())
            .map(|id| Position::from_str(&id).ok());
        Ok(Self { selector, categories, last })
    }

    pub(crate) fn target(&self) -> Target<'_> {
        match &self.selector {
            Selector::Conversation(name) => Target::Conversation(name),
            Selector::System => Target::System,
            Selector::Everything => Target::Everything,
        }
    }

    pub(crate) fn access(&self) -> Access<'_> {
        match self.last {
            Some(_) => Access::Resume(self.target()),
            None => Access::Read(self.target()),
        }
    }

    /// Subscribes: resumes where possible, otherwise starts now with the retained values first.
    pub(crate) fn subscribe(&self, status: &Status) -> Subscribe {
        let subscribe = status.subscribe(self.selector.clone()).with_categories(self.categories);
        match self.last.flatten() {
            Some(Position { epoch, seq }) => subscribe.with_retained().resume(epoch, seq),
            None => subscribe.with_retained(),
        }
    }
}

/// The categories in a list like `tool,engine`.
fn categories(names: &str, status: &Status) -> Result<CategorySet, Problem> {
    let known = status.categories();
    let found = names.split(',').map(str::trim).map(|name| {
        known.find(name).ok_or_else(|| {
            let all = known.names().collect::<Vec<_>>().join(", ");
            let detail = format!("the bus has no category {name:?}: choose among {all}");
            Problem::bad_request("unknown_category", detail)
        })
    });
    found.collect()
}
