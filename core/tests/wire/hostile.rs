//! What a faulty or hostile writer does: never a panic, never a value that cannot be.

use crate::support::{Random, content, feed, frame_by_others, frames, notes, number, update};
use statusbus_core::wire::{Decoder, Record};

#[test]
#[cfg_attr(miri, ignore = "long")]
fn a_million_random_bytes_are_nothing() {
    let mut random = Random(16);
    let good = [update(1, "good")];
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
#[cfg_attr(miri, ignore = "long")]
fn random_contents_with_the_right_checksum_never_panic() {
    let mut random = Random(17);
    let mut decoder = Decoder::new([0; 1_024]);
    let (mut updates, mut refusals, mut losses, mut runs, mut unknown) = (0, 0, 0, 0, 0);
    for round in 0..40_000 {
        let records = match round % 4 {
            0 => {
                let len = random.below(60);
                random.bytes(len)
            }
            1 => (0..random.below(60)).map(|_| random.below(12) as u8).collect(),
            2 => {
                let head = number(random.number() & 0xFFFF_1FFF);
                [head, (0..random.below(30)).map(|_| random.below(8) as u8).collect()].concat()
            }
            _ => {
                let records = random.records(1, 2);
                let frame = frames(1_024, &records[..1]).concat();
                let mut records = content(&frame).split_off(10);
                let at = random.below(records.len());
                records[at] ^= 1 << random.below(8);
                records
            }
        };
        let frame = frame_by_others(1, &records);
        let mut bytes = &frame[..];
        let Some(frame) = decoder.feed(&mut bytes) else { continue };
        let mut next = frame.seq;
        for record in frame.records() {
            match record {
                Record::Update(update) => (updates, next) = (updates + 1, update.seq + 1),
                Record::Refused(refusal) => (refusals, next) = (refusals + 1, refusal.seq + 1),
                Record::Loss(loss) => (losses, next) = (losses + 1, loss.seq + 1),
                Record::Run(run) => {
                    assert_eq!(run.seq, next);
                    runs += 1;
                }
                _ => unknown += 1,
            }
        }
        assert_eq!(frame.next_seq(), next);
    }
    let counts = [updates, refusals, losses, runs, unknown];
    assert!(counts.iter().all(|&count| count > 500), "{counts:?}");
    let counters = decoder.counters();
    assert_eq!(counters.frames + counters.malformed, 40_000);
}
