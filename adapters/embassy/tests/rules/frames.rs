//! Frames over a line that works, stalls and fails.

use embassy_time::Duration;
use statusbus_embassy::SYSTEM;

use crate::line::{Does, Line};
use crate::support::Time;
use crate::{balanced, small, writes};

#[test]
fn updates_are_written_as_frames() {
    let (time, line, status) = (Time::begin(), Line::new(), small());
    let mut runner = writes::<4, 24, 0, ()>(status, &line);
    runner.rest();
    status.engine(SYSTEM, "ready");
    status.info("motor", format_args!("{} rpm", 1_200));
    runner.rest();
    assert_eq!(line.lines(), ["#1 -/engine ready", "#2 motor/info 1200 rpm"]);
    status.tool(7_u8, "a text that is longer than there is room for");
    time.pass(Duration::from_millis(50));
    runner.rest();
    assert_eq!(line.lines()[2..], ["#3 7/tool a text that is longer th…"]);
    assert_eq!(balanced(status).delivered, 3);
}

#[test]
fn a_line_that_takes_a_byte_at_a_time_is_written_to_until_the_end() {
    let (_time, line, status) = (Time::begin(), Line::new(), small());
    let mut runner = writes::<4, 24, 0, ()>(status, &line);
    line.set(Does::Takes(1));
    status.info("motor", "starts");
    runner.rest();
    assert_eq!(line.lines(), ["#1 motor/info starts"]);
    assert_eq!(balanced(status).delivered, 1);
}

#[test]
fn a_batch_that_does_not_fit_a_frame_goes_in_several() {
    let (_time, line, status) = (Time::begin(), Line::new(), small());
    let mut runner = writes::<8, 24, 0, ()>(status, &line);
    for _ in 0..8 {
        status.info("a-long-name", "some text of 24 bytes...");
    }
    runner.rest();
    assert_eq!(line.lines().len(), 8);
    assert_eq!(line.read().1.frames, 2);
    assert_eq!(balanced(status).delivered, 8);
}

#[test]
fn the_age_of_an_update_counts_until_its_frame_is_made() {
    let (time, line, status) = (Time::begin(), Line::new(), small());
    let mut runner = writes::<8, 24, 0, ()>(status, &line);
    runner.rest();
    status.info(SYSTEM, "first");
    runner.rest();
    status.info(SYSTEM, "next");
    time.pass(Duration::from_millis(75)); // 25 ms more than it should have been
    runner.rest();
    let bytes = line.bytes();
    let mut decoder = statusbus_core::wire::Decoder::new([0; 256]);
    let mut ages = Vec::new();
    let mut rest = &bytes[..];
    while let Some(frame) = decoder.feed(&mut rest) {
        ages.extend(frame.records().map(|record| match record {
            statusbus_core::wire::Record::Update(update) => update.age_micros,
            other => unreachable!("{other:?}"),
        }));
    }
    assert_eq!(ages, [0, 75_000]);
    balanced(status);
}

/// A line that breaks in a frame and works again.
fn breaks(does: Does, timeout: Duration) {
    let (time, line, status) = (Time::begin(), Line::new(), small());
    let mut runner = writes::<8, 24, 0, ()>(status, &line);
    runner.rest();
    status.info("motor", "starts");
    runner.rest();
    line.set(does);
    status.info("motor", "runs");
    status.error("pump", "is dry");
    time.pass(Duration::from_millis(50));
    runner.rest();
    // senders are not affected
    status.info("motor", "stops");
    time.pass(timeout);
    runner.rest();
    let ledger = balanced(status);
    assert_eq!(ledger.delivered, 1, "{does:?}");
    assert!(ledger.dropped.sink >= 2, "{does:?}: {ledger:?}");
    line.set(Does::Takes(usize::MAX));
    // a stalled write stays stalled until it is given up
    time.pass(timeout + Duration::from_millis(50));
    runner.rest();
    status.info("motor", "is at rest");
    time.pass(Duration::from_millis(50));
    runner.rest();
    let ledger = balanced(status);
    assert_eq!(ledger.queued + ledger.in_flight, 0, "{does:?}");
    // the host reads each update, or a gap for it
    let (lines, counters) = line.read();
    let missing: u64 = lines
        .iter()
        .filter(|lines| lines.starts_with("gap"))
        .flat_map(|lines| lines.split_once("sink=").map(|(_, count)| count.parse::<u64>()))
        .map(|count| count.expect("a number"))
        .sum();
    let seen = lines.iter().filter(|lines| lines.starts_with('#')).count() as u64;
    assert_eq!(missing, ledger.dropped.sink, "{does:?}: {lines:?}");
    assert_eq!(seen, ledger.delivered, "{does:?}: {lines:?}");
    assert!(lines.last().is_some_and(|last| last.ends_with("motor/info is at rest")), "{lines:?}");
    assert!(lines.iter().any(|lines| lines.contains("gap") && lines.contains("pump/error sink=1")));
    // the frame that was cut off damages no other
    assert!(counters.bad() <= 1, "{does:?}: {counters:?}");
}

#[test]
fn a_line_that_fails_anywhere_in_a_frame_loses_only_what_was_not_written_and_reports_it() {
    for bytes in 0..40 {
        breaks(Does::FailsAfter(bytes), Duration::MIN);
    }
    breaks(Does::TakesNothing, Duration::MIN);
}

#[test]
fn a_line_that_stalls_anywhere_in_a_frame_is_given_up_after_the_write_timeout() {
    for bytes in 0..40 {
        breaks(Does::StallsAfter(bytes), Duration::from_secs(1));
    }
}

/// Updates that arrived at the host, and updates that were reported as missing.
fn arrived_and_missing(lines: &[String]) -> (u64, u64) {
    let arrived = lines.iter().filter(|lines| lines.starts_with('#')).count() as u64;
    let gaps = lines.iter().filter(|lines| lines.starts_with("gap"));
    let counts = gaps.flat_map(|gap| gap.split(' ').filter_map(|word| word.split_once('=')));
    let missing = counts.map(|(_, count)| count.parse::<u64>().expect("a number")).sum();
    (arrived, missing)
}

#[test]
fn a_gap_that_was_written_in_part_is_reported_once() {
    // three frames of a gap: the line fails at any byte of them and of the update behind them
    for bytes in 0..160 {
        let (time, line, status) = (Time::begin(), Line::new(), small());
        let mut runner = writes::<8, 24, 0, ()>(status, &line);
        runner.rest();
        line.set(Does::FailsAfter(0));
        for name in ["motor", "pump", "valve"] {
            status.info(name, "starts");
        }
        runner.rest();
        line.set(Does::FailsAfter(bytes));
        status.info("motor", "runs");
        time.pass(Duration::from_millis(50));
        runner.rest();
        line.set(Does::Takes(usize::MAX));
        status.info("pump", "is dry");
        time.pass(Duration::from_millis(50));
        runner.rest();
        let (lines, counters) = line.read();
        let ledger = balanced(status);
        assert_eq!(ledger.queued + ledger.in_flight, 0, "{bytes} bytes");
        let lost = ledger.dropped.sink;
        assert_eq!(
            arrived_and_missing(&lines),
            (ledger.delivered, lost),
            "{bytes} bytes: {lines:?}"
        );
        assert!(counters.bad() <= 1, "{bytes} bytes: {counters:?}");
    }
}

#[test]
fn a_line_that_does_not_flush_is_given_up_too() {
    let (time, line, status) = (Time::begin(), Line::new(), small());
    let mut runner = writes::<8, 24, 0, ()>(status, &line);
    line.stall_flush(true);
    status.info("motor", "starts");
    runner.rest();
    time.pass(Duration::from_millis(999));
    runner.rest();
    assert_eq!(balanced(status).in_flight, 1);
    time.pass(Duration::from_millis(1));
    runner.rest();
    assert_eq!(balanced(status).dropped.sink, 1);
}

#[test]
fn a_line_that_stalls_does_not_hold_up_senders() {
    let (time, line, status) = (Time::begin(), Line::new(), small());
    let mut runner = writes::<8, 24, 0, ()>(status, &line);
    line.set(Does::StallsAfter(3));
    for round in 0..100 {
        status.progress("motor", "runs");
        status.error("motor", "failed");
        runner.rest();
        balanced(status);
        time.pass(Duration::from_millis(1 + round));
    }
    let ledger = balanced(status);
    assert_eq!(ledger.sent, 200);
    assert_eq!(ledger.delivered, 0);
    assert!(ledger.queued <= 8);
    // however long it lasts: what matters most is what waits in the end
    line.set(Does::Takes(usize::MAX));
    time.pass(Duration::from_secs(2));
    runner.rest();
    time.pass(Duration::from_secs(2));
    runner.rest();
    let lines = line.read().0;
    assert!(
        lines.iter().filter(|lines| lines.ends_with("motor/error failed")).count() >= 7,
        "{lines:?}"
    );
    balanced(status);
}
