//! Metadata as JSON.

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use statusbus_embassy::{Buffer, Category, Message, SYSTEM, Status, Value};

use crate::balanced;
use crate::support::{Task, Time};

type Bus<const META: usize> = Status<CriticalSectionRawMutex, Message<8, 8, META>, 4>;

/// Sends an update with these fields; returns its metadata, and how many fields were left out.
fn sent<const META: usize>(fields: &[(&str, Value<'_>)]) -> (String, u32) {
    let status = Bus::<META>::new();
    let update = status.update(SYSTEM, Category::INFO, "text");
    fields.iter().fold(update, |update, &(name, value)| update.metadata(name, value)).send();
    let mut buffer = Buffer::<_, 1>::new();
    let mut runner = status.runner(&mut buffer).expect("the only one");
    let mut next = Task::new(runner.next());
    next.rest();
    let batch = next.output().and_then(Option::as_ref).expect("a batch");
    let update = *batch.updates().next().expect("an update").update;
    assert_eq!(balanced(&status).in_flight, 1);
    (update.metadata().unwrap_or_default().into(), status.shortened().fields)
}

#[test]
fn values_are_written_as_json() {
    let _time = Time::begin();
    for (value, expected) in [
        (Value::from(0), "0"),
        (Value::from(-1), "-1"),
        (Value::from(i32::MIN), "-2147483648"),
        (Value::from(u32::MAX), "4294967295"),
        (Value::from(7_u8), "7"),
        (Value::from(1_000), "1000"),
        (Value::from(21.5), "21.5"),
        (Value::from(-0.25), "-0.25"),
        (Value::from(0.0), "0"),
        (Value::from(-0.0), "0"),
        (Value::from(0.0004), "0"),
        (Value::from(0.0006), "0.001"),
        (Value::from(100.0), "100"),
        (Value::from(3e6), "3000000"),
        (Value::from(-2e9), "-2000000000"),
        (Value::from(f32::NAN), "null"),
        (Value::from(f32::INFINITY), "null"),
        (Value::from(3e9), "null"),
        (Value::Decimal { digits: 1, places: 9 }, "0.000000001"),
        (Value::Decimal { digits: i32::MIN, places: 9 }, "-2.147483648"),
        (Value::Decimal { digits: 1_000, places: 200 }, "0.000001"),
        (Value::Null, "null"),
        (Value::from(true), "true"),
        (Value::from(false), "false"),
        (Value::from("a\"b\\c\n\u{1f}\0ß\u{7f}"), "\"a\\\"b\\\\c\\u000a\\u001f\\u0000ß\u{7f}\""),
    ] {
        assert_eq!(sent::<64>(&[("v", value)]), (format!("{{\"v\":{expected}}}"), 0), "{value:?}");
    }
}

#[test]
fn a_field_that_does_not_fit_is_left_out_whole() {
    let _time = Time::begin();
    let a = ("a", Value::from(1));
    let too_long = ("a name that is too long", Value::from(1));
    assert_eq!(sent::<16>(&[too_long]), (String::new(), 1));
    assert_eq!(sent::<16>(&[a, ("b", "twelve".into())]), ("{\"a\":1}".into(), 1));
    assert_eq!(sent::<16>(&[a, too_long]), ("{\"a\":1}".into(), 1));
    let full = "{\"a\":1,\"b\":1234}";
    assert_eq!(sent::<16>(&[a, too_long, ("b", 1_234.into()), ("", 1.into())]), (full.into(), 2));
}
