//! Updates that are too large or malformed are refused, each with a reason and a hint.

use std::collections::HashSet;

use statusbus_hub::{
    Category, CheckedName, ConversationError, DropReason, Metadata, Outcome, Priority,
    RefuseReason, Selector, SendErrorKind, Status, Text, UpdateBuilder,
};

use crate::support::{Start, reader, test, updates};

fn refused(update: UpdateBuilder<'_>) -> (RefuseReason, String) {
    let error = update.try_send().expect_err("it is refused");
    let SendErrorKind::Refused(reason) = error.kind() else { panic!("not refused: {error:?}") };
    assert_eq!(error.reason(), reason.as_str());
    (reason, error.to_string())
}

fn object(len: usize) -> Metadata {
    let json = format!(r#"{{"k":"{}"}}"#, "x".repeat(len - 8));
    let metadata: Metadata = json.parse().expect("a JSON object");
    assert_eq!(metadata.as_json().len(), len);
    metadata
}

#[test]
fn each_part_of_an_update_has_an_exact_size_limit() {
    let bus = Status::builder().start();
    let tool = |text: String| bus.update("a", Category::TOOL, text);
    let plain = || tool("text".to_owned());
    assert_eq!(tool("x".repeat(16_384)).try_send(), Ok(Outcome::Queued));
    assert_eq!(plain().metadata(object(4_096)).try_send(), Ok(Outcome::Queued));
    assert_eq!(plain().key("k".repeat(128)).try_send(), Ok(Outcome::Queued));
    let too_large = |text: &str| (RefuseReason::TooLarge, text.to_owned());
    assert_eq!(
        refused(tool("x".repeat(16_385))),
        too_large(
            "the text has 16385 bytes: shorten it to 16384, or raise the limit when the bus is built"
        )
    );
    assert_eq!(
        refused(plain().metadata(object(4_097))),
        too_large(
            "the metadata has 4097 bytes: shorten it to 4096, or raise the limit when the bus is built"
        )
    );
    assert_eq!(
        refused(plain().key("k".repeat(129))),
        too_large(
            "the key has 129 bytes: shorten it to 128, or raise the limit when the bus is built"
        )
    );
    // The limit is in bytes, not in characters.
    assert_eq!(refused(tool("ä".repeat(8_193))).0, RefuseReason::TooLarge);
    bus.tool("a", "x".repeat(16_385));
    bus.system().tool("x".repeat(16_385));
    let ledger = bus.end();
    assert_eq!((ledger.delivered, ledger.refused.too_large, ledger.sent), (3, 6, 9));
}

#[test]
fn the_size_limits_can_be_set() {
    let bus = Status::builder().with_max_text(3).with_max_metadata(10).with_max_key(1).start();
    let plain = || bus.update("a", Category::TOOL, "abc");
    assert_eq!(plain().key("k").metadata(object(10)).try_send(), Ok(Outcome::Queued));
    let long = bus.update("a", Category::TOOL, "abcd");
    assert_eq!(
        refused(long).1,
        "the text has 4 bytes: shorten it to 3, or raise the limit when the bus is built"
    );
    let long = plain().metadata(object(11));
    assert_eq!(
        refused(long).1,
        "the metadata has 11 bytes: shorten it to 10, or raise the limit when the bus is built"
    );
    assert_eq!(
        refused(plain().key("kk")).1,
        "the key has 2 bytes: shorten it to 1, or raise the limit when the bus is built"
    );
    assert_eq!(bus.end().refused.too_large, 3);
    let nothing = Status::builder().with_max_text(0).with_max_metadata(0).with_max_key(0).start();
    nothing.tool("a", "");
    nothing.tool("a", "x");
    let ledger = nothing.end();
    assert_eq!((ledger.delivered, ledger.refused.too_large), (1, 1));
}

#[test]
fn a_key_has_at_least_one_byte() {
    let bus = Status::builder().start();
    let expected = "the key is empty: give it at least 1 byte, or leave it out";
    let empty = bus.update("a", Category::TOOL, "text").key("");
    assert_eq!(refused(empty), (RefuseReason::Invalid, expected.to_owned()));
    assert_eq!(bus.end().refused.invalid, 1);
}

#[test]
fn any_unicode_text_is_delivered_unchanged() {
    let bus = Status::builder().start();
    let mut a = reader(&bus, "a");
    let long = "0123456789".repeat(100);
    let fixed = Text::from_static("a fixed text of more than forty bytes, which is never copied");
    let texts =
        ["", "line\r\nbreak", "\0", "\u{202e}äöü 🦀", &"x".repeat(40), &"x".repeat(41), &long];
    for text in texts {
        bus.tool("a", text);
    }
    bus.tool("a", fixed.clone());
    bus.tool("a", format_args!("{}-{}", 4, 2));
    bus.tool("a", String::from("owned"));
    bus.deliver();
    let more = [fixed.as_str(), "4-2", "owned"];
    assert_eq!(updates(&mut a), [texts.as_slice(), &more].concat());
    drop(a);
    assert_eq!(bus.end().delivered, 10);
}

#[test]
fn an_invalid_conversation_name_is_refused_with_the_reason() {
    let bus = Status::builder().start();
    let long = "x".repeat(129);
    let names = [
        ("", ConversationError::Empty, "a conversation's name is empty: give it 1 to 128 bytes"),
        (
            long.as_str(),
            ConversationError::TooLong(129),
            "a conversation's name has 129 bytes: give it 1 to 128",
        ),
        (
            "a:b",
            ConversationError::Character(':'),
            "a conversation's name has ':': leave out control characters, ':' and '*'",
        ),
        (
            "a*",
            ConversationError::Character('*'),
            "a conversation's name has '*': leave out control characters, ':' and '*'",
        ),
        (
            "a\nb",
            ConversationError::Character('\n'),
            "a conversation's name has '\\n': leave out control characters, ':' and '*'",
        ),
        (
            "system",
            ConversationError::Reserved,
            "a conversation may not be called 'system': for a system-wide update leave the conversation out",
        ),
    ];
    for (name, error, text) in names {
        assert_eq!(bus.conversation(name).expect_err("no name"), error);
        assert_eq!(Selector::conversation(name), Err(error));
        let update = bus.update(name, Category::TOOL, "text");
        assert_eq!(refused(update), (RefuseReason::Invalid, text.to_owned()));
        bus.tool(name, "text");
    }
    assert_eq!(bus.conversations(), 0);
    let ledger = bus.end();
    assert_eq!((ledger.sent, ledger.refused.invalid), (12, 12));
}

#[test]
fn valid_names_up_to_the_longest_are_used_unchanged() {
    let bus = Status::builder().start();
    for name in ["x", "System", "SYSTEM", "conv 1", "a/b?c=d", "ä 🦀", &"x".repeat(128)] {
        let mut reading = reader(&bus, name);
        bus.tool(name, name);
        bus.deliver();
        assert_eq!(updates(&mut reading), [name]);
    }
    assert_eq!(bus.end().delivered, 7);
}

#[test]
fn an_unknown_category_is_refused_with_its_name() {
    let bus = Status::builder().with_category("deploy").expect("a category").start();
    let update = || bus.update("a", Category::TOOL, "text");
    assert_eq!(update().category("deploy").try_send(), Ok(Outcome::Queued));
    let expected = "the bus has no category \"gossip\": use one of the built-in ones or register it \
                    when the bus is built";
    let gossip = (RefuseReason::UnknownCategory, expected.to_owned());
    assert_eq!(refused(update().category("gossip")), gossip);
    for name in ["", "Tool", " tool", "tool:x"] {
        assert_eq!(refused(update().category(name)).0, RefuseReason::UnknownCategory);
    }
    // Of another bus.
    let foreign = Category::from_index(8).expect("below 32");
    let (reason, text) = refused(bus.update("a", foreign, "text"));
    assert_eq!(reason, RefuseReason::UnknownCategory);
    assert!(text.starts_with("the bus has no such category: use one of"), "{text}");
    let ledger = bus.end();
    assert_eq!((ledger.delivered, ledger.refused.unknown_category), (1, 6));
}

#[test]
fn an_invalid_name_is_reported_before_other_errors() {
    let bus = Status::builder().start();
    let update = bus.update("a:b", Category::TOOL, "x".repeat(20_000)).category("gossip").key("");
    assert_eq!(refused(update).0, RefuseReason::Invalid);
    let update = bus.update("a", Category::TOOL, "x".repeat(20_000)).category("gossip");
    assert_eq!(refused(update).0, RefuseReason::UnknownCategory);
    assert_eq!(bus.end().refused.total(), 2);
}

#[test]
fn names_and_texts_convert_from_and_to_strings() {
    let name = CheckedName::try_from("a").expect("a name");
    assert_eq!("a".parse(), Ok(name.clone()));
    assert_eq!(name.as_ref(), "a");
    assert_eq!(Selector::try_from("a"), Ok(Selector::from(name)));
    assert_eq!(Selector::try_from("a:b"), Err(ConversationError::Character(':')));
    assert_eq!("*".parse::<CheckedName>(), Err(ConversationError::Character('*')));
    let long = "a text of more than forty bytes, which is shared by its readers";
    let texts = HashSet::from([Text::from(long), Text::from_static(long), Text::from("short")]);
    assert_eq!(texts.len(), 2, "texts are equal in every kind of storage: {texts:?}");
    assert_eq!(Text::from_static(long).as_ref(), long);
    for (kind, name) in [
        (SendErrorKind::Refused(RefuseReason::TooLarge), "too_large"),
        (SendErrorKind::Dropped(DropReason::Outranked), "outranked"),
        (SendErrorKind::Expired, "expired"),
    ] {
        assert_eq!((kind.to_string().as_str(), kind.as_str()), (name, name));
    }
}

#[test]
fn metadata_is_one_json_object_without_line_breaks() {
    for json in ["", "1", "null", "[]", "\"x\"", "{", "{}x", "{\"a\":}", "{a:1}"] {
        let error = json.parse::<Metadata>().expect_err("no object");
        assert!(error.to_string().starts_with("metadata must be a JSON object: "), "{error}");
    }
    let metadata: Metadata = " {\n \"a\" :\r\n [1, \"\\n\"]\n} ".parse().expect("an object");
    assert!(!metadata.as_json().contains(['\r', '\n']), "{metadata:?}");
    let same: serde_json::Value = serde_json::from_str(metadata.as_json()).expect("still JSON");
    assert_eq!(same, serde_json::json!({"a": [1, "\n"]}));
}

#[test]
fn an_update_builder_that_is_dropped_counts_nothing() {
    let bus = Status::builder().start();
    drop(bus.update("a", Category::TOOL, "text").priority(Priority::High));
    drop(bus.update("a:b", Category::TOOL, "text"));
    assert_eq!(bus.end().sent, 0);
}
