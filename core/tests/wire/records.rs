//! Records: their fields, what a newer writer may add, and what a reader refuses.

use crate::support::{
    EPOCH, Random, content, encode, feed, frame_by_others, frames, note, notes, number, read,
    string, stuffed,
};
use statusbus_core::wire::{
    CategoryName, Conversation, Decoder, Flaw, LossRecord, Record, RunRecord, Scope, UpdateRecord,
};
use statusbus_core::{Category, ConversationError, Priority, RefuseReason, RunState};

/// Kinds and flags by their numbers in the document.
const UPDATE: u64 = 3 << 4;
const LOSS: u64 = 1;
const RUN: u64 = 2;
const EXTENSION: u64 = 3;
const BY_NUMBER: u64 = 1 << 2;
const BY_NAME: u64 = 2 << 2;
const CATEGORY_NAME: u64 = 1 << 7;
const ADDITION: u64 = 1 << 13;

fn raw(head: u64, category: &[u8], conversation: &[u8], text: &[u8]) -> Vec<u8> {
    [number(head), category.to_vec(), conversation.to_vec(), vec![0], string(text)].concat()
}

fn info(text: &[u8]) -> Vec<u8> {
    raw(UPDATE, &[5], &[], text)
}

fn note_of(seq: u64, text: &str) -> String {
    note(&crate::support::update(seq, text))
}

/// Expects a frame with this record between two updates to be malformed.
#[track_caller]
fn expect_malformed(record: &[u8]) {
    let mut decoder = Decoder::new([0; 256]);
    let records = [&info(b"before"), record, &info(b"behind")].concat();
    assert_eq!(feed(&mut decoder, &frame_by_others(1, &records)), [""; 0]);
    assert_eq!((decoder.counters().malformed, decoder.counters().bad()), (1, 1));
}

/// Expects this record between two updates to be read as these, and the second update at this
/// position.
#[track_caller]
fn expect(record: &[u8], notes: &[String], behind: u64) {
    let records = [&info(b"before"), record, &info(b"behind")].concat();
    let expected = [&[note_of(10, "before")], notes, &[note_of(behind, "behind")]].concat();
    assert_eq!(read(&frame_by_others(10, &records)), expected);
}

#[test]
fn the_fields_of_an_update_are_written_in_the_order_of_the_document() {
    let mut update = UpdateRecord::new(5, CategoryName::Registered("deploy"), "text");
    update.age_micros = 70_000;
    update.conversation = Some(Conversation::Number(300));
    update.priority = Some(Priority::High);
    update.truncated = true;
    (update.key, update.metadata) = (Some("key"), Some("{}"));
    update.ttl_micros = Some(1 << 40);
    (update.run, update.ends_run) = (Some(9), true);
    let frame = frames(128, &[Record::Update(update)]).concat();
    let head = BY_NUMBER | 2 << 4 | 1 << 6 | CATEGORY_NAME | 0b11111 << 8;
    let fields = [
        number(head),
        string(b"deploy"),
        number(300),
        number(70_000),
        string(b"text"),
        string(b"key"),
        string(b"{}"),
        number(1 << 40),
        number(9),
    ];
    assert!(content(&frame).ends_with(&fields.concat()));
}

#[test]
fn the_fields_of_a_run_state_are_written_in_the_order_of_the_document() {
    for (index, state) in RunState::ALL.into_iter().enumerate() {
        let mut run = RunRecord::new(5, 9, state);
        run.conversation = Some(Conversation::Name("conv-1"));
        (run.parent, run.promise_micros, run.title) = (Some(8), Some(5_000_000), Some("a run"));
        let frame = frames(128, &[Record::Run(run)]).concat();
        let head = RUN | BY_NAME | (index as u64) << 4 | 0b111 << 7;
        let fields = [
            number(head),
            string(b"conv-1"),
            number(9),
            number(8),
            number(5_000_000),
            string(b"a run"),
        ];
        assert!(content(&frame).ends_with(&fields.concat()), "{state}");
        assert_eq!(read(&frame), [note(&Record::Run(run))]);
    }
}

#[test]
fn n1_numbers_may_be_longer_than_necessary_and_are_below_a_limit() {
    expect(
        &[&[0x30, 5, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0][..], b"\x01x"].concat(),
        &[note_of(11, "x")],
        12,
    );
    let age = |age: &[u8]| [&[0x30, 5], age, b"\x01x"].concat();
    expect_malformed(&age(&number(1 << 53)));
    expect_malformed(&age(&number(u64::MAX)));
    expect_malformed(&age(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0]));
    expect_malformed(&raw(UPDATE | BY_NUMBER, &[5], &number(1 << 32), b"x"));
    expect_malformed(&raw(UPDATE | 1 << 32, &[5], &[], b"x"));
    expect_malformed(&[number(LOSS), number(1 << 16), vec![0]].concat());
}

#[test]
fn n2_spans_and_counts_are_limited() {
    let most = (1 << 53) - 1;
    let with = |span| {
        let mut update = UpdateRecord::new(1, Category::INFO, "");
        (update.age_micros, update.ttl_micros) = (span, Some(span));
        let mut loss = LossRecord::new(2, 0);
        (loss.losses.dropped.sink, loss.other) = (span, span);
        let mut run = RunRecord::new(3, 1, RunState::Running);
        run.promise_micros = Some(span);
        [Record::Update(update), Record::Loss(loss), Record::Run(run)]
    };
    for span in [most + 1, u64::MAX] {
        let (frames, _) = encode(256, &with(span));
        assert_eq!(read(&frames.concat()), notes(&with(most)));
    }
}

#[test]
fn n3_what_is_longer_than_the_frame_is_malformed() {
    for record in Random(20).records(1, 40) {
        let whole = content(&frames(1_024, &[record]).concat());
        let header = 1 + number(EPOCH).len() + 1;
        for end in header + 1..whole.len() {
            let mut decoder = Decoder::new([0; 1_024]);
            assert_eq!(feed(&mut decoder, &stuffed(whole[..end].to_vec())), [""; 0]);
            assert_eq!(decoder.counters().malformed, 1, "{record:?} cut at {end}");
        }
    }
    for end in 1..10 {
        let mut decoder = Decoder::new([0; 64]);
        assert_eq!(
            feed(
                &mut decoder,
                &stuffed(b"\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\xFF"[..end].to_vec())
            ),
            [""; 0]
        );
        assert_eq!(decoder.counters().malformed, 1, "{end}");
    }
    let beyond = [number(UPDATE), vec![5, 0], number(1 << 20), b"x".to_vec()].concat();
    expect_malformed(&beyond);
}

#[test]
fn r2_additions_are_skipped() {
    let mut random = Random(21);
    let added = [string(b"\xFF new"), string(b"")].concat();
    let head = UPDATE | ADDITION | 1 << 31;
    expect(&[raw(head, &[5], &[], b"x"), added.clone()].concat(), &[note_of(11, "x")], 12);
    let run = Record::Run(RunRecord::<&str>::new(11, 9, RunState::Waiting));
    let raw_run = [number(RUN | 1 << 4 | ADDITION | 1 << 20), number(9), added.clone()].concat();
    expect(&raw_run, &[note(&run)], 11);
    let loss = Record::Loss(LossRecord::<&str>::new(11, 0));
    let raw_loss = [number(LOSS | ADDITION | 1 << 14), vec![0, 0], added].concat();
    expect(&raw_loss, &[note(&loss)], 12);
    for bit in 13..32 {
        let long = random.bytes(3);
        let raw = [raw(UPDATE | 1 << bit, &[5], &[], b"x"), string(&long)].concat();
        expect(&raw, &[note_of(11, "x")], 12);
        expect_malformed(&self::raw(UPDATE | 1 << bit, &[5], &[], b"nothing added"));
    }
}

#[test]
fn r3_extensions_are_skipped() {
    for head in [EXTENSION, EXTENSION | 0xFFFF_FFFC, EXTENSION | 3 << 2] {
        let extension = [number(head), string(b"\xFF\0 anything")].concat();
        expect(&extension, &[note(&Record::Unknown)], 11);
    }
    // the losses of a gap go on behind it
    let loss = |index| Record::Loss(LossRecord::<&str>::new(11, index));
    let records = [&[1, 0, 0][..], &[3, 0], &[1, 1, 0]].concat();
    expect(&records, &[note(&loss(0)), note(&Record::Unknown), note(&loss(1))], 12);
}

#[test]
fn r4_other_bits_are_ignored() {
    let loss = Record::Loss(LossRecord::<&str>::new(11, 7));
    let bits = 0b1_1111_0110_1100;
    expect(&[number(LOSS | bits), vec![7, 0]].concat(), &[note(&loss)], 12);
    let run = Record::Run(RunRecord::<&str>::new(11, 9, RunState::Running));
    expect(&[number(RUN | 0b111 << 10), vec![9]].concat(), &[note(&run)], 11);
}

#[test]
fn r5_another_form_of_a_conversation_is_malformed() {
    expect_malformed(&raw(UPDATE | 3 << 2, &[5], &[], b"x"));
    expect_malformed(&[number(LOSS | 1 << 4 | 3 << 2), vec![5, 0, 0]].concat());
    expect_malformed(&[number(RUN | 3 << 2), vec![1]].concat());
}

/// Expects this update between two others to be refused by itself.
#[track_caller]
fn expect_refused(raw: &[u8], flaw: Flaw, reason: RefuseReason) {
    expect(raw, &[format!("Refused(Refusal {{ seq: 11, flaw: {flaw:?} }})")], 12);
    let frame = frame_by_others(11, raw);
    let mut decoder = Decoder::new([0; 256]);
    let frame = decoder.feed(&mut &frame[..]).unwrap();
    let is_refused = |record| matches!(record, Record::Refused(it) if it.reason() == reason);
    assert!(frame.records().all(is_refused));
}

#[test]
fn u1_an_update_with_an_invalid_conversation_is_refused_by_itself() {
    let long = "x".repeat(129);
    let cases = [
        ("", ConversationError::Empty),
        (&long, ConversationError::TooLong(129)),
        ("a:b", ConversationError::Character(':')),
        ("a\nb", ConversationError::Character('\n')),
        ("system", ConversationError::Reserved),
        ("..", ConversationError::DotSegment),
        ("\u{200b}", ConversationError::Invisible),
    ];
    for (name, error) in cases {
        let raw = raw(UPDATE | BY_NAME, &[1], &string(name.as_bytes()), b"text");
        expect_refused(&raw, Flaw::Conversation(error), RefuseReason::Invalid);
    }
}

#[test]
fn u1_an_update_with_a_string_that_is_not_utf_8_is_refused_by_itself() {
    let refuse = |raw: &[u8]| expect_refused(raw, Flaw::Utf8, RefuseReason::Invalid);
    refuse(&info(&"Grüße".as_bytes()[..3]));
    refuse(&raw(UPDATE | BY_NAME, &[1], &string(b"\xC3"), b"text"));
    for flag in [6, 9] {
        refuse(&[raw(UPDATE | 1 << flag, &[5], &[], b"text"), string(b"\xFF")].concat());
    }
}

#[test]
fn u1_an_update_of_an_unknown_category_is_refused_by_itself() {
    let refuse = |raw: &[u8]| {
        expect_refused(raw, Flaw::Category, RefuseReason::UnknownCategory);
    };
    for index in [7, 31, 32, u64::from(u32::MAX)] {
        refuse(&raw(UPDATE, &number(index), &[], b"text"));
    }
    let long = "x".repeat(33);
    for name in [&b""[..], b"a:b", b"a,b", b"*", b"\n", b"\xFF", long.as_bytes()] {
        refuse(&raw(UPDATE | CATEGORY_NAME, &string(name), &[], b"text"));
    }
}

#[test]
fn u2_a_built_in_category_by_its_name_is_the_built_in_one() {
    let expected = Record::Update(UpdateRecord::new(11, Category::TOOL, "x"));
    expect(&raw(UPDATE | CATEGORY_NAME, &string(b"tool"), &[], b"x"), &[note(&expected)], 12);
    let beyond = CategoryName::<&str>::BuiltIn(Category::from_index(9).unwrap());
    assert_eq!(beyond.as_str(), "");
}

#[test]
fn u3_an_end_without_a_run_is_ignored() {
    expect(&raw(UPDATE | 1 << 12, &[5], &[], b"x"), &[note_of(11, "x")], 12);
    let mut update = UpdateRecord::new(1, Category::INFO, "x");
    update.ends_run = true;
    assert_eq!(read(&frames(64, &[Record::Update(update)]).concat()), [note_of(1, "x")]);
}

#[test]
fn l1_counts_that_are_not_known_are_other_reasons_and_missing_ones_are_0() {
    let mut loss = LossRecord::<&str>::new(11, 0);
    (loss.other, loss.losses.expired, loss.retold) = (1 + 10 + 11, 2, 9);
    let dropped = &mut loss.losses.dropped;
    (dropped.newest, dropped.oldest, dropped.evicted) = (3, 4, 5);
    (dropped.outranked, dropped.shrunk, dropped.sink) = (6, 7, 8);
    let eleven = [1, 0, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
    expect(&eleven, &[note(&Record::Loss(loss))], 12);
    let mut loss = LossRecord::<&str>::new(11, 0);
    loss.other = 4;
    expect(&[1, 0, 1, 4], &[note(&Record::Loss(loss))], 12);
    expect_malformed(&[&[1, 0][..], &number(u64::from(u32::MAX)), &[1, 2, 3]].concat());
}

#[test]
fn l2_a_loss_of_an_invalid_topic_is_one_of_the_whole_bus() {
    let mut loss = LossRecord::<&str>::new(11, 3);
    loss.losses.expired = 6;
    assert_eq!(loss.scope, Scope::Bus);
    let topic = |flags: u64, topic: &[u8]| {
        [number(LOSS | 1 << 4 | flags), topic.to_vec(), vec![3, 2, 0, 6]].concat()
    };
    let name = [vec![1], string(b"a:b")].concat();
    expect(&topic(BY_NAME, &name), &[note(&Record::Loss(loss))], 12);
    expect(&topic(0, &[7]), &[note(&Record::Loss(loss))], 12);
    expect(&topic(CATEGORY_NAME, &string(b"\xFF")), &[note(&Record::Loss(loss))], 12);
}

#[test]
fn t1_a_run_state_that_cannot_be_taken_is_skipped() {
    let unknown = [note(&Record::Unknown)];
    for state in [6, 7] {
        expect(&[number(RUN | state << 4), vec![1]].concat(), &unknown, 11);
    }
    expect(&[number(RUN | BY_NAME), string(b"a:b"), vec![1]].concat(), &unknown, 11);
    expect(&[number(RUN | 1 << 9), vec![1], string(b"\xFF")].concat(), &unknown, 11);
}

#[test]
fn a_number_and_its_digits_read_the_same() {
    assert_eq!(Conversation::Name("42").to_string(), Conversation::Number(42).to_string());
}
