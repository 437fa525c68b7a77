//! The metadata of an update.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// The metadata of an update: a JSON object, kept as its text on one line.
///
/// Every JSON parser can read it. Refused are lone surrogates, numbers out of the range of an `f64` and
/// more than 64 levels of nesting, because some parsers would reject the whole batch; and an object with a
/// duplicate key, because parsers differ in which value they use.
///
/// ```
/// use statusbus_tokio::Metadata;
///
/// let metadata: Metadata = r#"{"tool":"search","hits":3}"#.parse()?;
/// assert_eq!(metadata.as_json(), r#"{"tool":"search","hits":3}"#);
/// assert!("[1,2]".parse::<Metadata>().is_err());
/// # Ok::<(), statusbus_tokio::MetadataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata(Box<str>);

impl Metadata {
    /// The object as JSON, on one line.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Metadata {
    type Err = MetadataError;

    /// Checks the JSON and copies it; line breaks become spaces. O(n log n) in its length.
    ///
    /// # Errors
    /// It is not a JSON object, or one of those that [`Metadata`] refuses.
    fn from_str(json: &str) -> Result<Self, MetadataError> {
        let mut reader = serde_json::Deserializer::from_str(json);
        let read = reader.deserialize_map(Readable { levels: LEVELS }).and_then(|()| reader.end());
        match read {
            // Between tokens a line break is white space, and no token contains one: the object becomes
            // one line.
            Ok(()) => Ok(Self(json.trim().replace(['\r', '\n'], " ").into())),
            Err(error) => Err(MetadataError(error.to_string())),
        }
    }
}

impl TryFrom<Map<String, Value>> for Metadata {
    type Error = MetadataError;

    /// Writes the object as JSON. O(n) in its size.
    ///
    /// # Errors
    /// It has more than 64 levels of nesting.
    fn try_from(object: Map<String, Value>) -> Result<Self, MetadataError> {
        if !is_shallow(&object) {
            discard(object);
            return Err(MetadataError(TOO_DEEP.to_owned()));
        }
        Ok(Self(Value::Object(object).to_string().into()))
    }
}

impl Default for Metadata {
    /// An empty object.
    fn default() -> Self {
        Self("{}".into())
    }
}

/// How many levels an object may have, itself the first.
const LEVELS: u8 = 64;
const TOO_DEEP: &str = "it has more than 64 levels of nesting";

/// Whether an object has at most [`LEVELS`] levels. Level by level: a recursion would end where the stack
/// does.
fn is_shallow(object: &Map<String, Value>) -> bool {
    let mut values: Vec<&Value> = object.values().collect();
    for _ in 1..LEVELS {
        values = values
            .into_iter()
            .flat_map(|value| {
                let array = value.as_array().into_iter().flatten();
                array.chain(value.as_object().into_iter().flat_map(Map::values))
            })
            .collect();
    }
    !values.iter().any(|value| value.is_array() || value.is_object())
}

/// Drops an object that may be so deep that dropping it by recursion overflows the stack.
fn discard(object: Map<String, Value>) {
    let mut values: Vec<Value> = object.into_iter().map(|(_, value)| value).collect();
    while let Some(value) = values.pop() {
        match value {
            Value::Array(array) => values.extend(array),
            Value::Object(object) => values.extend(object.into_iter().map(|(_, value)| value)),
            _ => {}
        }
    }
}

/// Reads JSON and keeps nothing of it.
#[derive(Clone, Copy)]
struct Readable {
    levels: u8,
}

impl Readable {
    fn inside<E: Error>(self) -> Result<Self, E> {
        let deeper = self.levels.checked_sub(1).map(|levels| Self { levels });
        deeper.ok_or_else(|| E::custom(TOO_DEEP))
    }
}

impl<'de> DeserializeSeed<'de> for Readable {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Readable {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let inside = self.inside()?;
        while seq.next_element_seed(inside)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inside = self.inside()?;
        let mut keys = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            keys.push(key);
            map.next_value_seed(inside)?;
        }
        each_once(keys)
    }
}

/// A key of an object, without a copy unless it has escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit;

        impl<'de> Visitor<'de> for Visit {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }

        from.deserialize_str(Visit)
    }
}

/// Refuses an object with a duplicate key: some parsers take its first value and some the last.
fn each_once<E: Error>(mut keys: Vec<Cow<'_, str>>) -> Result<(), E> {
    keys.sort_unstable();
    let twice = keys.windows(2).find(|pair| pair.first() == pair.last()).and_then(<[_]>::first);
    match twice {
        Some(key) => Err(E::custom(format_args!("the key {key:?} is duplicate"))),
        None => Ok(()),
    }
}

/// A text is not a JSON object that [`Metadata`] accepts. `Display` names the fault and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataError(String);

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "metadata must be a JSON object: {}", self.0)
    }
}

impl std::error::Error for MetadataError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;

    #[test]
    fn metadata_is_an_object_that_every_parser_can_read() {
        let nested = |levels: usize| "{\"a\":".repeat(levels) + "1" + &"}".repeat(levels);
        for json in [
            "{}",
            "{\"a\":{\"a\":1},\"b\":{\"a\":1},\"A\":1}",
            " {\"a\":[1,-2.5e3,true,null,\"\\u00e9\"]}\n",
            &nested(64),
        ] {
            let metadata: Metadata = json.parse().expect("an object");
            assert_eq!(metadata.as_json(), json.trim());
        }
        for (json, why) in [
            ("[1]", "expected an object"),
            ("1", "expected an object"),
            ("null", "expected an object"),
            ("\"{}\"", "expected an object"),
            ("", "EOF"),
            ("{} {}", "trailing characters"),
            ("{\"a\":\"\\ud800\"}", "hex escape"),
            ("{\"\\ud800\":1}", "hex escape"),
            ("{\"a\":1e999}", "out of range"),
            ("{\"a\":\"\n\"}", "control character"),
            ("{\"a\":1,\"b\":2,\"a\":3}", "the key \"a\" is duplicate"),
            ("{\"a\":1,\"\\u0061\":2}", "the key \"a\" is duplicate"),
            ("{\"x\":[{\"a\":1,\"a\":1}]}", "the key \"a\" is duplicate"),
            ("{\"\":1,\"\":1}", "the key \"\" is duplicate"),
            (&nested(65), "64 levels"),
            (&nested(100_000), "64 levels"),
        ] {
            let error = json.parse::<Metadata>().expect_err(json).to_string();
            assert!(error.contains(why), "{json:.50}: {error}");
        }
    }
    #[test]
    fn a_map_is_nested_in_as_many_levels_as_a_text_may_be() {
        let nested = |levels: usize| {
            let inside = (1..levels).fold(Value::from(1), |inside, level| match level % 2 {
                0 => Value::from_iter([("a", inside)]),
                _ => Value::from(vec![inside]),
            });
            Map::from_iter([("a".to_owned(), inside)])
        };
        for levels in [1, 2, 63, 64] {
            let metadata = Metadata::try_from(nested(levels)).expect("few enough");
            let parsed = metadata.as_json().parse::<Metadata>();
            assert_eq!(parsed.as_ref(), Ok(&metadata), "{levels} levels");
        }
        for levels in [65, 66, 100_000] {
            let error = Metadata::try_from(nested(levels)).expect_err("too many").to_string();
            assert!(error.contains("64 levels"), "{levels} levels: {error}");
        }
    }
}
