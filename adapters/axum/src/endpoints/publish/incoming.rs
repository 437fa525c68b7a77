//! Updates in publish requests.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use statusbus_tokio::{Metadata, MetadataError, ParseNameError, Priority, Status, UpdateBuilder};

use crate::request::{Field, JsonType, fits, read_object};

/// An update in a request: `{"conversation", "category", "text", "metadata", "key", "priority",
/// "ttl_ms"}`. Only `category` and `text` are required. Unknown fields are refused, because an update
/// with a misspelt `conversation` would be published system-wide.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Incoming<'a> {
    /// `None`: system-wide.
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

/// The name of a conversation. A JSON number is accepted as its text.
#[derive(Debug)]
pub(super) struct Name<'a>(pub(super) Cow<'a, str>);

impl<'a> Incoming<'a> {
    /// Reads one update.
    ///
    /// # Errors
    /// A text with the fault and the expected form.
    pub(super) fn read(json: &'a str) -> Result<Self, String> {
        read_object(json, "an update", &FIELDS)
    }

    /// The update as a builder, ready to send.
    ///
    /// # Errors
    /// A text with the fault, for faults that the bus does not check.
    pub(super) fn draft(self, status: &'a Status) -> Result<UpdateBuilder<'a>, String> {
        let Self { conversation, category, text, metadata, key, priority, ttl_ms } = self;
        let metadata = metadata.map(|json| read_metadata(json.get())).transpose()?;
        let priority = priority.as_deref().map(priority_of).transpose()?;
        // A placeholder: the category is set by its name below.
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
        matches!(JsonType::of(json), JsonType::Object | JsonType::Null)
    });
    match METADATA.fault(json) {
        Some(fault) => Err(fault),
        None => json.parse().map_err(|error: MetadataError| error.to_string()),
    }
}

fn priority_of(name: &str) -> Result<Priority, String> {
    name.parse().map_err(|error: ParseNameError| {
        format!("the priority {name:?} is unknown: choose among {}", error.names().join(", "))
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
