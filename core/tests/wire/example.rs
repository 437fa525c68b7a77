//! What docs/wire.md promises: its example, and that each of its rules has a test.

use crate::support::add;
use statusbus_core::wire::{
    CategoryName, Conversation, Decoder, Encoder, Record, RunRecord, UpdateRecord,
};
use statusbus_core::{Category, Priority, RunState};

const DOCUMENT: &str = include_str!("../../../docs/wire.md");

/// The bytes of the example: what is in front of two spaces in each line.
fn bytes() -> Vec<u8> {
    let (_, example) = DOCUMENT.split_once("```hex\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let hex = example.lines().flat_map(|line| line.split("  ").next());
    let bytes = hex.flat_map(str::split_whitespace);
    bytes.map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

fn records() -> [Record<'static>; 3] {
    let conversation = Some(Conversation::Name("conv-1"));
    let mut run = RunRecord::new(41, 3, RunState::Running);
    (run.conversation, run.promise_micros) = (conversation, Some(5_000_000));
    let mut searching = UpdateRecord::new(41, Category::TOOL, "searching");
    (searching.conversation, searching.run) = (conversation, Some(3));
    searching.age_micros = 1_500;
    let mut done = UpdateRecord::new(42, CategoryName::Registered("deploy"), "done");
    (done.age_micros, done.key, done.priority) = (0, Some("release"), Some(Priority::High));
    [Record::Run(run), Record::Update(searching), Record::Update(done)]
}

#[test]
fn the_example_is_what_is_written_and_read() {
    let mut buffer = [0; 128];
    let mut encoder = Encoder::new(1, &mut buffer);
    assert!(records().iter().all(|record| add(&mut encoder, record)));
    let written = encoder.frame().unwrap();
    assert_eq!(written, bytes(), "written: {written:02X?}");
    let mut decoder = Decoder::new([0; 128]);
    let example = bytes();
    let frame = decoder.feed(&mut &example[..]).unwrap();
    assert_eq!((frame.epoch, frame.seq, frame.next_seq()), (1, 41, 43));
    assert!(frame.records().eq(records()));
}

#[test]
fn each_rule_has_a_test() {
    let tests = [
        include_str!("damage.rs"),
        include_str!("frames.rs"),
        include_str!("records.rs"),
        include_str!("../../../adapters/tokio/tests/device.rs"),
    ];
    let rules: Vec<&str> = DOCUMENT.split("**").skip(1).step_by(2).collect();
    let is_number = |rule: &&&str| rule.len() <= 3 && rule.ends_with(|c: char| c.is_ascii_digit());
    let mut count = 0;
    for rule in rules.iter().filter(is_number) {
        let name = rule.to_lowercase();
        let is_tested = tests.iter().any(|test| {
            test.contains(&format!("fn {name}_")) || test.contains(&format!("_{name}_"))
        });
        assert!(is_tested, "no test is named after {rule}");
        count += 1;
    }
    assert!(count > 20, "{count} rules");
}
