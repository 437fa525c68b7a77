//! What clients ask for, and what they are told: the payloads of the channel.

use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use statusbus_tokio::json::Position;
use statusbus_tokio::{Category, CategorySet, Selector, Status};

use super::push::written;
use crate::shape::{self, Field, fits};

/// Before the name of the conversation in a topic.
const TOPIC: &str = "status:";
/// In place of a conversation's name: the whole system.
const SYSTEM: &str = "system";

/// What a topic stands for; `None` if it is not one of ours.
///
/// # Errors
/// Its conversation cannot be one.
pub(crate) fn selector(topic: &str) -> Option<Result<Selector, Refusal>> {
    Some(match topic.strip_prefix(TOPIC)? {
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

    /// Reads the params of a join. Clients that have none send null or an empty object.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn read(payload: &RawValue) -> Result<Self, Refusal> {
        shape::read_object_or_null(payload.get(), PAYLOAD, &Self::FIELDS).map_err(invalid)
    }
}

impl CategoriesParams {
    const FIELDS: [Field; 1] =
        [Field::new("categories", "an array of strings", fits::<Vec<String>>)];

    /// Reads the payload.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(payload: &RawValue) -> Result<Self, Refusal> {
        shape::read_object(payload.get(), PAYLOAD, &Self::FIELDS).map_err(invalid)
    }
}

/// What errors call it.
const PAYLOAD: &str = "the payload";

fn invalid(fault: String) -> Refusal {
    Refusal::new("invalid_payload", fault)
}

/// The categories of those names.
///
/// # Errors
/// Some of the names are none, and which.
pub(crate) fn categories(names: &[String], status: &Status) -> Result<CategorySet, Refusal> {
    let known = |name: &String| status.categories().find(name);
    let unknown: Vec<_> = names.iter().filter(|name| known(name).is_none()).collect();
    if unknown.is_empty() {
        return Ok(names.iter().filter_map(known).collect());
    }
    let message = format!("{} unknown: `valid` has the categories of this bus", unknown.len());
    Err(Refusal {
        invalid: Some(unknown.into_iter().take(TOLD).cloned().collect()),
        valid: Some(status.categories().names().map(str::to_owned).collect()),
        ..Refusal::new("invalid_categories", message)
    })
}

/// Most unknown names that are told one by one.
const TOLD: usize = 10;

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
    /// Whether it goes on where it was asked to resume; only then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recovered: Option<bool>,
    /// Where to resume, until a push says another place; absent if retained values are pushed next.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "written")]
    pub(crate) last_event_id: Option<Position>,
}

/// The response to a change of categories, in the word of the origin.
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

/// What the categories that every bus has are for.
pub(crate) struct Descriptions;

const DESCRIPTIONS: [&str; Category::BUILT_IN.len()] = [
    "The engine itself: a model is loaded, a worker has started",
    "A tool call: it starts, it returns",
    "A step of a workflow",
    "How far something has come",
    "Something failed",
    "Anything else worth saying",
    "What will be done next",
];

impl Serialize for Descriptions {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(Category::BUILT_IN.iter().zip(DESCRIPTIONS))
    }
}

/// The response to what cannot be done: why in a word, and what would be right.
#[derive(Debug, Serialize)]
pub(crate) struct Refusal {
    reason: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    invalid: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid: Option<Vec<String>>,
    /// After this many milliseconds it can be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(reason: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { reason, message, invalid: None, valid: None, retry_after_ms: None }
    }

    pub(crate) fn retry_after(self, wait: Duration) -> Self {
        // Rounded up: whoever waits that long is not refused again.
        let ms = wait.as_micros().div_ceil(1000);
        Self { retry_after_ms: u64::try_from(ms).ok(), ..self }
    }
}
