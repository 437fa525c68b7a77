//! Updates as they come in: one, an array, or a line each.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use axum::http::StatusCode;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use statusbus_tokio::{Draft, Metadata, MetadataError, Priority, Status};

use crate::problem::Problem;
use crate::shape::{self, Field, Kind, fits};

/// An update as it is written: `{"conversation", "category", "text", "metadata", "key", "priority",
/// "ttl_ms"}`, of which all but `category` and `text` may be missing. A field of another name is a
/// mistake: a conversation that is spelt wrongly would be told to the whole system.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Incoming<'a> {
    /// None: the whole system.
    #[serde(default, borrow)]
    pub(super) conversation: Option<Name<'a>>,
    #[serde(borrow)]
    category: Cow<'a, str>,
    #[serde(borrow)]
    text: Cow<'a, str>,
    #[serde(default, borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(default)]
    key: Option<Box<str>>,
    #[serde(default)]
    priority: Option<Cow<'a, str>>,
    /// In milliseconds.
    #[serde(default)]
    ttl_ms: Option<u64>,
}

const FIELDS: [Field; 6] = [
    Field::new("conversation", "a name, or null for the whole system", |json| {
        serde_json::from_str::<Option<Name<'_>>>(json).is_ok()
    }),
    Field::string("category"),
    Field::string("text"),
    Field::optional_string("key"),
    Field::optional_string("priority"),
    Field::new("ttl_ms", "a whole number of milliseconds, 0 or more, or null", fits::<Option<u64>>),
];

/// A conversation's name; a number is one, too.
#[derive(Debug)]
pub(super) struct Name<'a>(pub(super) Cow<'a, str>);

impl<'a> Incoming<'a> {
    /// Reads one update.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(json: &'a str) -> Result<Self, String> {
        shape::read_object(json, "an update", &FIELDS)
    }

    /// The update, to be sent.
    ///
    /// # Errors
    /// What is wrong with it that the bus does not judge.
    pub(super) fn draft(self, status: &Status) -> Result<Draft<'_>, String> {
        let Self { conversation, category, text, metadata, key, priority, ttl_ms } = self;
        let metadata = metadata.map(|json| read_metadata(json.get())).transpose()?;
        let priority = priority.as_deref().map(priority_of).transpose()?;
        // The category is looked up by its name.
        let any = statusbus_tokio::Category::INFO;
        let draft = match &conversation {
            Some(Name(name)) => status.update(name, any, text),
            None => status.system_update(any, text),
        };
        let mut draft = draft.category(&category);
        if let Some(metadata) = metadata {
            draft = draft.metadata(metadata);
        }
        if let Some(key) = key {
            draft = draft.key(key);
        }
        if let Some(priority) = priority {
            draft = draft.priority(priority);
        }
        if let Some(ttl) = ttl_ms {
            draft = draft.ttl(Duration::from_millis(ttl));
        }
        Ok(draft)
    }
}

fn read_metadata(json: &str) -> Result<Metadata, String> {
    const METADATA: Field = Field::new("metadata", "an object or null", |json| {
        matches!(Kind::of(json), Kind::Object | Kind::Null)
    });
    match METADATA.fault(json) {
        Some(fault) => Err(fault),
        None => json.parse().map_err(|error: MetadataError| error.to_string()),
    }
}

fn priority_of(name: &str) -> Result<Priority, String> {
    Priority::from_name(name).ok_or_else(|| {
        let all = Priority::ALL.map(Priority::as_str).join(", ");
        format!("there is no priority {name:?}: choose among {all}")
    })
}

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit;

        impl<'de> Visitor<'de> for Visit {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a conversation, or null for the whole system")
            }

            fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(name.into()))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(name.to_owned().into()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Name<'de>, E> {
                Ok(Name(number.to_string().into()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Name<'de>, E> {
                Ok(Name(number.to_string().into()))
            }
        }

        from.deserialize_any(Visit)
    }
}

/// How updates are put into a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// One, or an array.
    Json,
    /// One on each line.
    Lines,
}

impl Form {
    /// The form that a `Content-Type` names; whatever does not say lines is JSON, since much that
    /// sends it by hand names something else.
    pub(super) fn of(content_type: Option<&str>) -> Self {
        const LINES: [&str; 6] = [
            "application/x-ndjson",
            "application/ndjson",
            "application/jsonl",
            "application/x-jsonlines",
            "application/jsonlines",
            "application/json-lines",
        ];
        let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
        match LINES.iter().any(|name| essence.trim().eq_ignore_ascii_case(name)) {
            true => Self::Lines,
            false => Self::Json,
        }
    }

    /// The updates of a body, each as it is written: at most `most`.
    pub(super) fn split(self, body: &str, most: usize) -> Result<Vec<&str>, Problem> {
        let updates: Vec<&str> = match self {
            Self::Lines => {
                let lines = body.lines().map(str::trim).filter(|line| !line.is_empty());
                lines.take(most + 1).collect()
            }
            Self::Json if body.trim_start().starts_with('[') => {
                let array: Vec<&RawValue> =
                    serde_json::from_str(body).map_err(|error| not_json(&error))?;
                array.into_iter().map(RawValue::get).collect()
            }
            Self::Json => {
                let one: &RawValue =
                    serde_json::from_str(body).map_err(|error| not_json(&error))?;
                vec![one.get()]
            }
        };
        match updates.len() > most {
            true => {
                let detail = format!("a request takes at most {most} updates: send them in parts");
                Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail))
            }
            false => Ok(updates),
        }
    }
}

fn not_json(error: &serde_json::Error) -> Problem {
    let detail = format!(
        "the body is not JSON: {error}; send an update, an array of them, or one on each line as application/x-ndjson"
    );
    Problem::bad_request("not_json", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_by_their_content_type() {
        for (content_type, form) in [
            (None, Form::Json),
            (Some("application/json"), Form::Json),
            (Some("application/x-www-form-urlencoded"), Form::Json),
            (Some("application/x-ndjson"), Form::Lines),
            (Some("Application/NDJSON; charset=utf-8"), Form::Lines),
            (Some("application/jsonl"), Form::Lines),
        ] {
            assert_eq!(Form::of(content_type), form, "{content_type:?}");
        }
    }

    #[test]
    fn a_body_is_split_without_being_read() {
        let json = |body| Form::Json.split(body, 3).map_err(|problem| problem.reason());
        assert_eq!(json("{}"), Ok(vec!["{}"]));
        assert_eq!(json(" [ {} , 1 ]"), Ok(vec!["{}", "1"]));
        assert_eq!(json("[]"), Ok(vec![]));
        assert_eq!(json("[1,2,3,4]"), Err("too_large"));
        assert_eq!(json("{}\n{}"), Err("not_json"));
        assert_eq!(json(""), Err("not_json"));
        let lines = |body| Form::Lines.split(body, 3).map_err(|problem| problem.reason());
        assert_eq!(lines("{}\r\n\nnonsense\n{}"), Ok(vec!["{}", "nonsense", "{}"]));
        assert_eq!(lines("1\n2\n3\n4"), Err("too_large"));
        assert_eq!(lines(""), Ok(vec![]));
    }
}
