//! What a reader asks for.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::Deserialize;
use statusbus_tokio::json::Position;
use statusbus_tokio::{CategorySet, Selector, Status, Subscribe};

use crate::authorize::{Access, Target};
use crate::caller::Caller;
use crate::problem::Problem;

/// What to read, from where on.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) selector: Selector,
    pub(crate) categories: CategorySet,
    /// The last event that it got. One that cannot be read is from somewhere else, and as lost as
    /// one of another run: a browser that was refused for it would not come back.
    pub(crate) last: Option<Option<Position>>,
}

/// The conversation that a path names. The path may have other parameters, of the application's.
pub(crate) struct InPath(pub(crate) Selector);

impl<S: Send + Sync> FromRequestParts<S> for InPath {
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

impl Reading {
    /// What a request asks for: `categories` in the query, and `Last-Event-ID` in a header or
    /// `last_event_id` in the query.
    pub(crate) fn new(
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

    /// Reads on where it was, or from now on with the values that stand first.
    pub(crate) fn subscribe(&self, status: &Status) -> Subscribe {
        let subscribe = status.subscribe(self.selector.clone()).categories(self.categories);
        match self.last.flatten() {
            Some(Position { epoch, seq }) => subscribe.retained().resume(epoch, seq),
            None => subscribe.retained(),
        }
    }
}

/// The categories of a list like `tool,engine`.
pub(crate) fn categories(names: &str, status: &Status) -> Result<CategorySet, Problem> {
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
