//! What is too large or not of the right form is refused at the door, by itself, with a reason that
//! says what to do.

use std::collections::HashSet;

use statusbus_tokio::{
    Category, CheckedName, ConversationError, DropReason, Metadata, Outcome, Priority,
    RefuseReason, Selector, SendErrorKind, Spawn, Status, Text, UpdateBuilder,
};

use crate::support::{delivered, end, reader, said};

fn refused(draft: UpdateBuilder<'_>) -> (RefuseReason, String) {
    let error = draft.try_send().expect_err("it is refused");
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

#[tokio::test(start_paused = true)]
async fn each_part_may_have_its_size_and_not_a_byte_more() {
    let status = Status::builder().spawn();
    let tool = |text: String| status.update("a", Category::TOOL, text);
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
    // Bytes, not characters.
    assert_eq!(refused(tool("ä".repeat(8_193))).0, RefuseReason::TooLarge);
    status.tool("a", "x".repeat(16_385));
    status.system().tool("x".repeat(16_385));
    let ledger = end(status).await;
    assert_eq!((ledger.delivered, ledger.refused.too_large, ledger.sent), (3, 6, 9));
}

#[tokio::test(start_paused = true)]
async fn the_sizes_can_be_chosen() {
    let status = Status::builder().with_max_text(3).with_max_metadata(10).with_max_key(1).spawn();
    let plain = || status.update("a", Category::TOOL, "abc");
    assert_eq!(plain().key("k").metadata(object(10)).try_send(), Ok(Outcome::Queued));
    let long = status.update("a", Category::TOOL, "abcd");
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
    assert_eq!(end(status).await.refused.too_large, 3);
    let nothing = Status::builder().with_max_text(0).with_max_metadata(0).with_max_key(0).spawn();
    nothing.tool("a", "");
    nothing.tool("a", "x");
    let ledger = end(nothing).await;
    assert_eq!((ledger.delivered, ledger.refused.too_large), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_key_has_at_least_one_byte() {
    let status = Status::builder().spawn();
    let expected = "the key is empty: give it at least 1 byte, or leave it out";
    let empty = status.update("a", Category::TOOL, "text").key("");
    assert_eq!(refused(empty), (RefuseReason::Invalid, expected.to_owned()));
    assert_eq!(end(status).await.refused.invalid, 1);
}

#[tokio::test(start_paused = true)]
async fn a_text_may_be_anything_that_is_text() {
    let status = Status::builder().spawn();
    let mut a = reader(&status, "a");
    let long = "0123456789".repeat(100);
    let fixed = Text::from_static("a fixed text of more than forty bytes, which is never copied");
    let texts =
        ["", "line\r\nbreak", "\0", "\u{202e}äöü 🦀", &"x".repeat(40), &"x".repeat(41), &long];
    for text in texts {
        status.tool("a", text);
    }
    status.tool("a", fixed.clone());
    status.tool("a", format_args!("{}-{}", 4, 2));
    status.tool("a", String::from("owned"));
    delivered(&status).await;
    let more = [fixed.as_str(), "4-2", "owned"];
    assert_eq!(said(&mut a), [texts.as_slice(), &more].concat());
    drop(a);
    assert_eq!(end(status).await.delivered, 10);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_no_conversation_can_have_is_refused_with_what_is_wrong() {
    let status = Status::builder().spawn();
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
        assert_eq!(status.conversation(name).expect_err("no name"), error);
        assert_eq!(Selector::conversation(name), Err(error));
        let draft = status.update(name, Category::TOOL, "text");
        assert_eq!(refused(draft), (RefuseReason::Invalid, text.to_owned()));
        status.tool(name, "text");
    }
    assert_eq!(status.conversations(), 0);
    let ledger = end(status).await;
    assert_eq!((ledger.sent, ledger.refused.invalid), (12, 12));
}

#[tokio::test(start_paused = true)]
async fn names_up_to_the_longest_are_taken_as_they_are() {
    let status = Status::builder().spawn();
    for name in ["x", "System", "SYSTEM", "conv 1", "a/b?c=d", "ä 🦀", &"x".repeat(128)] {
        let mut reading = reader(&status, name);
        status.tool(name, name);
        delivered(&status).await;
        assert_eq!(said(&mut reading), [name]);
    }
    assert_eq!(end(status).await.delivered, 7);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_category_is_refused_by_its_name() {
    let status = Status::builder().with_category("deploy").expect("a category").spawn();
    let draft = || status.update("a", Category::TOOL, "text");
    assert_eq!(draft().category("deploy").try_send(), Ok(Outcome::Queued));
    let expected = "the bus has no category \"gossip\": use one of the built-in ones or register it \
                    when the bus is built";
    let gossip = (RefuseReason::UnknownCategory, expected.to_owned());
    assert_eq!(refused(draft().category("gossip")), gossip);
    for name in ["", "Tool", " tool", "tool:x"] {
        assert_eq!(refused(draft().category(name)).0, RefuseReason::UnknownCategory);
    }
    // Of another bus.
    let foreign = Category::from_index(8).expect("below 32");
    let (reason, text) = refused(status.update("a", foreign, "text"));
    assert_eq!(reason, RefuseReason::UnknownCategory);
    assert!(text.starts_with("the bus has no such category: use one of"), "{text}");
    let ledger = end(status).await;
    assert_eq!((ledger.delivered, ledger.refused.unknown_category), (1, 6));
}

#[tokio::test(start_paused = true)]
async fn the_name_comes_first_when_several_things_are_wrong() {
    let status = Status::builder().spawn();
    let draft = status.update("a:b", Category::TOOL, "x".repeat(20_000)).category("gossip").key("");
    assert_eq!(refused(draft).0, RefuseReason::Invalid);
    let draft = status.update("a", Category::TOOL, "x".repeat(20_000)).category("gossip");
    assert_eq!(refused(draft).0, RefuseReason::UnknownCategory);
    assert_eq!(end(status).await.refused.total(), 2);
}

#[test]
fn names_and_texts_convert_as_strings_do() {
    let name = CheckedName::try_from("a").expect("a name");
    assert_eq!("a".parse(), Ok(name.clone()));
    assert_eq!(name.as_ref(), "a");
    assert_eq!(Selector::try_from("a"), Ok(Selector::from(name)));
    assert_eq!(Selector::try_from("a:b"), Err(ConversationError::Character(':')));
    assert_eq!("*".parse::<CheckedName>(), Err(ConversationError::Character('*')));
    let long = "a text of more than forty bytes, which is shared by its readers";
    let texts = HashSet::from([Text::from(long), Text::from_static(long), Text::from("short")]);
    assert_eq!(texts.len(), 2, "equal however they are stored: {texts:?}");
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
fn metadata_is_a_json_object_on_one_line() {
    for json in ["", "1", "null", "[]", "\"x\"", "{", "{}x", "{\"a\":}", "{a:1}"] {
        let error = json.parse::<Metadata>().expect_err("no object");
        assert!(error.to_string().starts_with("metadata must be a JSON object: "), "{error}");
    }
    let metadata: Metadata = " {\n \"a\" :\r\n [1, \"\\n\"]\n} ".parse().expect("an object");
    assert!(!metadata.as_json().contains(['\r', '\n']), "{metadata:?}");
    let same: serde_json::Value = serde_json::from_str(metadata.as_json()).expect("still JSON");
    assert_eq!(same, serde_json::json!({"a": [1, "\n"]}));
}

#[tokio::test(start_paused = true)]
async fn a_draft_that_is_not_sent_counts_nothing() {
    let status = Status::builder().spawn();
    drop(status.update("a", Category::TOOL, "text").priority(Priority::High));
    drop(status.update("a:b", Category::TOOL, "text"));
    assert_eq!(end(status).await.sent, 0);
}
