//! What a bad line does: it costs the frames it hits, never another one, and never alters one.

use std::ops::Range;

use crate::support::{Owned, Random, encode, feed, frames, notes, notes_of, read};
use statusbus_core::wire::Decoder;

/// A line with each frame's bytes, its 0x00 included, and what is in it.
struct Line {
    bytes: Vec<u8>,
    frames: Vec<(Range<usize>, Vec<String>)>,
}

impl Line {
    fn random(seed: u64) -> Self {
        let mut random = Random(seed);
        let mut updates = Vec::new();
        while updates.len() < 10 {
            let update = Owned::random(updates.len() as u64 + 1, &mut random);
            if encode(96, [update.update()]).1.is_empty() {
                updates.push(update);
            }
        }
        let (mut bytes, mut all) = (Vec::new(), Vec::new());
        for frame in frames(96, &updates) {
            let begin = bytes.len();
            all.push((begin..begin + frame.len(), read(&frame)));
            bytes.extend(frame);
        }
        assert!(all.len() > 3);
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

#[test]
fn a_flipped_bit_costs_the_frame_it_hits() {
    for seed in 0..2 {
        let line = Line::random(seed);
        for at in 0..line.bytes.len() {
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
fn lost_added_and_overwritten_bytes_cost_the_frames_they_hit() {
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
fn garbage_that_ends_in_a_zero_costs_nothing() {
    let mut random = Random(9);
    for round in 0..100 {
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
fn garbage_right_before_a_frame_costs_that_frame() {
    let line = Line::random(10);
    let garbage = b"\x17boot: 3.1\r\n".to_vec();
    let bytes = [garbage, line.bytes.clone()].concat();
    assert_eq!(read(&bytes), line.without(&(0..1)));
}

#[test]
fn zeros_between_frames_are_nothing() {
    let line = Line::random(11);
    let mut bytes = vec![0; 5];
    for (at, _) in &line.frames {
        bytes.extend(&line.bytes[at.clone()]);
        bytes.extend([0; 3]);
    }
    let mut decoder = Decoder::new([0; 512]);
    assert_eq!(feed(&mut decoder, &bytes), line.whole());
    assert_eq!(decoder.counters().bad(), 0);
}

#[test]
fn a_device_that_restarts_in_a_frame_loses_that_frame() {
    let line = Line::random(12);
    let (first, _) = &line.frames[0];
    for cut in 0..first.end - 1 {
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

#[test]
fn a_frame_too_long_for_the_decoder_costs_itself() {
    let long = Owned::says(2, &"x".repeat(200));
    let short = [Owned::says(1, "before"), Owned::says(3, "behind")];
    let line = [frames(300, &short[..1]), frames(300, &[long]), frames(300, &short[1..])].concat();
    for capacity in [32, 64, 128, 200] {
        let mut decoder = Decoder::new(vec![0; capacity]);
        assert_eq!(feed(&mut decoder, &line.concat()), notes(&short), "{capacity} bytes");
        assert_eq!((decoder.counters().too_long, decoder.counters().bad()), (1, 1));
    }
}

#[test]
fn a_decoder_without_a_buffer_takes_nothing() {
    let line = Line::random(14);
    let mut decoder = Decoder::new([]);
    assert_eq!(feed(&mut decoder, &line.bytes), [""; 0]);
    assert_eq!(decoder.counters().bad(), line.frames.len() as u64);
}

#[test]
fn what_is_missing_shows_between_frames() {
    let line = Line::random(15);
    let mut bytes = line.bytes.clone();
    bytes[line.frames[1].0.start + 5] ^= 0x40;
    let (mut decoder, mut bytes) = (Decoder::new([0; 512]), &bytes[..]);
    let (mut next, mut missing) = (1, 0);
    while let Some(frame) = decoder.feed(&mut bytes) {
        missing += frame.seq - next;
        next = frame.next_seq();
        assert!(!notes_of(&frame).is_empty());
    }
    assert_eq!(missing, line.frames[1].1.len() as u64);
}
