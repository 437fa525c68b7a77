//! The frames of version 2 of the protocol: `[join_ref, ref, topic, event, payload]`.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, SerializeTuple, Serializer};
use serde_json::value::RawValue;

use crate::request::{Field, JsonType, fits};

/// Maximum length of a topic, an event and a ref in bytes: the limit of the protocol's binary form.
pub(crate) const NAME_MAX: usize = 255;

/// A message of a client.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub(crate) join_ref: Ref,
    pub(crate) reference: Ref,
    pub(crate) topic: String,
    pub(crate) event: String,
    /// Any JSON; each event parses its own form.
    pub(crate) payload: &'a RawValue,
}

impl<'a> Message<'a> {
    /// Parses a frame, in linear time.
    ///
    /// # Errors
    /// The frame is not JSON, not such an array, or has a name that is too long.
    pub(crate) fn parse(frame: &'a str) -> Result<Self, MessageError> {
        let (join_ref, reference, topic, event, payload): (Ref, Ref, String, String, &RawValue) =
            serde_json::from_str(frame)
                .map_err(|error| MessageError::Form(fault(frame, &error)))?;
        for (what, name) in [("topic", &topic), ("event", &event)] {
            if name.len() > NAME_MAX {
                return Err(MessageError::TooLong { what, len: name.len() });
            }
        }
        Ok(Self { join_ref, reference, topic, event, payload })
    }
}

/// The fault of a frame that cannot be parsed.
fn fault(frame: &str, error: &serde_json::Error) -> String {
    const REF: &str = "a string of at most 255 bytes, a whole number or null";
    const _: () = assert!(NAME_MAX == 255, "the number in the text above");
    const ELEMENTS: [Field; 4] = [
        Field::new("join_ref", REF, fits::<Ref>),
        Field::new("ref", REF, fits::<Ref>),
        Field::string("topic"),
        Field::string("event"),
    ];
    match (JsonType::of(frame), serde_json::from_str::<Vec<&RawValue>>(frame)) {
        (JsonType::Array, Ok(elements)) if elements.len() != 5 => {
            format!("this one has {} elements", elements.len())
        }
        (JsonType::Array, Ok(elements)) => {
            let mut known = ELEMENTS.iter().zip(&elements);
            let fault = known.find_map(|(element, value)| element.fault(value.get()));
            fault.unwrap_or_else(|| error.to_string())
        }
        (kind, Err(error)) if error.is_data() => format!("this is {kind}"),
        (_, Err(error)) => error.to_string(),
        (kind, Ok(_)) => format!("this is {kind}"),
    }
}

/// Why a frame is not a message.
#[derive(Debug)]
pub(crate) enum MessageError {
    /// It is not an array of those five. Contains the fault.
    Form(String),
    /// Its topic or its event is too long. `len` is its length in bytes.
    TooLong { what: &'static str, len: usize },
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(error) => write!(
                f,
                "a message is the JSON array [join_ref, ref, topic, event, payload]: {error}"
            ),
            Self::TooLong { what, len } => {
                write!(f, "the {what} has {len} bytes: the maximum is {NAME_MAX}")
            }
        }
    }
}

/// The client's reference of a message, which the reply repeats in the same JSON type. phoenix.js uses
/// strings, other clients use numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ref {
    #[default]
    None,
    Text(Box<str>),
    Number(u64),
}

impl Ref {
    pub(crate) const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// This ref, or `other` if it is absent.
    pub(crate) fn or(self, other: &Self) -> Self {
        if self.is_none() { other.clone() } else { self }
    }
}

impl<'de> Deserialize<'de> for Ref {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct AnyRef;

        impl Visitor<'_> for AnyRef {
            type Value = Ref;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a ref: a string of at most {NAME_MAX} bytes, a whole number or null")
            }

            fn visit_unit<E>(self) -> Result<Ref, E> {
                Ok(Ref::None)
            }

            fn visit_u64<E>(self, number: u64) -> Result<Ref, E> {
                Ok(Ref::Number(number))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Ref, E> {
                if text.len() > NAME_MAX {
                    return Err(E::invalid_length(text.len(), &self));
                }
                Ok(Ref::Text(text.into()))
            }
        }

        from.deserialize_any(AnyRef)
    }
}

impl Serialize for Ref {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => to.serialize_none(),
            Self::Text(text) => to.serialize_str(text),
            Self::Number(number) => to.serialize_u64(*number),
        }
    }
}

/// A frame for the client.
pub(crate) struct Frame<'a, P> {
    pub(crate) join_ref: &'a Ref,
    pub(crate) reference: &'a Ref,
    pub(crate) topic: &'a str,
    pub(crate) event: &'a str,
    pub(crate) payload: P,
}

impl<P: Serialize> Frame<'_, P> {
    /// The text of the frame.
    pub(crate) fn write(&self) -> String {
        // The types of all payloads serialize, and writing to a string cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl<P: Serialize> Serialize for Frame<'_, P> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut tuple = to.serialize_tuple(5)?;
        tuple.serialize_element(self.join_ref)?;
        tuple.serialize_element(self.reference)?;
        tuple.serialize_element(self.topic)?;
        tuple.serialize_element(self.event)?;
        tuple.serialize_element(&self.payload)?;
        tuple.end()
    }
}

/// The payload of a reply.
#[derive(serde::Serialize)]
#[serde(tag = "status", content = "response", rename_all = "snake_case")]
pub(crate) enum Reply<R> {
    Ok(R),
    Error(R),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_an_array_of_five() {
        let message = Message::parse(r#"["1","2","status:a","phx_join",{"x":[1]}]"#).expect("one");
        assert_eq!(message.join_ref, Ref::Text("1".into()));
        assert_eq!(message.reference, Ref::Text("2".into()));
        assert_eq!((&*message.topic, &*message.event), ("status:a", "phx_join"));
        assert_eq!(message.payload.get(), r#"{"x":[1]}"#);
    }

    #[test]
    fn refs_are_text_numbers_or_absent() {
        let message = Message::parse(r#"[null,18446744073709551615,"t","e",null]"#).expect("one");
        assert_eq!((message.join_ref, message.reference), (Ref::None, Ref::Number(u64::MAX)));
        let escaped = Message::parse(r#"["\u0031","a\"b","t","e",{}]"#).expect("one");
        assert_eq!(escaped.join_ref, Ref::Text("1".into()));
        assert_eq!(escaped.reference, Ref::Text("a\"b".into()));
    }

    #[test]
    fn errors_name_the_fault_and_the_expected_form() {
        let long = "x".repeat(NAME_MAX + 1);
        let refused = [
            (String::new(), "EOF"),
            ("hello".into(), "expected value"),
            ("{}".into(), "this is an object"),
            (r#"["1","1","t","e"]"#.into(), "this one has 4 elements"),
            (r#"["1","1","t","e",{},{}]"#.into(), "this one has 6 elements"),
            (r#"["1","1","t","e",{}] x"#.into(), "trailing characters"),
            (r#"["1","1",7,"e",{}]"#.into(), "`topic` has to be a string, and is a number"),
            (r#"["1","1","t",null,{}]"#.into(), "`event` has to be a string, and is null"),
            (r#"[-1,"1","t","e",{}]"#.into(), "`join_ref` has to be a string of at most 255 bytes"),
            (r#"[1.5,"1","t","e",{}]"#.into(), "a whole number or null, and is a number"),
            (r#"["1",["1"],"t","e",{}]"#.into(), "`ref` has to be a string of at most 255 bytes"),
            (format!(r#"["{long}","1","t","e",{{}}]"#), "`join_ref` has to be a string of at most"),
            (format!(r#"["1","1","{long}","e",{{}}]"#), "the topic has 256 bytes"),
            (format!(r#"["1","1","t","{long}",{{}}]"#), "the event has 256 bytes"),
            (r#"["1","1","t","e",{"a":}]"#.into(), "expected value"),
        ];
        for (frame, why) in refused {
            let error = Message::parse(&frame).expect_err(&frame).to_string();
            assert!(error.contains(why), "{frame}: {error}");
            assert!(!error.contains("tuple"), "{frame}: {error}");
        }
    }

    #[test]
    fn a_deeply_nested_payload_is_parsed_without_recursion() {
        let depth = 30_000;
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        let frame = format!(r#"["1","2","t","e",{open}{close}]"#);
        let message = Message::parse(&frame).expect("one");
        assert_eq!(message.payload.get().len(), 2 * depth);
    }

    #[test]
    fn a_frame_is_one_line_of_text() {
        let (join_ref, reference) = (Ref::Text("a\"\n".into()), Ref::Number(7));
        let payload = Reply::Ok("x\r\n\0</script>\u{2028}");
        let topic = "status:\u{7}";
        let frame = Frame {
            join_ref: &join_ref,
            reference: &reference,
            topic,
            event: "phx_reply",
            payload,
        };
        assert_eq!(
            frame.write(),
            "[\"a\\\"\\n\",7,\"status:\\u0007\",\"phx_reply\",{\"status\":\"ok\",\"response\":\"x\\r\\n\\u0000</script>\u{2028}\"}]"
        );
    }
}
