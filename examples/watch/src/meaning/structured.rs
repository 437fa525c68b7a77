//! Lines that say themselves what they mean: JSON with the fields of `POST /v1/status`, and cargo's.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use statusbus_core::ConversationName;

use super::level::Level;
use super::{About, Said, Stream, cargo};

/// What became of a line that begins like a JSON object.
#[derive(Debug, PartialEq)]
pub(super) enum Read<'a> {
    /// It says this.
    Said(Said<'a>),
    /// It has our fields, but this one is not what it should be.
    Invalid(&'static str),
    /// It is JSON with other fields, and maybe a level.
    Foreign(Option<Level>),
    /// It is no JSON object.
    NotJson,
}

/// The fields that mean something, as they stand. `Some("null")`: it is there and null.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, default, deserialize_with = "there")]
    conversation: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "there")]
    category: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "there")]
    text: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "there")]
    metadata: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "there")]
    key: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "there")]
    priority: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "there")]
    ttl_ms: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "there")]
    reason: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "there")]
    level: Option<&'a RawValue>,
}

fn there<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

/// A string that is borrowed if it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads a line that begins like a JSON object.
///
/// It speaks of itself if it has a `text` that is a string and one of the other fields; unknown
/// fields are passed over. A `text` alone is any program's JSON.
pub(super) fn read<'a>(line: &'a str, stream: Stream) -> Read<'a> {
    let Ok(fields) = serde_json::from_str::<Fields<'a>>(line) else {
        return Read::NotJson;
    };
    if let Some(reason) = fields.reason.and_then(string)
        && let Some(said) = cargo::read(&reason, line)
    {
        return Read::Said(said);
    }
    match fields.text.and_then(string) {
        Some(text) if fields.any_but_text() => match fields.said(text, stream) {
            Ok(said) => Read::Said(said),
            Err(field) => Read::Invalid(field),
        },
        _ => {
            Read::Foreign(fields.level.and_then(string).and_then(|level| Level::from_name(&level)))
        }
    }
}

impl<'a> Fields<'a> {
    fn any_but_text(&self) -> bool {
        self.conversation.is_some()
            || self.category.is_some()
            || self.metadata.is_some()
            || self.key.is_some()
            || self.priority.is_some()
            || self.ttl_ms.is_some()
    }

    /// What the fields say with `text`, or the name of the first that is invalid.
    fn said(self, text: Cow<'a, str>, stream: Stream) -> Result<Said<'a>, &'static str> {
        let category = optional(self.category, string).ok_or("category")?;
        let priority =
            optional(self.priority, |raw| string(raw)?.parse().ok()).ok_or("priority")?;
        Ok(Said {
            conversation: about(self.conversation).ok_or("conversation")?,
            // As it is with a plain line: without a category it is no end.
            priority: match category {
                Some(_) => priority,
                None => priority.or(stream.priority()),
            },
            category: category.unwrap_or(Cow::Borrowed(stream.category())),
            text,
            key: optional(self.key, string).ok_or("key")?,
            ttl: optional(self.ttl_ms, milliseconds).ok_or("ttl_ms")?,
            metadata: optional(self.metadata, object).ok_or("metadata")?,
            fraction: None,
            replaces: None,
        })
    }
}

/// Reads a field that may be absent or null. `None`: it is invalid.
fn optional<'a, T>(
    raw: Option<&'a RawValue>,
    read: impl FnOnce(&'a RawValue) -> Option<T>,
) -> Option<Option<T>> {
    match raw {
        Some(raw) if raw.get() != "null" => read(raw).map(Some),
        _ => Some(None),
    }
}

fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str(raw.get()).ok().map(|Text(text)| text)
}

fn milliseconds(raw: &RawValue) -> Option<Duration> {
    serde_json::from_str(raw.get()).ok().map(Duration::from_millis)
}

fn object(raw: &RawValue) -> Option<Cow<'_, str>> {
    raw.get().starts_with('{').then(|| Cow::Borrowed(raw.get()))
}

/// Who it is about; a number is a name, too. `None`: it is no name that the bus takes.
fn about(raw: Option<&RawValue>) -> Option<About<'_>> {
    let Some(raw) = raw else {
        return Some(About::Command);
    };
    if raw.get() == "null" {
        return Some(About::System);
    }
    let name = match serde_json::from_str::<u64>(raw.get()) {
        Ok(_) => Cow::Borrowed(raw.get()),
        Err(_) => string(raw)?,
    };
    ConversationName::new(&name).ok()?;
    Some(About::Conversation(name))
}

#[cfg(test)]
mod tests {
    use statusbus_core::Priority;

    use super::*;

    fn said(line: &str, stream: Stream) -> Said<'_> {
        match read(line, stream) {
            Read::Said(said) => said,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_line_with_all_fields_says_them_all() {
        let line = r#" {"conversation":"conv-1","category":"tool","text":"done","metadata":{"a": [1]},
            "key":"k","priority":"high","ttl_ms":5000,"at":"2026-11-23T14:00:00Z"}"#;
        let said = said(line, Stream::Stdout);
        assert_eq!(
            said,
            Said {
                conversation: About::Conversation("conv-1".into()),
                category: "tool".into(),
                text: "done".into(),
                key: Some("k".into()),
                priority: Some(Priority::High),
                ttl: Some(Duration::from_secs(5)),
                metadata: Some(r#"{"a": [1]}"#.into()),
                fraction: None,
                replaces: None,
            }
        );
        assert!(matches!(said.text, Cow::Borrowed(_)));
    }

    #[test]
    fn what_is_absent_or_null_is_the_default() {
        for nothing in [r#""key":null"#, r#""category":null,"metadata":null,"ttl_ms":null"#] {
            let line = format!(r#"{{"text":"a\nb",{nothing},"priority":null}}"#);
            let out = said(&line, Stream::Stdout);
            assert_eq!((&*out.category, &*out.text, out.priority), ("info", "a\nb", None));
            let err = said(&line, Stream::Stderr);
            assert_eq!((&*err.category, err.priority), ("error", Some(Priority::Normal)));
            assert_eq!((err.key, err.ttl, err.metadata), (None, None, None));
        }
        // An error that calls itself one is what the bus takes an error for.
        assert_eq!(said(r#"{"text":"a","category":"error"}"#, Stream::Stderr).priority, None);
    }

    #[test]
    fn who_it_is_about() {
        let about = |value: &str| {
            let line = format!(r#"{{"text":"a","conversation":{value}}}"#);
            match read(&line, Stream::Stdout) {
                Read::Said(Said { conversation: About::Conversation(name), .. }) => {
                    name.into_owned()
                }
                Read::Said(Said { conversation, .. }) => format!("<{conversation:?}>"),
                Read::Invalid(field) => format!("<{field}?>"),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(about("\"a b\""), "a b");
        assert_eq!(about("42"), "42");
        assert_eq!(about("null"), "<System>");
        for wrong in ["4.2", "-1", "true", "[]", "\"\"", "\"a:b\"", "\"system\"", "\"a\\u0000\""] {
            assert_eq!(about(wrong), "<conversation?>", "{wrong}");
        }
        let absent = said(r#"{"text":"a","key":"k"}"#, Stream::Stdout);
        assert_eq!(absent.conversation, About::Command);
    }

    #[test]
    fn an_invalid_field_is_named() {
        let rules = [
            ("category", "7"),
            ("metadata", "[1]"),
            ("metadata", "\"{}\""),
            ("key", "7"),
            ("priority", "\"urgent\""),
            ("priority", "2"),
            ("ttl_ms", "-5"),
            ("ttl_ms", "\"5\""),
            ("ttl_ms", "1.5"),
        ];
        for (field, value) in rules {
            let line = format!(r#"{{"text":"a","{field}":{value}}}"#);
            assert_eq!(read(&line, Stream::Stdout), Read::Invalid(field), "{line}");
        }
    }

    #[test]
    fn other_lines_are_not_ours() {
        for line in [r#"{"text":"a"}"#, r#"{"text":7,"key":"k"}"#, r#"{"key":"k"}"#, "{}"] {
            assert_eq!(read(line, Stream::Stdout), Read::Foreign(None), "{line}");
        }
        let level = r#"{"level":"WARN","reason":"other","fields":{}}"#;
        assert_eq!(read(level, Stream::Stdout), Read::Foreign(Some(Level::Warning)));
        let deep = format!("{{\"text\":{}", "[".repeat(100_000));
        for line in ["{", "{}}", "{a: 1}", "{\"text\":\"a\",}", "{\"key\":1,\"key\":2}", &deep] {
            assert_eq!(read(line, Stream::Stdout), Read::NotJson);
        }
    }
}
