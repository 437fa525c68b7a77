//! What a faulty or hostile writer does: never a panic, never a value that cannot be.

use crate::support::{
    Owned, Random, feed, frame_by_others, frames, note, notes, number, random_updates, read,
    string, stuffed,
};
use statusbus_core::wire::{Body, CategoryName, Decoder, Flaw, Missing, Refusal, Scope, Update};
use statusbus_core::{Category, ConversationError, Losses, RefuseReason};

const NAMED: u64 = 3 | 2 << 2;

fn update(flags: u64, category: &[u8], conversation: &[u8], text: &[u8]) -> Vec<u8> {
    [number(flags), vec![0], category.to_vec(), conversation.to_vec(), string(text)].concat()
}

fn says(text: &[u8]) -> Vec<u8> {
    update(3, &[5], &[], text)
}

/// Puts an update between two good ones and expects it to be refused, and them to be taken.
#[track_caller]
fn expect_refused(bad: &[u8], flaw: Flaw, reason: RefuseReason) {
    let refusal = Refusal { seq: 11, flaw };
    assert_eq!(refusal.reason(), reason);
    let body = [&says(b"before"), bad, &says(b"behind")].concat();
    let good = |seq, text| note(&Update::new(seq, Category::INFO, text));
    let expected = [good(10, "before"), note(&refusal), good(12, "behind")];
    assert_eq!(read(&frame_by_others(0, 10, &body)), expected);
}

#[test]
fn an_update_with_a_bad_conversation_is_refused_by_itself() {
    let long = "x".repeat(129);
    let cases = [
        ("", ConversationError::Empty),
        (&long, ConversationError::TooLong(129)),
        ("a:b", ConversationError::Character(':')),
        ("*", ConversationError::Character('*')),
        ("a\nb", ConversationError::Character('\n')),
        ("a\u{2066}b", ConversationError::Character('\u{2066}')),
        ("system", ConversationError::Reserved),
        ("..", ConversationError::DotSegment),
        ("\u{200b}", ConversationError::Invisible),
    ];
    for (name, error) in cases {
        let bad = update(NAMED, &[1], &string(name.as_bytes()), b"text");
        expect_refused(&bad, Flaw::Conversation(error), RefuseReason::Invalid);
    }
    let bad = update(NAMED, &[1], &string(b"\xC3"), b"text");
    expect_refused(&bad, Flaw::Utf8, RefuseReason::Invalid);
}

#[test]
fn an_update_with_a_text_cut_inside_a_character_is_refused_by_itself() {
    expect_refused(&says(&"Grüße".as_bytes()[..3]), Flaw::Utf8, RefuseReason::Invalid);
    for flag in [5, 7] {
        let bad = [update(3 | 1 << flag, &[5], &[], b"text"), string(b"\xFF")].concat();
        expect_refused(&bad, Flaw::Utf8, RefuseReason::Invalid);
    }
}

#[test]
fn an_update_of_a_category_that_cannot_be_is_refused_by_itself() {
    let unknown = |bad: Vec<u8>| {
        expect_refused(&bad, Flaw::Category, RefuseReason::UnknownCategory);
    };
    unknown(update(3, &[7], &[], b"text"));
    unknown(update(3, &number(u64::from(u32::MAX)), &[], b"text"));
    let long = "x".repeat(33);
    for name in [&b""[..], b"a:b", b"a,b", b"*", b"\n", b"\xFF", long.as_bytes()] {
        unknown(update(3 | 1 << 6, &string(name), &[], b"text"));
    }
}

#[test]
fn a_built_in_category_by_its_name_is_the_built_in_one() {
    let body = update(3 | 1 << 6, &string(b"tool"), &[], b"text");
    let expected = note(&Update::new(1, Category::TOOL, "text"));
    assert_eq!(read(&frame_by_others(0, 1, &body)), [expected]);
    let beyond = CategoryName::BuiltIn(Category::from_index(9).unwrap());
    assert_eq!(beyond.as_str(), "");
}

#[test]
fn a_loss_of_a_topic_that_cannot_be_is_one_of_the_whole_bus() {
    let topic = [number(1 << 4 | 2 << 2), vec![1], string(b"a:b")].concat();
    let body = [vec![3], topic, vec![2, 0, 6]].concat();
    let losses = Losses { expired: 6, ..Losses::default() };
    let expected = Missing { seq: 1, index: 3, scope: Scope::Bus, losses, other: 0, retold: 0 };
    assert_eq!(read(&frame_by_others(1, 1, &body)), [note(&expected)]);
}

#[test]
fn malformed_contents_cost_their_frame() {
    let most = (1 << 53) - 1;
    let cases: [(u8, u64, Vec<u8>); 17] = [
        (0, 0, says(b"position 0")),
        (0, 1 << 53, says(b"position too large")),
        (0, most, [says(b"the last"), says(b"and one more")].concat()),
        (0, 1, [says(b"trailing"), vec![0]].concat()),
        (0, 1, [says(b"trailing"), vec![0x80; 30]].concat()),
        (0, 1, update(3 | 3 << 2, &[5], &[], b"no such conversation")),
        (0, 1, update(1 << 32, &[5], &[], b"no such flag")),
        (0, 1, update(3, &[5], &[], b"cut off")[..9].to_vec()),
        (0, 1, [number(3), number(1 << 53), vec![5], string(b"too old")].concat()),
        (0, 1, [number(3), vec![0, 5], number(1 << 40), b"too long".to_vec()].concat()),
        (0, 1, [number(3), vec![0, 5], number(u64::MAX), b"too long".to_vec()].concat()),
        (0, 1, [number(3 | 1 << 9), vec![0, 5], string(b"nothing added")].concat()),
        (0, 1, update(3 | 1 << 2, &[5], &number(1 << 32), b"number too large")),
        (1, 1, [&[0, 0][..], &number(u64::from(u32::MAX)), &[1, 2, 3]].concat()),
        (1, 1, [&[0, 0, 1][..], &number(1 << 32)].concat()),
        (1, 1, [number(1 << 16), vec![0, 0]].concat()),
        (1, 1, vec![0, 1 << 4]),
    ];
    for (case, (kind, seq, body)) in cases.into_iter().enumerate() {
        let mut decoder = Decoder::new([0; 128]);
        assert_eq!(feed(&mut decoder, &frame_by_others(kind, seq, &body)), [""; 0], "{case}");
        assert_eq!((decoder.counters().malformed, decoder.counters().bad()), (1, 1), "{case}");
    }
    for len in 1..10 {
        let mut decoder = Decoder::new([0; 128]);
        assert_eq!(
            feed(&mut decoder, &stuffed([1, 0, 2, 3, 4, 5, 6, 7, 8, 9][..=len].to_vec())),
            [""; 0]
        );
        assert_eq!(decoder.counters().malformed, 1, "{len}");
    }
}

#[test]
fn a_million_random_bytes_are_nothing() {
    let mut random = Random(16);
    let good = [Owned::says(1, "good")];
    let good_frame = [&[0][..], &frames(64, &good).concat()].concat();
    for (capacity, zeros) in [(64, 256), (512, 64), (2_048, 1_500), (512, 8)] {
        let mut decoder = Decoder::new(vec![0; capacity]);
        let bytes: Vec<u8> = (0..1_000_000)
            .map(|_| if random.one_in(zeros) { 0 } else { random.next() as u8 })
            .collect();
        assert_eq!(feed(&mut decoder, &bytes), [""; 0]);
        let ends = bytes.iter().filter(|&&byte| byte == 0).count() as u64;
        assert!(decoder.counters().bad() <= ends && decoder.counters().bad() > ends / 2);
        assert_eq!(feed(&mut decoder, &good_frame), notes(&good));
    }
}

#[test]
fn random_contents_with_the_right_checksum_never_panic() {
    let mut random = Random(17);
    let mut decoder = Decoder::new([0; 512]);
    let (mut updates, mut refusals, mut losses) = (0, 0, 0);
    for round in 0..20_000 {
        let kind = (round % 2) as u8;
        let mut body: Vec<u8> = match round % 4 {
            0 => (0..random.below(60)).map(|_| random.next() as u8).collect(),
            1 => (0..random.below(60)).map(|_| random.below(12) as u8).collect(),
            2 => {
                let updates = frames(420, &random_updates(1, 1, &mut random)).concat();
                let plain = cobs::decode_vec(&updates[..updates.len() - 1]).unwrap();
                plain[11..plain.len() - 4].to_vec()
            }
            _ => vec![0, 8, 1, 2, 3, 4, 5, 6, 7, 8],
        };
        if round % 4 > 1 {
            let at = random.below(body.len());
            body[at] ^= 1 << random.below(8);
        }
        let frame = frame_by_others(kind, 1, &body);
        let mut bytes = &frame[..];
        let Some(frame) = decoder.feed(&mut bytes) else { continue };
        match frame.body.clone() {
            Body::Updates(all) => {
                assert_eq!(all.clone().count() as u64, frame.next_seq() - frame.seq);
                for update in all {
                    match update {
                        Ok(_) => updates += 1,
                        Err(_) => refusals += 1,
                    }
                }
            }
            Body::Gap(gap) => {
                losses += gap.map(|missing| missing.losses.total().min(1)).sum::<u64>();
            }
            _ => {}
        }
    }
    assert!(updates > 1_000 && refusals > 1_000 && losses > 1_000);
    let counters = decoder.counters();
    assert_eq!(counters.frames + counters.malformed, 20_000);
}
