//! JSON objects from clients, with errors in terms of JSON.
//!
//! Derived deserializers accept arrays for objects and name Rust types in their errors. This module
//! accepts only objects, and its errors name the field and the expected JSON type. The error text is
//! built only if there is an error.

use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A field of an object and the values that it accepts.
#[derive(Clone, Copy)]
pub(crate) struct Field {
    name: &'static str,
    /// As in "has to be a string".
    expected: &'static str,
    fits: fn(&str) -> bool,
}

impl Field {
    pub(crate) const fn new(
        name: &'static str,
        expected: &'static str,
        fits: fn(&str) -> bool,
    ) -> Self {
        Self { name, expected, fits }
    }

    pub(crate) const fn string(name: &'static str) -> Self {
        Self::new(name, "a string", fits::<String>)
    }

    pub(crate) const fn optional_string(name: &'static str) -> Self {
        Self::new(name, "a string or null", fits::<Option<String>>)
    }

    /// The fault of a value of this field, `None` if it is valid.
    pub(crate) fn fault(&self, json: &str) -> Option<String> {
        let Self { name, expected, fits } = self;
        (!fits(json))
            .then(|| format!("`{name}` has to be {expected}, and is {}", JsonType::of(json)))
    }
}

/// Whether a value deserializes as this type.
pub(crate) fn fits<T: DeserializeOwned>(json: &str) -> bool {
    serde_json::from_str::<T>(json).is_ok()
}

/// The type of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonType {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

impl JsonType {
    /// The type of a value, by the first character of its text.
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

impl fmt::Display for JsonType {
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
/// A text with the fault and the expected form.
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
        // Otherwise a field is missing, unknown or repeated, and the error names it.
        fault.unwrap_or_else(|| error.to_string())
    })
}

/// Reads an object with these fields, or null, which equals an empty object.
///
/// # Errors
/// A text with the fault and the expected form.
#[cfg(feature = "phoenix")]
pub(crate) fn read_object_or_null<'a, T: Deserialize<'a> + Default>(
    json: &'a str,
    what: &str,
    fields: &[Field],
) -> Result<T, String> {
    match JsonType::of(json) {
        JsonType::Null => Ok(T::default()),
        _ => match not_an_object(json, what, "an object or null") {
            Some(fault) => Err(fault),
            None => read_object(json, what, fields),
        },
    }
}

fn not_an_object(json: &str, what: &str, expected: &str) -> Option<String> {
    match JsonType::of(json) {
        JsonType::Object => None,
        // The text may be invalid JSON.
        kind => match serde_json::from_str::<&RawValue>(json) {
            Ok(_) => Some(format!("{what} has to be {expected}, and is {kind}")),
            Err(error) => Some(error.to_string()),
        },
    }
}

/// The fields of an object as raw text.
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
