//! What a bad line does: it costs the frames that it hits, never another one, and never alters one.

use std::ops::Range;

use crate::support::{Random, checksum, content, encode, feed, read};
use statusbus_core::wire::Decoder;

/// A line with each frame's bytes, its 0x00 included, and what is in it.
struct Line {
    bytes: Vec<u8>,
    frames: Vec<(Range<usize>, Vec<String>)>,
}

impl Line {
    fn random(seed: u64) -> Self {
        let mut frames = Vec::new();
        // some records are too large for a frame
        for len in (12..).step_by(4) {
            if frames.len() > 3 {
                break;
            }
            frames = encode(96, &Random(seed).records(1, len)).0;
        }
        let (mut bytes, mut all) = (Vec::new(), Vec::new());
        for frame in frames {
            let begin = bytes.len();
            all.push((begin..begin + frame.len(), read(&frame)));
            bytes.extend(frame);
        }
        Self { bytes, frames: all }
    }

    /// What is in the frames but those that touch `hit`.
    fn without(&self, hit: &Range<usize>) -> Vec<String> {
        let is_hit = |at: &Range<usize>| at.start < hit.end && hit.start < at.end;
        // When a 0x00 is hit, the frame behind it joins the one before.
        let before = |at: &Range<usize>| (hit.start..hit.end).contains(&(at.start.wrapping_sub(1)));
        self.frames
            .iter()
            .filter(|(at, _)| !is_hit(at) && !before(at))
            .flat_map(|(_, notes)| notes.clone())
            .collect()
    }

    fn whole(&self) -> Vec<String> {
        self.frames.iter().flat_map(|(_, notes)| notes.clone()).collect()
    }
}

/// Whether `all` is `whole` with frames left out, and has at least what is in `least`.
fn is_between(least: &[String], all: &[String], whole: &[String]) -> bool {
    let is_part = |part: &[String], of: &[String]| {
        let mut of = of.iter();
        part.iter().all(|note| of.any(|other| other == note))
    };
    is_part(least, all) && is_part(all, whole)
}

/// Every so many bytes are damaged: all of them, or a few under Miri, where each takes seconds.
const STEP: usize = if cfg!(miri) { 97 } else { 1 };

#[test]
fn c2_f3_a_flipped_bit_costs_the_frame_it_hits() {
    for seed in 0..2 {
        let line = Line::random(seed);
        for at in (0..line.bytes.len()).step_by(STEP) {
            let expected = line.without(&(at..at + 1));
            for bit in 0..8 {
                let mut bytes = line.bytes.clone();
                bytes[at] ^= 1 << bit;
                let mut decoder = Decoder::new([0; 512]);
                let all = feed(&mut decoder, &bytes);
                assert_eq!(all, expected, "bit {bit} of byte {at}");
                assert!(decoder.push(0).is_none());
                assert!(decoder.counters().bad() >= 1);
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "long")]
fn f3_lost_added_and_overwritten_bytes_cost_the_frames_they_hit() {
    let mut random = Random(8);
    let lines: Vec<Line> = (0..20).map(Line::random).collect();
    for round in 0..5_000 {
        let line = &lines[round % 20];
        let at = random.below(line.bytes.len());
        let hit = at..(at + 1 + random.below(40)).min(line.bytes.len());
        let new: Vec<u8> = match round % 3 {
            0 => vec![],
            1 => hit.clone().map(|_| random.next() as u8).collect(),
            _ => (0..random.below(80)).map(|_| random.next() as u8).collect(),
        };
        let mut bytes = line.bytes.clone();
        bytes.splice(hit.clone(), new);
        let all = read(&bytes);
        assert!(is_between(&line.without(&hit), &all, &line.whole()), "{hit:?}");
    }
}

#[test]
fn f3_garbage_that_ends_in_a_zero_costs_nothing() {
    let mut random = Random(9);
    for round in 0..if cfg!(miri) { 2 } else { 100 } {
        let line = Line::random(round);
        let mut bytes = Vec::new();
        for (at, _) in &line.frames {
            bytes.extend((0..random.below(700)).map(|_| random.next() as u8));
            bytes.push(0);
            bytes.extend(&line.bytes[at.clone()]);
        }
        let mut decoder = Decoder::new([0; 512]);
        assert_eq!(feed(&mut decoder, &bytes), line.whole());
        assert_eq!(decoder.counters().frames, line.frames.len() as u64);
    }
}

#[test]
fn f3_garbage_right_before_a_frame_costs_that_frame() {
    let line = Line::random(10);
    let garbage = b"\x17boot: 3.1\r\n".to_vec();
    let bytes = [garbage, line.bytes.clone()].concat();
    assert_eq!(read(&bytes), line.without(&(0..1)));
}

#[test]
fn f2_a_device_that_restarts_in_a_frame_loses_that_frame() {
    let line = Line::random(12);
    let (first, _) = &line.frames[0];
    for cut in (0..first.end - 1).step_by(STEP) {
        let bytes = [&line.bytes[..cut], &[0], &line.bytes[..]].concat();
        let mut decoder = Decoder::new([0; 512]);
        assert_eq!(feed(&mut decoder, &bytes), line.whole(), "cut at {cut}");
        let counters = decoder.counters();
        let one = u64::from(cut > 0);
        assert_eq!((counters.bad(), counters.torn + counters.checksum), (one, one));
        // Without the 0x00 that a writer should begin with, the first frame goes with it.
        let bytes = [&line.bytes[..cut], &line.bytes[..]].concat();
        let least = line.without(&(0..1));
        assert!(is_between(&least, &read(&bytes), &line.whole()), "cut at {cut}");
    }
}

#[test]
fn a_decoder_that_is_reset_waits_for_the_next_frame() {
    let line = Line::random(13);
    let mut decoder = Decoder::new([0; 512]);
    assert_eq!(feed(&mut decoder, &line.bytes[..30]), [""; 0]);
    decoder.reset();
    assert_eq!(feed(&mut decoder, &line.bytes), line.whole());
    assert_eq!(decoder.counters().bad(), 0);
}

/// How many frames `damaged_frames_are_noticed` damages, for a run by hand.
const FRAMES_VARIABLE: &str = "STATUSBUS_DAMAGED_FRAMES";

/// Damages a line in one of the ways that lines have: flipped bits, bursts, cuts, pieces of one frame
/// in another.
fn damage(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(bytes.len());
    let end = (at + 1 + random.below(20)).min(bytes.len());
    match random.below(8) {
        0 => (0..=random.below(4)).for_each(|_| {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
        }),
        1 => (0..5 + random.below(28)).for_each(|_| {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
        }),
        2 => bytes[at..end].fill_with(|| random.next() as u8),
        3 => bytes.truncate(at),
        4 => bytes.splice(at.., other[random.below(other.len())..].iter().copied()).for_each(drop),
        5 => bytes.drain(at..end).for_each(drop),
        6 => {
            let piece = bytes[at..end].to_vec();
            bytes.splice(at..at, piece);
        }
        _ => bytes.swap(at, end - 1),
    }
}

#[test]
#[cfg_attr(miri, ignore = "long")]
fn c2_damaged_frames_are_noticed() {
    let frames = std::env::var(FRAMES_VARIABLE).map_or(20_000, |count| count.parse().unwrap());
    let (mut random, mut decoder) = (Random(19), Decoder::new([0; 512]));
    let (mut bad, mut unnoticed) = (0_u64, 0_u64);
    let mut line = Line::random(0);
    for round in 0..frames {
        if round % 1_000 == 0 {
            line = Line::random(round);
        }
        let other = &line.frames[random.below(line.frames.len())].0;
        let (hit, notes) = &line.frames[random.below(line.frames.len())];
        let mut bytes = line.bytes[hit.clone()].to_vec();
        damage(&mut bytes, &line.bytes[other.clone()], &mut random);
        bytes.push(0);
        let before = decoder.counters().bad();
        let all = feed(&mut decoder, &bytes);
        bad += u64::from(decoder.counters().bad() > before);
        // what arrives is a frame that was written, once or twice
        let is_written = |all: &[String]| {
            all.is_empty() || line.frames.iter().any(|(_, notes)| all == notes.as_slice())
        };
        let (first, second) = all.split_at(notes.len().min(all.len()));
        let is_noticed = is_written(&all) || is_written(first) && is_written(second);
        unnoticed += u64::from(!is_noticed);
    }
    assert!(bad > frames / 2);
    assert_eq!(unnoticed, 0, "of {bad} damaged frames");
}

#[test]
fn c2_every_bit_of_the_content_is_in_the_checksum() {
    let line = Line::random(1);
    for (at, _) in &line.frames {
        let mut content = content(&line.bytes[at.clone()]);
        let whole = checksum(&content);
        for bit in 0..8 * content.len() {
            content[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(checksum(&content), whole);
            content[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
