//! JSON objects from clients, and what is wrong with one, in the words of JSON.
//!
//! Types are read by derived code, which takes arrays for objects and names types of Rust in its
//! errors. Here only objects are objects, and an error names the field and what it has to be. The text
//! is put together only if something is wrong.

use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A field of an object, as it has to be.
#[derive(Clone, Copy)]
pub(crate) struct Field {
    name: &'static str,
    /// As in "has to be a string".
    wanted: &'static str,
    fits: fn(&str) -> bool,
}

impl Field {
    pub(crate) const fn new(
        name: &'static str,
        wanted: &'static str,
        fits: fn(&str) -> bool,
    ) -> Self {
        Self { name, wanted, fits }
    }

    pub(crate) const fn string(name: &'static str) -> Self {
        Self::new(name, "a string", fits::<String>)
    }

    pub(crate) const fn optional_string(name: &'static str) -> Self {
        Self::new(name, "a string or null", fits::<Option<String>>)
    }

    /// What is wrong with a value of this field, if anything is.
    pub(crate) fn fault(&self, json: &str) -> Option<String> {
        let Self { name, wanted, fits } = self;
        (!fits(json)).then(|| format!("`{name}` has to be {wanted}, and is {}", Kind::of(json)))
    }
}

/// Whether a value can be read as this type.
pub(crate) fn fits<T: DeserializeOwned>(json: &str) -> bool {
    serde_json::from_str::<T>(json).is_ok()
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

impl Kind {
    /// The kind of a value, by the first character of its text.
    pub(crate) fn of(json: &str) -> Self {
        match json.trim_start().bytes().next() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b'"') => Self::String,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'n') => Self::Null,
            _ => Self::Number,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::String => "a string",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Null => "null",
        })
    }
}

/// Reads an object with these fields; `what` names it in an error.
///
/// # Errors
/// What is wrong with it and what would be right.
pub(crate) fn read_object<'a, T: Deserialize<'a>>(
    json: &'a str,
    what: &str,
    fields: &[Field],
) -> Result<T, String> {
    if let Some(fault) = not_an_object(json, what, "an object") {
        return Err(fault);
    }
    serde_json::from_str(json).map_err(|error| {
        if !error.is_data() {
            return error.to_string();
        }
        let fault = serde_json::from_str::<Raw<'_>>(json).ok().and_then(|raw| raw.fault(fields));
        // Else a field is missing, unknown or there twice, and the error names it.
        fault.unwrap_or_else(|| error.to_string())
    })
}

/// Reads an object with these fields, or null, which is as good as an empty one.
///
/// # Errors
/// What is wrong with it and what would be right.
pub(crate) fn read_object_or_null<'a, T: Deserialize<'a> + Default>(
    json: &'a str,
    what: &str,
    fields: &[Field],
) -> Result<T, String> {
    match Kind::of(json) {
        Kind::Null => Ok(T::default()),
        _ => match not_an_object(json, what, "an object or null") {
            Some(fault) => Err(fault),
            None => read_object(json, what, fields),
        },
    }
}

fn not_an_object(json: &str, what: &str, wanted: &str) -> Option<String> {
    match Kind::of(json) {
        Kind::Object => None,
        // It may be no JSON at all.
        kind => match serde_json::from_str::<&RawValue>(json) {
            Ok(_) => Some(format!("{what} has to be {wanted}, and is {kind}")),
            Err(error) => Some(error.to_string()),
        },
    }
}

/// The fields of an object, as they are written.
struct Raw<'a>(Vec<(String, &'a RawValue)>);

impl Raw<'_> {
    fn fault(&self, fields: &[Field]) -> Option<String> {
        self.0.iter().find_map(|(name, value)| {
            fields.iter().find(|field| field.name == *name)?.fault(value.get())
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit;

        impl<'de> Visitor<'de> for Visit {
            type Value = Raw<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    fields.push((name, map.next_value()?));
                }
                Ok(Raw(fields))
            }
        }

        from.deserialize_map(Visit)
    }
}
