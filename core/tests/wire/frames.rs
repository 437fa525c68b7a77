//! Frames: stuffing, checksum, versions, and how records are divided among frames.

use crate::support::{
    EPOCH, Random, add, checksum, content, encode, feed, frame_by_others, frames, note, notes,
    number, read, string, stuffed, update,
};
use statusbus_core::wire::{
    Conversation, Decoder, Encoder, FRAME_MAX, Frame, LossRecord, Record, RunRecord, Scope,
    UpdateRecord,
};
use statusbus_core::{Category, RunState};

#[test]
#[cfg_attr(miri, ignore = "long")]
fn records_arrive_as_they_were_written() {
    let mut random = Random(3);
    for round in 0..2_000 {
        let first = 1 + random.number() / 2;
        let records = random.records(first, 1 + round % 20);
        let size = 600 + random.below(1_000);
        assert_eq!(read(&frames(size, &records).concat()), notes(&records));
    }
}

#[test]
#[cfg_attr(miri, ignore = "long")]
fn f1_stuffing_is_that_of_others_at_every_length() {
    let mut random = Random(1);
    for len in 0..1_100 {
        let zeros = [2, 20, 300, usize::MAX][len % 4];
        let text: String =
            (0..len).map(|_| if random.one_in(zeros) { '\0' } else { 'x' }).collect();
        let records = [update(1, &text)];
        let ours = frames(1_200, &records).concat();
        assert_eq!(stuffed(content(&ours)), ours, "length {len}");
        assert!(!ours[..ours.len() - 1].contains(&0));
        assert_eq!(read(&ours), notes(&records), "length {len}");
    }
}

#[test]
fn f2_a_delimiter_behind_a_delimiter_is_ignored() {
    let records = Random(11).records(1, 12);
    let mut bytes = vec![0; 5];
    for frame in frames(600, &records) {
        bytes.extend(frame);
        bytes.extend([0; 3]);
    }
    let mut decoder = Decoder::new([0; 600]);
    assert_eq!(feed(&mut decoder, &bytes), notes(&records));
    assert_eq!(decoder.counters().bad(), 0);
}

#[test]
fn f4_a_full_block_may_be_followed_by_an_empty_one() {
    for len in 200..300 {
        let text = "x".repeat(len);
        let records = [update(1, &text)];
        let mut frame = frames(400, &records).concat();
        let plain = cobs::decode_vec(&frame[..frame.len() - 1]).unwrap();
        let last_zero = plain.iter().rposition(|&byte| byte == 0).map_or(0, |at| at + 1);
        if plain.len() - last_zero == 254 {
            frame.insert(frame.len() - 1, 1);
            assert_eq!(read(&frame), notes(&records));
            return;
        }
    }
    panic!("no frame ended in a full block");
}

#[test]
fn f5_a_frame_too_long_for_the_decoder_is_dropped() {
    let text = "x".repeat(200);
    let records = [update(1, "before"), update(2, &text), update(3, "behind")];
    let line: Vec<u8> =
        records.iter().flat_map(|&record| frames(300, &[record])).collect::<Vec<_>>().concat();
    for capacity in [32, 64, 128, 200] {
        let mut decoder = Decoder::new(vec![0; capacity]);
        let expected = [note(&records[0]), note(&records[2])];
        assert_eq!(feed(&mut decoder, &line), expected, "{capacity} bytes");
        assert_eq!((decoder.counters().too_long, decoder.counters().bad()), (1, 1));
    }
    let mut decoder = Decoder::new([]);
    assert_eq!(feed(&mut decoder, &line), [""; 0]);
    assert_eq!(decoder.counters().bad(), 3);
}

#[test]
fn f5_an_encoder_with_the_largest_buffer_writes_what_every_decoder_takes() {
    for fill in ["x", "\0", "ü"] {
        for slack in 0..50 {
            let text = fill.repeat((FRAME_MAX - slack) / fill.len());
            let (frames, _) = encode(FRAME_MAX, &[update((1 << 53) - 1, &text)]);
            let mut decoder = Decoder::new([0; FRAME_MAX]);
            assert_eq!(feed(&mut decoder, &frames.concat()).len(), frames.len());
            assert!(slack < 40 || frames.len() == 1, "{fill:?} {slack}");
        }
    }
}

#[test]
fn f6_a_frame_that_ends_inside_a_block_is_dropped() {
    let mut update = UpdateRecord::new(1, Category::INFO, "text");
    update.age_micros = 1; // so that there is one block
    let frame = frames(100, &[Record::Update(update)]).concat();
    for end in 1..frame.len() - 1 {
        let mut decoder = Decoder::new([0; 100]);
        assert_eq!(feed(&mut decoder, &[&frame[..end], &[0]].concat()), [""; 0]);
        assert_eq!((decoder.counters().torn, decoder.counters().bad()), (1, 1), "{end}");
    }
}

#[test]
fn c1_the_checksum_is_that_of_the_document() {
    assert_eq!(checksum(b""), 1);
    assert_eq!(checksum(b"a"), 0xA405_1C11);
    let frame = frames(64, &[update(1, "text")]).concat();
    let plain = cobs::decode_vec(&frame[..frame.len() - 1]).unwrap();
    let (content, sum) = plain.split_last_chunk().unwrap();
    assert_eq!(u32::from_le_bytes(*sum), checksum(content));
    let mut decoder = Decoder::new([0; 64]);
    let read = decoder.feed(&mut &frame[..]).unwrap();
    assert_eq!(read.checksum(), checksum(content));
}

#[test]
fn v1_frames_of_another_version_are_dropped_and_counted_apart() {
    let mut decoder = Decoder::new([0; 64]);
    for content in [&b"\x02 what may come"[..], b"\x00", b""] {
        assert_eq!(feed(&mut decoder, &stuffed(content.to_vec())), [""; 0]);
    }
    assert_eq!((decoder.counters().version, decoder.counters().bad()), (3, 3));
}

#[test]
fn p1_positions_without_holes_show_what_is_missing() {
    let mut random = Random(15);
    let records = random.records(1, 30);
    let (mut decoder, mut next) = (Decoder::new([0; 600]), 1);
    for frame in frames(600, &records) {
        let mut frame = &frame[..];
        let frame = decoder.feed(&mut frame).unwrap();
        // a gap or a run state goes on in a frame with the position that was reached, or had
        assert!(frame.seq == next || frame.seq + 1 == next);
        next = frame.next_seq();
    }
    let seqs = records.iter().map(|record| match record {
        Record::Update(update) => update.seq + 1,
        Record::Loss(loss) => loss.seq + 1,
        _ => 1,
    });
    assert_eq!(Some(next), seqs.max());
}

#[test]
fn p2_positions_out_of_range_are_malformed() {
    let most = (1 << 53) - 1;
    let info = |text: &[u8]| [vec![3 << 4, 5, 0], string(text)].concat();
    let last = UpdateRecord::new(most, Category::INFO, "last");
    assert_eq!(read(&frame_by_others(most, &info(b"last"))), [note(&Record::Update(last))]);
    let two = [info(b"last"), info(b"and one more")].concat();
    for (seq, records) in [(0, info(b"first")), (1 << 53, info(b"beyond")), (most, two)] {
        let mut decoder = Decoder::new([0; 64]);
        assert_eq!(feed(&mut decoder, &frame_by_others(seq, &records)), [""; 0]);
        assert_eq!((decoder.counters().malformed, decoder.counters().bad()), (1, 1));
    }
}

#[test]
fn r1_records_that_do_not_follow_take_another_frame() {
    let loss = |seq, index| Record::Loss(LossRecord::<&str>::new(seq, index));
    let run = |seq| Record::Run(RunRecord::<&str>::new(seq, 1, RunState::Running));
    let records = [
        (update(1, "a"), 1),
        (run(2), 1),
        (update(2, "b"), 1),
        (loss(3, 0), 1),
        (run(4), 1),
        (loss(3, 1), 1),
        (update(4, "c"), 1),
        (loss(5, 0), 1),
        (loss(6, 0), 6), // of another gap
        (loss(6, 1), 6),
        (update(8, "d"), 8), // behind a hole
        (loss(9, 1), 8),
        (update(2, "e"), 2),
    ];
    let mut expected: Vec<u64> = Vec::new();
    for (_, seq) in &records {
        if expected.last() != Some(seq) {
            expected.push(*seq);
        }
    }
    let records = records.map(|(record, _)| record);
    let frames = frames(256, &records);
    let mut decoder = Decoder::new([0; 256]);
    let seqs: Vec<u64> =
        frames.iter().map(|frame| decoder.feed(&mut &frame[..]).unwrap().seq).collect();
    assert_eq!(seqs, expected);
    assert_eq!(read(&frames.concat()), notes(&records));
}

#[test]
fn frames_are_as_full_as_the_buffer_allows() {
    let mut random = Random(4);
    for _ in 0..500 {
        let mut records = random.records(1, 20);
        records.retain(|record| matches!(record, Record::Update(_)));
        for (record, seq) in records.iter_mut().zip(1..) {
            if let Record::Update(update) = record {
                update.seq = seq;
            }
        }
        let size = 600 + random.below(400);
        let written = frames(size, &records);
        let mut first = 0;
        for frame in written {
            assert!(frame.len() <= size);
            first += read(&frame).len();
            if let Some(next) = records.get(first) {
                // the next one by itself, without the header, with the reserve of the stuffing
                let len = content(&frames(2_048, &[*next])[0]).len() - 10;
                assert!(frame.len() + len + 2 + size / 64 > size);
            }
        }
    }
}

#[test]
fn a_record_that_does_not_fit_is_reported_and_the_others_go_on() {
    let mut random = Random(6);
    let records = random.records(1, 30);
    for size in (0..400).step_by(if cfg!(miri) { 90 } else { 1 }) {
        let (frames, too_large) = encode(size, &records);
        let fits = |record: &&Record<'_>| !too_large.contains(record);
        let fitting: Vec<Record<'_>> = records.iter().filter(fits).copied().collect();
        assert_eq!(fitting.len() + too_large.len(), records.len());
        assert!(frames.iter().all(|frame| frame.len() <= size));
        if size >= 150 {
            assert_eq!(read(&frames.concat()), notes(&fitting), "buffer of {size}");
        } else {
            // losses may have become those of the whole bus
            assert_eq!(read(&frames.concat()).len(), fitting.len(), "buffer of {size}");
        }
    }
}

#[test]
fn l3_a_loss_whose_topic_does_not_fit_is_one_of_the_whole_bus() {
    let name = "c".repeat(100);
    let most = (1 << 53) - 1;
    let mut loss = LossRecord::new(most, u16::MAX);
    let many = u64::from(u32::MAX);
    (loss.other, loss.losses.expired, loss.retold) = (many, many, many);
    let dropped = &mut loss.losses.dropped;
    (dropped.newest, dropped.oldest, dropped.evicted) = (many, many, many);
    (dropped.outranked, dropped.shrunk, dropped.sink) = (many, many, many);
    let (conversation, category) = (Some(Conversation::Name(&name[..])), Category::TOOL.into());
    loss.scope = Scope::Topic { conversation, category };
    let mut of_bus = loss;
    of_bus.scope = Scope::Bus;
    assert_eq!(read(&frames(74, &[Record::Loss(loss)]).concat()), [note(&Record::Loss(of_bus))]);
    assert_eq!(read(&frames(256, &[Record::Loss(loss)]).concat()), [note(&Record::Loss(loss))]);
    for size in 0..74 {
        assert_eq!(encode(size, &[Record::Loss(loss)]), (vec![], vec![Record::Loss(loss)]));
    }
}

#[test]
fn every_chunking_gives_the_same() {
    let records = Random(5).records(1, 12);
    let (line, expected) = (frames(600, &records).concat(), notes(&records));
    for cut in (0..=line.len()).step_by(if cfg!(miri) { 90 } else { 1 }) {
        let mut decoder = Decoder::new([0; 600]);
        let mut all = feed(&mut decoder, &line[..cut]);
        all.extend(feed(&mut decoder, &line[cut..]));
        assert_eq!(all, expected, "cut at {cut}");
    }
    let mut decoder = Decoder::new([0; 600]);
    let mut all = Vec::new();
    for &byte in &line {
        let frame = decoder.push(byte);
        all.extend(frame.iter().flat_map(Frame::records).map(|record| note(&record)));
    }
    assert_eq!((all, decoder.counters().bad()), (expected, 0), "byte by byte");
}

#[test]
fn n2_an_epoch_keeps_its_lowest_53_bits() {
    let mut buffer = [0; 64];
    let mut encoder = Encoder::new(u64::MAX, &mut buffer);
    assert!(add(&mut encoder, &update(1, "x")));
    let frame = encoder.frame().unwrap();
    let most = (1 << 53) - 1;
    assert_eq!(content(frame)[1..9], number(most));
    assert_eq!(Decoder::new([0; 64]).feed(&mut &frame[..]).unwrap().epoch, most);
    assert_eq!(EPOCH, EPOCH & most);
}
