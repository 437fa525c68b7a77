//! The feature `serde`: small enums by their names, counters as the JSON that a server sends.

#![cfg(feature = "serde")]

use std::fmt::{Debug, Display};

use serde_json::{Value, json};
use statusbus_core::{
    DropReason, Dropped, FlushReason, Leading, Ledger, Loss, Losses, Overflow, Priority,
    RefuseReason, Refused,
};

/// Checks that `value` is written as `text` and read from it.
fn same<T>(value: &T, text: &str)
where
    T: Debug + PartialEq + serde::Serialize + serde::de::DeserializeOwned,
{
    assert_eq!(serde_json::to_string(value).expect("JSON"), text);
    assert_eq!(&serde_json::from_str::<T>(text).expect("a value"), value);
    // from an owned text too
    let parsed: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(&serde_json::from_value::<T>(parsed).expect("a value"), value);
}

fn by_name<T>(all: &[T])
where
    T: Debug + PartialEq + Display + serde::Serialize + serde::de::DeserializeOwned,
{
    for value in all {
        same(value, &format!("\"{value}\""));
    }
    for wrong in ["\"none\"", "\"\"", "0", "null", "[]", "{}"] {
        assert!(serde_json::from_str::<T>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn small_enums_are_their_names() {
    by_name(&Priority::ALL);
    by_name(&Overflow::ALL);
    by_name(&Leading::ALL);
    by_name(&DropReason::ALL);
    by_name(&RefuseReason::ALL);
    by_name(&[FlushReason::Full, FlushReason::Interval, FlushReason::Flush, FlushReason::Close]);
    by_name(&DropReason::ALL.map(Loss::Dropped));
    by_name(&[Loss::Expired]);
}

#[test]
fn an_unknown_name_is_an_error_that_lists_the_names() {
    let error = serde_json::from_str::<Priority>("\"urgent\"").expect_err("no name").to_string();
    assert!(error.contains("`urgent`"), "{error}");
    assert!(error.contains("`low`, `normal`, `high`"), "{error}");
}

#[test]
fn counters_are_maps_with_their_total() {
    let dropped =
        Dropped::default().with_count(DropReason::Newest, 1).with_count(DropReason::Sink, 2);
    let text = "{\"total\":3,\"newest\":1,\"oldest\":0,\"evicted\":0,\"outranked\":0,\"shrunk\":0,\"sink\":2}";
    same(&dropped, text);
    let refused = Refused::default().with_count(RefuseReason::UnknownCategory, u64::MAX);
    let text = "{\"total\":18446744073709551615,\"full\":0,\"closed\":0,\"invalid\":0,\"unknown_category\":18446744073709551615,\"too_large\":0,\"unauthorized\":0}";
    same(&refused, text);
}

#[test]
fn losses_are_the_reasons_that_count() {
    let dropped = Dropped::default().with_count(DropReason::Evicted, 3);
    same(&Losses { dropped, expired: 2 }, "{\"evicted\":3,\"expired\":2}");
    same(&Losses::default(), "{}");
}

#[test]
fn a_ledger_is_its_counters() {
    let mut ledger = Ledger::default();
    (ledger.sent, ledger.delivered, ledger.queued, ledger.in_flight) = (15, 1, 6, 2);
    (ledger.coalesced, ledger.expired) = (1, 2);
    ledger.dropped = ledger.dropped.with_count(DropReason::Shrunk, 2);
    ledger.refused = ledger.refused.with_count(RefuseReason::Full, 1);
    assert!(ledger.is_balanced());
    let text = concat!(
        "{\"sent\":15,\"delivered\":1,\"coalesced\":1,\"expired\":2,\"dropped\":{\"total\":2,",
        "\"newest\":0,\"oldest\":0,\"evicted\":0,\"outranked\":0,\"shrunk\":2,\"sink\":0},",
        "\"refused\":{\"total\":1,\"full\":1,\"closed\":0,\"invalid\":0,\"unknown_category\":0,",
        "\"too_large\":0,\"unauthorized\":0},\"queued\":6,\"in_flight\":2}"
    );
    same(&ledger, text);
}

#[test]
fn unknown_names_are_skipped_and_absent_ones_are_zero() {
    let newer = json!({"later": {"any": [1]}, "evicted": 3, "lagged": 9, "total": 12});
    let dropped = Dropped::default().with_count(DropReason::Evicted, 3);
    assert_eq!(serde_json::from_value::<Dropped>(newer.clone()).expect("counts"), dropped);
    let losses = Losses { dropped, expired: 0 };
    assert_eq!(serde_json::from_value::<Losses>(newer).expect("counts"), losses);
    let refused: Refused =
        serde_json::from_value(json!({"full": 1, "evicted": 3})).expect("counts");
    assert_eq!(refused, Refused::default().with_count(RefuseReason::Full, 1));
    let ledger: Ledger = serde_json::from_value(json!({"sent": 1, "later": 2})).expect("a ledger");
    assert_eq!((ledger.sent, ledger.dropped), (1, Dropped::default()));
}

#[test]
fn counts_that_are_no_counts_are_errors() {
    for wrong in
        ["[]", "3", "{\"sink\":-1}", "{\"sink\":\"1\"}", "{\"sink\":1.5}", "{\"sink\":null}"]
    {
        assert!(serde_json::from_str::<Dropped>(wrong).is_err(), "{wrong}");
        assert!(serde_json::from_str::<Losses>(wrong).is_err(), "{wrong}");
    }
    // their total would be too large
    let large = format!("{{\"sink\":{},\"newest\":1}}", u64::MAX);
    assert!(serde_json::from_str::<Dropped>(&large).is_err());
    let large = format!("{{\"expired\":{},\"newest\":1}}", u64::MAX);
    assert!(serde_json::from_str::<Losses>(&large).is_err());
}
