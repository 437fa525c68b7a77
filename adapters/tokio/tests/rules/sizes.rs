//! What is too large or not of the right form is refused at the door, by itself, with a reason that
//! says what to do.

use statusbus_tokio::{
    Category, ConversationError, Draft, Metadata, Priority, RefuseReason, Refused, Selector, Sent,
    Status, Text,
};

use crate::support::{delivered, end, reader, said};

fn refused(draft: Draft<'_>) -> (RefuseReason, String) {
    let refused: Refused = draft.try_send().expect_err("it is refused");
    (refused.reason, refused.to_string())
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
    assert_eq!(tool("x".repeat(16_384)).try_send(), Ok(Sent::Queued));
    assert_eq!(plain().metadata(object(4_096)).try_send(), Ok(Sent::Queued));
    assert_eq!(plain().key("k".repeat(128)).try_send(), Ok(Sent::Queued));
    let too_large = |text: &str| (RefuseReason::TooLarge, text.to_owned());
    assert_eq!(
        refused(tool("x".repeat(16_385))),
        too_large("the text has 16385 bytes: at most 16384 are taken")
    );
    assert_eq!(
        refused(plain().metadata(object(4_097))),
        too_large("the metadata has 4097 bytes: at most 4096 are taken")
    );
    assert_eq!(
        refused(plain().key("k".repeat(129))),
        too_large("the key has 129 bytes: at most 128 are taken")
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
    let status = Status::builder().max_text(3).max_metadata(10).max_key(1).spawn();
    let plain = || status.update("a", Category::TOOL, "abc");
    assert_eq!(plain().key("k").metadata(object(10)).try_send(), Ok(Sent::Queued));
    let long = status.update("a", Category::TOOL, "abcd");
    assert_eq!(refused(long).1, "the text has 4 bytes: at most 3 are taken");
    let long = plain().metadata(object(11));
    assert_eq!(refused(long).1, "the metadata has 11 bytes: at most 10 are taken");
    assert_eq!(refused(plain().key("kk")).1, "the key has 2 bytes: at most 1 are taken");
    assert_eq!(end(status).await.refused.too_large, 3);
    let nothing = Status::builder().max_text(0).max_metadata(0).max_key(0).spawn();
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
    let status = Status::builder().category("deploy").expect("a category").spawn();
    let draft = || status.update("a", Category::TOOL, "text");
    assert_eq!(draft().category("deploy").try_send(), Ok(Sent::Queued));
    let expected = "the bus has no category \"gossip\": use one of the built-in ones or register it \
                    when the bus is built";
    let gossip = (RefuseReason::UnknownCategory, expected.to_owned());
    assert_eq!(refused(draft().category("gossip")), gossip);
    for name in ["", "Tool", " tool", "tool:x"] {
        assert_eq!(refused(draft().category(name)).0, RefuseReason::UnknownCategory);
    }
    // Of another bus.
    let foreign = Category::from_index(8).expect("below 32");
    let expected = (RefuseReason::UnknownCategory, "the bus has no such category".to_owned());
    assert_eq!(refused(status.update("a", foreign, "text")), expected);
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
fn metadata_is_a_json_object_on_one_line() {
    for json in ["", "1", "null", "[]", "\"x\"", "{", "{}x", "{\"a\":}", "{a:1}"] {
        let error = json.parse::<Metadata>().expect_err("no object");
        assert!(error.to_string().starts_with("metadata has to be a JSON object: "), "{error}");
    }
    let metadata: Metadata = " {\n \"a\" :\r\n [1, \"\\n\"]\n} ".parse().expect("an object");
    assert!(!metadata.as_json().contains(['\r', '\n']), "{metadata:?}");
    let same: serde_json::Value = serde_json::from_str(metadata.as_json()).expect("still JSON");
    assert_eq!(same, serde_json::json!({"a": [1, "\n"]}));
}

#[tokio::test(start_paused = true)]
async fn a_draft_that_is_not_sent_counts_nothing() {
    let status = Status::builder().spawn();
    drop(status.update("a", Category::TOOL, "text").priority(Priority::Terminal));
    drop(status.update("a:b", Category::TOOL, "text"));
    assert_eq!(end(status).await.sent, 0);
}
