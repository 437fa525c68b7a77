//! Payloads of requests and replies on a channel.

use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use statusbus_tokio::json::Position;
use statusbus_tokio::{Category, CategorySet, Selector, Status};

use crate::request::{Field, fits, read_object, read_object_or_null};

/// Prefix of the conversation in a topic.
const TOPIC_PREFIX: &str = "status:";
/// The system-wide updates, in place of a conversation.
const SYSTEM: &str = "system";

/// The selection of a topic; `None` for other topics.
///
/// # Errors
/// The name of the conversation is invalid.
pub(crate) fn selector(topic: &str) -> Option<Result<Selector, Refusal>> {
    Some(match topic.strip_prefix(TOPIC_PREFIX)? {
        SYSTEM => Ok(Selector::System),
        name => Selector::conversation(name)
            .map_err(|error| Refusal::new("invalid_conversation", error.to_string())),
    })
}

/// The conversation as the reply to a join names it.
pub(crate) fn conversation_id(selector: &Selector) -> &str {
    match selector {
        Selector::Conversation(name) => name,
        _ => SYSTEM,
    }
}

/// The params of a join.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct JoinParams {
    pub(crate) categories: Option<Vec<String>>,
    pub(crate) last_event_id: Option<String>,
}

/// The payload of `subscribe_categories` and `unsubscribe_categories`.
#[derive(Debug, Deserialize)]
pub(crate) struct CategoriesParams {
    pub(crate) categories: Vec<String>,
}

impl JoinParams {
    const FIELDS: [Field; 2] = [
        Field::new("categories", "an array of strings or null", fits::<Option<Vec<String>>>),
        Field::optional_string("last_event_id"),
    ];

    /// Parses the params. Clients without any send null or an empty object.
    ///
    /// # Errors
    /// The fault and the expected form.
    pub(crate) fn read(payload: &RawValue) -> Result<Self, Refusal> {
        read_object_or_null(payload.get(), PAYLOAD, &Self::FIELDS).map_err(invalid)
    }
}

impl CategoriesParams {
    const FIELDS: [Field; 1] =
        [Field::new("categories", "an array of strings", fits::<Vec<String>>)];

    /// Parses the payload.
    ///
    /// # Errors
    /// The fault and the expected form.
    pub(crate) fn read(payload: &RawValue) -> Result<Self, Refusal> {
        read_object(payload.get(), PAYLOAD, &Self::FIELDS).map_err(invalid)
    }
}

/// Name of the payload in errors.
const PAYLOAD: &str = "the payload";

fn invalid(fault: String) -> Refusal {
    Refusal::new("invalid_payload", fault)
}

/// The categories of these names.
///
/// # Errors
/// Some names are unknown. Lists the first ten of them and the valid ones.
pub(crate) fn categories(names: &[String], status: &Status) -> Result<CategorySet, Refusal> {
    let known = |name: &String| status.categories().find(name);
    let unknown: Vec<_> = names.iter().filter(|name| known(name).is_none()).collect();
    if unknown.is_empty() {
        return Ok(names.iter().filter_map(known).collect());
    }
    let message = format!("{} unknown: `valid` has the categories of this bus", unknown.len());
    Err(Refusal {
        invalid: Some(unknown.into_iter().take(MAX_LISTED).cloned().collect()),
        valid: Some(status.categories().names().map(str::to_owned).collect()),
        ..Refusal::new("invalid_categories", message)
    })
}

/// Maximum number of unknown names that an error lists.
const MAX_LISTED: usize = 10;

/// The names of a set of categories, in the order of the bus.
pub(crate) fn names(set: CategorySet, status: &Status) -> Vec<&str> {
    let all = status.categories().names().enumerate();
    all.filter(|&(index, _)| Category::from_index(index).is_some_and(|one| set.contains(one)))
        .map(|(_, name)| name)
        .collect()
}

/// The response to a join.
#[derive(Serialize)]
pub(crate) struct Joined<'a> {
    pub(crate) conversation_id: String,
    pub(crate) available_categories: Vec<&'a str>,
    pub(crate) subscribed_categories: Vec<&'a str>,
    /// Whether it resumed; only if the client asked for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recovered: Option<bool>,
    /// The position to resume from until the first push; absent if retained values are pushed next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_event_id: Option<Position>,
}

/// The response to a change of categories, as in the original broadcaster.
#[derive(Serialize)]
pub(crate) struct Subscribed<'a> {
    pub(crate) subscribed: Vec<&'a str>,
}

/// The response to `get_subscriptions`.
#[derive(Serialize)]
pub(crate) struct Subscriptions<'a> {
    pub(crate) subscribed_categories: Vec<&'a str>,
    pub(crate) available_categories: Vec<&'a str>,
}

/// The response to `get_available_categories`.
#[derive(Serialize)]
pub(crate) struct Available<'a> {
    pub(crate) available_categories: Vec<&'a str>,
    pub(crate) descriptions: Descriptions,
}

/// Descriptions of the built-in categories.
pub(crate) struct Descriptions;

const DESCRIPTIONS: [&str; Category::BUILT_IN.len()] = [
    "The engine: a model is loaded, a worker has started",
    "Start and result of a tool call",
    "A step of a workflow",
    "Progress of an operation",
    "A failure",
    "Any other information",
    "Planned steps",
];

impl Serialize for Descriptions {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(Category::BUILT_IN.iter().zip(DESCRIPTIONS))
    }
}

/// The response to a request that cannot be fulfilled: the reason and the remedy.
#[derive(Debug, Serialize)]
pub(crate) struct Refusal {
    reason: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    invalid: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid: Option<Vec<String>>,
    /// The request can succeed after this many milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(reason: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { reason, message, invalid: None, valid: None, retry_after_ms: None }
    }

    pub(crate) fn retry_after(self, wait: Duration) -> Self {
        // Rounded up, so that a client that waits this long is not refused again.
        let ms = wait.as_micros().div_ceil(1000);
        Self { retry_after_ms: u64::try_from(ms).ok(), ..self }
    }
}
