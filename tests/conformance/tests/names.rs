//! What can be the name of a conversation, by the table that every implementation is held to.

use statusbus_core::ConversationError::{
    Character, DotSegment, Empty, Invisible, Reserved, TooLong,
};
use statusbus_core::{Categories, ConversationError, ConversationName, TopicError, TopicName};

/// The verdicts and names of `names.txt`.
fn table() -> Vec<(&'static str, String)> {
    let lines = include_str!("../names.txt").lines();
    let rows = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    rows.map(|line| {
        let (verdict, name) = line.split_once(' ').expect("a verdict and a name");
        let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
        (verdict, unescaped(name.expect("a name in quotation marks")))
    })
    .collect()
}

fn unescaped(text: &str) -> String {
    let mut parts = text.split("\\u{");
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (number, rest) = part.split_once('}').expect("a number in braces");
        let number = u32::from_str_radix(number, 16).expect("a hexadecimal number");
        name.push(char::from_u32(number).expect("a character"));
        name.push_str(rest);
    }
    name
}

fn verdict(result: Result<(), ConversationError>) -> &'static str {
    match result {
        Ok(()) => "ok",
        Err(Empty) => "empty",
        Err(TooLong(_)) => "too_long",
        Err(Character(_)) => "character",
        Err(Reserved) => "reserved",
        Err(DotSegment) => "dot_segment",
        Err(Invisible) => "invisible",
        Err(_) => "a verdict that the table does not have",
    }
}

#[test]
fn the_core_agrees_with_the_table_of_names() {
    let table = table();
    assert!(table.len() > 100, "{} names", table.len());
    for (expected, name) in table {
        let found = verdict(ConversationName::new(&name).map(|_| ()));
        assert_eq!(found, expected, "{name:?}");
    }
}

#[test]
fn topics_agree_with_the_table_of_names() {
    let categories: Categories = Categories::new();
    // A topic with a colon in its conversation has another category; `system` is a topic's own word.
    let names = table().into_iter().filter(|(_, name)| !name.contains(':') && name != "system");
    for (expected, name) in names {
        let topic = format!("status:{name}:tool");
        let found = verdict(match TopicName::parse(&topic, &categories) {
            Ok(topic) => {
                let conversation = topic.conversation.map(ConversationName::as_str);
                assert_eq!(conversation, Some(&*name));
                Ok(())
            }
            Err(TopicError::Conversation(error)) => Err(error),
            Err(error) => panic!("{topic:?}: {error}"),
        });
        assert_eq!(found, expected, "{name:?}");
    }
}
