//! The format itself: what version 1 is, by golden bytes and by other implementations.

use crate::support::{
    EPOCH, Owned, Random, encode, feed, frame_by_others, frames, note, notes, random_updates, read,
    string, stuffed,
};
use statusbus_core::wire::{
    CategoryName, Conversation, Decoder, Encoder, Missing, Record, Scope, Update,
};
use statusbus_core::{Category, ConversationName, Dropped, Losses, Priority};

/// Bytes of version 1: they must never change, only be joined by others.
const GOLDEN: [(&str, &[u8]); 3] = [
    (
        "two updates",
        b"\x02\x01\x39\xef\xcd\xab\x89\x67\x45\x23\x01\x29\x0b\xdc\x0b\x01\x06conv-1\x09searching\
          \x62\x14\x06deploy\x04done\x07release\x10\xf7\x9f\x4d\x00",
    ),
    (
        "a gap",
        b"\x0c\x01\x01\xef\xcd\xab\x89\x67\x45\x23\x01\x2b\x05\x14\x03\x07\x08\x01\x01\x01\x02\x03\
          \x01\x01\x02\x01\x02\x08\x02\x01\x01\x01\x01\x01\x01\x05\x60\x92\x78\x03\x00",
    ),
    (
        "extremes",
        b"\x02\x01\x3d\xef\xcd\xab\x89\x67\x45\x23\x01\xfe\xff\xff\xff\xff\xff\xff\x0f\xb4\x03\xff\
          \xff\xff\xff\xff\xff\xff\x0f\x06\xff\xff\xff\xff\x0f\x0bGr\xc3\xbc\xc3\x9fe \xe2\x9c\x93\
          \x01k\x07{\"n\":1}\xac\x02\x78\x56\x08\xd9\x00",
    ),
];

fn golden_records() -> [Vec<Record<'static>>; 3] {
    let searching = Update {
        age_micros: 1_500,
        conversation: Some(ConversationName::new("conv-1").unwrap().into()),
        ..Update::new(41, Category::TOOL, "searching")
    };
    let done = Update {
        age_micros: 20,
        priority: Some(Priority::Terminal),
        key: Some("release"),
        ..Update::new(42, CategoryName::Registered("deploy"), "done")
    };
    let evicted = Missing {
        seq: 43,
        index: 0,
        scope: Scope::Topic {
            conversation: Some(Conversation::Number(7)),
            category: Category::PROGRESS.into(),
        },
        losses: Losses { dropped: Dropped { evicted: 3, ..Dropped::default() }, expired: 0 },
        other: 0,
        retold: 0,
    };
    let expired = Missing {
        index: 1,
        scope: Scope::Bus,
        losses: Losses { expired: 1, ..Losses::default() },
        ..evicted
    };
    let extreme = Update {
        age_micros: u64::MAX,
        conversation: Some(Conversation::Number(u32::MAX)),
        priority: Some(Priority::Progress),
        cut: true,
        key: Some("k"),
        metadata: Some("{\"n\":1}"),
        ttl_micros: Some(300),
        ..Update::new((1 << 53) - 2, Category::PLANNING, "Grüße ✓")
    };
    [
        vec![searching.into(), done.into()],
        vec![evicted.into(), expired.into()],
        vec![extreme.into()],
    ]
}

#[test]
fn the_bytes_of_version_1_never_change() {
    for ((name, golden), records) in GOLDEN.into_iter().zip(golden_records()) {
        assert_eq!(encode(128, records), (vec![golden.to_vec()], vec![]), "{name}");
    }
}

#[test]
fn the_bytes_of_version_1_are_always_understood() {
    for ((name, golden), mut records) in GOLDEN.into_iter().zip(golden_records()) {
        for record in &mut records {
            if let Record::Update(update) = record {
                update.age_micros = update.age_micros.min((1 << 53) - 1);
            }
        }
        let expected: Vec<String> = records
            .iter()
            .map(|record| match record {
                Record::Update(update) => note(update),
                Record::Missing(missing) => note(missing),
            })
            .collect();
        assert_eq!(read(golden), expected, "{name}");
    }
}

/// Reads an update with nothing but postcard, as a stranger would.
fn by_postcard(mut body: &[u8]) -> (u64, u64, u64, u32, &str, &str, &str, u64) {
    fn take<'a, T: TakeFrom<'a>>(body: &mut &'a [u8]) -> T {
        let (value, rest) = T::take_from(body);
        *body = rest;
        value
    }
    trait TakeFrom<'a>: Sized {
        fn take_from(body: &'a [u8]) -> (Self, &'a [u8]);
    }
    macro_rules! take_from {
        ($($type:ty),*) => {$(
            impl<'a> TakeFrom<'a> for $type {
                fn take_from(body: &'a [u8]) -> (Self, &'a [u8]) {
                    postcard::take_from_bytes(body).unwrap()
                }
            }
        )*};
    }
    take_from!(u64, u32, &'a str);
    let read = (
        take(&mut body),
        take(&mut body),
        take(&mut body),
        take(&mut body),
        take(&mut body),
        take(&mut body),
        take(&mut body),
        take(&mut body),
    );
    assert!(body.is_empty());
    read
}

#[test]
fn numbers_and_strings_are_postcards() {
    let update = Update {
        age_micros: 70_000,
        conversation: Some(Conversation::Number(300)),
        priority: Some(Priority::State),
        key: Some("key"),
        metadata: Some("{}"),
        ttl_micros: Some(1 << 40),
        ..Update::new(5, Category::INFO, "text")
    };
    let (frames, _) = encode(128, [update]);
    let frame = cobs::decode_vec(&frames[0]).unwrap();
    assert_eq!(frame[..2], [1, 0]);
    assert_eq!(frame[2..10], EPOCH.to_le_bytes());
    assert_eq!(frame[10], 5);
    let flags = 1 | 1 << 2 | 1 << 5 | 1 << 7 | 1 << 8;
    assert_eq!(
        by_postcard(&frame[11..frame.len() - 4]),
        (flags, 70_000, 5, 300, "text", "key", "{}", 1 << 40)
    );
}

#[test]
fn stuffing_is_that_of_others_at_every_length() {
    let mut random = Random(1);
    for len in 0..1_100 {
        let zeros = [2, 20, 300, usize::MAX][len % 4];
        let text: String =
            (0..len).map(|_| if random.one_in(zeros) { '\0' } else { 'x' }).collect();
        let updates = [Owned::says(1, &text)];
        let ours = frames(1_200, &updates).concat();
        let (end, stuffed) = ours.split_last().unwrap();
        assert_eq!(*end, 0);
        assert!(!stuffed.contains(&0));
        let plain = cobs::decode_vec(stuffed).unwrap();
        assert_eq!(cobs::encode_vec(&plain), stuffed, "length {len}");
        assert_eq!(read(&ours), notes(&updates), "length {len}");
    }
}

#[test]
fn a_block_of_254_may_be_followed_by_an_empty_one() {
    // Some encoders end such a frame with another code byte; it stands for nothing.
    for len in 200..300 {
        let updates = [Owned::says(1, &"x".repeat(len))];
        let mut frame = frames(400, &updates).concat();
        let plain = cobs::decode_vec(&frame[..frame.len() - 1]).unwrap();
        let last_zero = plain.iter().rposition(|&byte| byte == 0).map_or(0, |at| at + 1);
        if plain.len() - last_zero == 254 {
            frame.insert(frame.len() - 1, 1);
            assert_eq!(read(&frame), notes(&updates));
            return;
        }
    }
    panic!("no frame ended in a block of 254");
}

#[test]
fn what_a_newer_writer_adds_is_skipped() {
    let added = |flag: u32| crate::support::number(0b1011 | 1 << flag | 1 << 20);
    let rest = [vec![0], vec![1], string(b"conv"), string(b"text")].concat();
    let update = |flag| [added(flag), rest.clone(), string(b"\xFF new"), string(b"")].concat();
    let frame = frame_by_others(0, 8, &[update(9), update(31)].concat());
    let known = |seq| Update {
        conversation: Some(ConversationName::new("conv").unwrap().into()),
        ..Update::new(seq, Category::TOOL, "text")
    };
    assert_eq!(read(&frame), [note(&known(8)), note(&known(9))]);
}

#[test]
fn losses_for_reasons_that_are_not_known_count_as_others() {
    let body = [&[0, 0, 10][..], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], &[1, 0, 1, 4]].concat();
    let dropped = Dropped { newest: 3, oldest: 4, evicted: 5, outranked: 6, shrunk: 7, sink: 8 };
    let ten = Missing {
        seq: 3,
        index: 0,
        scope: Scope::Bus,
        losses: Losses { dropped, expired: 2 },
        other: 1 + 10,
        retold: 9,
    };
    let one = Missing { index: 1, losses: Losses::default(), other: 4, retold: 0, ..ten };
    assert_eq!(read(&frame_by_others(1, 3, &body)), [note(&ten), note(&one)]);
}

#[test]
fn other_versions_and_kinds_are_counted_apart() {
    let mut decoder = Decoder::new([0; 64]);
    assert_eq!(feed(&mut decoder, &frame_by_others(2, 1, b"what is this")), [""; 0]);
    assert_eq!(feed(&mut decoder, &stuffed(b"\x02 and this".to_vec())), [""; 0]);
    assert_eq!(feed(&mut decoder, &stuffed(vec![])), [""; 0]);
    let counters = decoder.counters();
    assert_eq!((counters.kind, counters.version, counters.bad()), (1, 2, 3));
}

#[test]
fn a_frame_may_hold_no_update() {
    let frame = frame_by_others(0, 12, b"");
    let mut decoder = Decoder::new([0; 64]);
    let frame = decoder.feed(&mut &frame[..]).unwrap();
    assert_eq!((frame.seq, frame.next_seq()), (12, 12));
}

#[test]
fn numbers_too_large_for_the_wire_travel_as_the_largest() {
    let update = Update {
        age_micros: 1 << 53,
        ttl_micros: Some(u64::MAX),
        ..Update::new(1, Category::INFO, "")
    };
    let dropped = Dropped { sink: u64::MAX, ..Dropped::default() };
    let missing = Missing {
        seq: 2,
        index: 0,
        scope: Scope::Bus,
        losses: Losses { dropped, expired: 0 },
        other: 0,
        retold: 0,
    };
    let (frames, _) = encode(128, [Record::from(update), missing.into()]);
    let most = (1 << 53) - 1;
    let update = Update { age_micros: most, ttl_micros: Some(most), ..update };
    let dropped = Dropped { sink: u64::from(u32::MAX), ..Dropped::default() };
    let missing = Missing { losses: Losses { dropped, expired: 0 }, ..missing };
    assert_eq!(read(&frames.concat()), [note(&update), note(&missing)]);
}

#[test]
fn an_encoder_that_is_done_stays_done() {
    let mut random = Random(2);
    let updates = random_updates(1, 3, &mut random);
    let mut buffer = [0; 512];
    let mut encoder = Encoder::new(EPOCH, updates.iter().map(Owned::update));
    assert!(encoder.next_frame(&mut buffer).is_some());
    assert!(encoder.next_frame(&mut buffer).is_none());
    assert!(encoder.next_frame(&mut buffer).is_none());
}
