//! What comes through a good line: everything, in order, however it is cut.

use std::time::Duration;

use crate::support::{
    EPOCH, Owned, Random, encode, feed, frames, note, notes, notes_of, random_updates, read,
};
use statusbus_core::wire::{
    CategoryName, Conversation, Decoder, Encoder, FRAME_MAX, Missing, Record, Scope, TooLarge,
    Update,
};
use statusbus_core::{
    Batch, Bus, Categories, Category, Config, ConversationName, DropReason, Dropped, Instant, Item,
    Losses, Slot, Unkeyed,
};

#[test]
fn what_is_written_is_read() {
    let mut random = Random(3);
    for round in 0..2_000 {
        let updates = random_updates(1 + random.number() / 2, 1 + round % 20, &mut random);
        let size = 420 + random.below(1_000);
        assert_eq!(read(&frames(size, &updates).concat()), notes(&updates));
    }
}

#[test]
fn frames_are_as_full_as_the_buffer_allows() {
    let mut random = Random(4);
    for _ in 0..500 {
        let updates = random_updates(1, 20, &mut random);
        let size = 420 + random.below(400);
        let written = frames(size, &updates);
        for (index, frame) in written.iter().enumerate() {
            assert!(frame.len() <= size);
            let (whole, _) = encode(4_096, updates.iter().map(Owned::update));
            let longest = whole[0].len();
            assert!(index + 1 == written.len() || frame.len() + longest > size);
        }
    }
}

#[test]
fn every_chunking_gives_the_same() {
    let mut random = Random(5);
    let updates = random_updates(1, 12, &mut random);
    let line = frames(450, &updates).concat();
    let expected = notes(&updates);
    for cut in 0..=line.len() {
        let mut decoder = Decoder::new([0; 512]);
        let mut all = feed(&mut decoder, &line[..cut]);
        all.extend(feed(&mut decoder, &line[cut..]));
        assert_eq!(all, expected, "cut at {cut}");
    }
    for size in 1..64 {
        let mut decoder = Decoder::new([0; 512]);
        let all: Vec<String> =
            line.chunks(size).flat_map(|chunk| feed(&mut decoder, chunk)).collect();
        assert_eq!(all, expected, "chunks of {size}");
    }
    let mut decoder = Decoder::new([0; 512]);
    let mut all = Vec::new();
    for &byte in &line {
        all.extend(decoder.push(byte).iter().flat_map(notes_of));
    }
    assert_eq!(all, expected, "byte by byte");
    assert_eq!(decoder.counters().bad(), 0);
}

#[test]
fn an_update_that_does_not_fit_is_reported_and_the_others_go_on() {
    let mut random = Random(6);
    let updates = random_updates(1, 30, &mut random);
    for size in 0..400 {
        let (frames, too_large) = encode(size, updates.iter().map(Owned::update));
        let fits = |owned: &&Owned| !too_large.contains(&TooLarge { seq: owned.seq });
        let fitting: Vec<Owned> = updates.iter().filter(fits).cloned().collect();
        assert_eq!(fitting.len() + too_large.len(), updates.len());
        assert!(too_large.is_sorted_by_key(|error| error.seq));
        assert!(frames.iter().all(|frame| frame.len() <= size));
        assert_eq!(read(&frames.concat()), notes(&fitting), "buffer of {size}");
        // By itself in a larger buffer it needs more than this one, but for the reserve of the
        // stuffing: a byte for each 254.
        for error in &too_large {
            let update = &updates[error.seq as usize - 1..][..1];
            assert!(self::frames(2_048, update)[0].len() + 1 + size / 254 > size);
        }
    }
}

#[test]
fn without_room_for_a_header_nothing_is_written() {
    for size in 0..20 {
        let missing = missing(1, Scope::Bus);
        let (frames, too_large) = encode(size, [Record::from(missing)]);
        assert_eq!((frames.len(), too_large.len()), (0, 1));
    }
}

#[test]
fn the_largest_frames_fit_the_largest_decoder() {
    for fill in ["x", "\0", "ü"] {
        for slack in 0..40 {
            let text = fill.repeat((FRAME_MAX - slack) / fill.len());
            let updates = [Owned::says((1 << 53) - 1, &text)];
            let (frames, too_large) = encode(FRAME_MAX, updates.iter().map(Owned::update));
            assert_eq!(frames.len() + too_large.len(), 1);
            let mut decoder = Decoder::new([0; FRAME_MAX]);
            assert_eq!(feed(&mut decoder, &frames.concat()).len(), frames.len());
            assert!(slack < 36 || frames.len() == 1, "{fill:?} {slack}");
        }
    }
    let text = "x".repeat(65_200);
    let updates = [Owned::says(1, &text)];
    let frames = frames(100_000, &updates);
    assert_eq!(feed(&mut Decoder::new(vec![0; 65_535]), &frames.concat()), notes(&updates));
}

#[test]
fn a_hole_and_a_gap_start_another_frame() {
    let says = |seq| Update::new(seq, Category::INFO, "x");
    let lost = missing(4, Scope::Bus);
    let also = missing(4, Scope::Topic { conversation: None, category: Category::TOOL.into() });
    let records =
        [says(1).into(), says(2).into(), lost.into(), also.into(), says(5).into(), says(7).into()];
    let (frames, _) = encode::<Record<'_>>(256, records);
    assert_eq!(frames.len(), 4);
    let mut decoder = Decoder::new([0; 256]);
    let mut places = Vec::new();
    for frame in &frames {
        let frame = decoder.feed(&mut &frame[..]).unwrap();
        places.push((frame.seq, frame.next_seq()));
    }
    assert_eq!(places, [(1, 3), (4, 5), (5, 6), (7, 8)]);
    let all =
        [note(&says(1)), note(&says(2)), note(&lost), note(&also), note(&says(5)), note(&says(7))];
    assert_eq!(read(&frames.concat()), all);
}

fn missing(seq: u64, scope: Scope<'_>) -> Missing<'_> {
    let many = u64::from(u32::MAX);
    let dropped = Dropped {
        newest: many,
        oldest: many,
        evicted: many,
        outranked: many,
        shrunk: many,
        sink: many,
    };
    let losses = Losses { dropped, expired: many };
    Missing { seq, index: u16::MAX, scope, losses, other: many, retold: many }
}

#[test]
fn losses_that_do_not_fit_one_frame_take_several() {
    let name = "c".repeat(100);
    let scope = Scope::Topic {
        conversation: Some(ConversationName::new(&name).unwrap().into()),
        category: Category::TOOL.into(),
    };
    let lost = [missing(9, scope), missing(9, scope), missing(9, Scope::Bus)];
    let (frames, too_large) = encode(230, lost);
    assert_eq!((frames.len(), too_large.len()), (2, 0));
    assert_eq!(read(&frames.concat()), lost.map(|lost| note(&lost)));
}

#[test]
fn a_loss_whose_topic_does_not_fit_is_one_of_the_whole_bus() {
    let name = "c".repeat(100);
    let scope = Scope::Topic {
        conversation: Some(ConversationName::new(&name).unwrap().into()),
        category: Category::TOOL.into(),
    };
    let most = (1 << 53) - 1;
    let (frames, too_large) = encode(74, [missing(most, scope)]);
    assert_eq!(too_large, []);
    assert_eq!(read(&frames.concat()), [note(&missing(most, Scope::Bus))]);
    let (frames, too_large) = encode(73, [missing(most, scope)]);
    assert_eq!((frames.len(), too_large), (0, vec![TooLarge { seq: most }]));
}

struct Message {
    device: u32,
    category: Category,
    text: &'static str,
}

impl statusbus_core::Update for Message {
    type Topic = (u32, Category);
    type Keys = Unkeyed;

    fn topic(&self) -> Self::Topic {
        (self.device, self.category)
    }

    fn category(&self) -> Category {
        self.category
    }
}

#[test]
fn a_batch_with_its_gap_reaches_the_host() {
    let mut categories: Categories<&str, 1> = Categories::new();
    let deploy = categories.register("deploy").unwrap();
    let mut bus: Bus<Message, [Slot<Message>; 4], (), 8> = Bus::new();
    bus.set_categories(categories.len());
    bus.reconfigure(Config::new().queue_limit(2).unwrap(), |_, _| {}, Instant::ZERO);
    let mut batch: Batch<Message, [Item<Message>; 4]> = Batch::new();

    let message = |device, category, text| Message { device, category, text };
    let _ = bus.push(message(42, Category::PROGRESS, "10 %"), Instant::from_millis(1));
    let _ = bus.push(message(42, Category::TOOL, "searching"), Instant::from_millis(2));
    let _ = bus.push(message(43, deploy, "done"), Instant::from_millis(4));
    assert!(bus.poll(&mut batch, Instant::from_millis(10)));

    let missing = Missing::of(batch.gap(), |&(device, category)| {
        (Some(Conversation::Number(device)), CategoryName::new(category, &categories))
    });
    let updates = batch.iter().map(|handed| Update {
        age_micros: handed.waited_micros(),
        conversation: Some(Conversation::Number(handed.update.device)),
        ..Update::new(
            handed.seq,
            CategoryName::new(handed.update.category, &categories),
            handed.update.text,
        )
    });
    let records = missing.map(Record::from).chain(updates.map(Record::from));
    let (frames, _) = encode(128, records);
    bus.delivered(&mut batch, Instant::from_millis(10));
    assert_eq!(bus.ledger().dropped.count(DropReason::Evicted), 1);

    let device = |number| Some(Conversation::Number(number));
    let lost = Missing {
        index: 0,
        seq: 1,
        scope: Scope::Topic { conversation: device(42), category: Category::PROGRESS.into() },
        losses: Losses {
            dropped: Dropped { evicted: 1, ..Dropped::default() },
            ..Losses::default()
        },
        other: 0,
        retold: 0,
    };
    let searching = Update {
        conversation: device(42),
        age_micros: 8_000,
        ..Update::new(2, Category::TOOL, "searching")
    };
    let done = Update {
        conversation: device(43),
        age_micros: 6_000,
        ..Update::new(3, CategoryName::Registered("deploy"), "done")
    };
    assert_eq!(read(&frames.concat()), [note(&lost), note(&searching), note(&done)]);
    assert_eq!(searching.age(), Duration::from_millis(8));
    assert_eq!(done.category.category_in(&categories), Some(deploy));
}

#[test]
fn losses_of_the_whole_bus_are_told_last_and_only_if_there_are_any() {
    let mut bus: Bus<Message, [Slot<Message>; 1], (), 7, 1> = Bus::new();
    let mut batch: Batch<Message, [Item<Message>; 1], 1> = Batch::new();
    for device in 0..3 {
        let _ = bus.push(Message { device, category: Category::INFO, text: "x" }, Instant::ZERO);
    }
    assert!(bus.poll(&mut batch, Instant::ZERO));
    let scopes = |batch: &Batch<Message, [Item<Message>; 1], 1>| {
        Missing::of(batch.gap(), |&(device, category)| {
            (Some(Conversation::Number(device)), category.into())
        })
        .map(|missing| (missing.scope == Scope::Bus, missing.losses.total()))
        .collect::<Vec<_>>()
    };
    assert_eq!(scopes(&batch), [(false, 1), (true, 1)]);
    bus.delivered(&mut batch, Instant::ZERO);
    assert_eq!(scopes(&batch), []);
}

#[test]
fn a_number_and_its_digits_read_the_same() {
    let name = ConversationName::new("42").unwrap();
    assert_eq!(Conversation::from(name).to_string(), Conversation::Number(42).to_string());
}

#[test]
fn an_encoder_can_be_left_and_taken_up_again() {
    let mut random = Random(7);
    let updates = random_updates(1, 40, &mut random);
    let mut encoder = Encoder::new(EPOCH, updates.iter().map(Owned::update));
    let mut line = Vec::new();
    for size in (0..).map(|turn| [450, 900, 2_000][turn % 3]) {
        let mut buffer = vec![0; size];
        let Some(frame) = encoder.next_frame(&mut buffer) else { break };
        line.extend_from_slice(frame.unwrap());
    }
    assert_eq!(read(&line), notes(&updates));
}

#[test]
fn an_encoder_says_how_many_updates_have_passed() {
    let mut random = Random(18);
    let updates = random_updates(1, 30, &mut random);
    let gap = missing(9, Scope::Bus);
    let records = updates[..8].iter().map(|owned| Record::from(owned.update()));
    let mut encoder = Encoder::new(EPOCH, records.chain([gap.into()]));
    let (mut decoder, mut buffer, mut count) = (Decoder::new([0; 256]), [0; 200], 0);
    assert_eq!(encoder.passed(), 0);
    while let Some(frame) = encoder.next_frame(&mut buffer) {
        match frame {
            Ok(mut frame) => {
                let frame = decoder.feed(&mut frame).unwrap();
                count += if frame.seq == 9 { 0 } else { notes_of(&frame).len() };
            }
            Err(_) => count += 1,
        }
        assert_eq!(encoder.passed(), count);
    }
    assert_eq!(count, 8);
}
