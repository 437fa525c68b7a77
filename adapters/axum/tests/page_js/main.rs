//! The page: what it decides, in Node; and the whole of it in a browser, while `watch` serves it.
//!
//! It needs Node (`NODE` names another one than `node`) and, once, `npm ci` in `tests/js`; the browser
//! is Chromium (`STATUSBUS_BROWSER` names its program, if it goes by none of the usual names):
//!
//! ```sh
//! npm --prefix adapters/axum/tests/js ci
//! cargo test -p statusbus-axum --test page_js -- --ignored --nocapture
//! ```
//!
//! Pictures of the page in both themes and on a phone are left in `tests/js/pictures`.

#![allow(clippy::panic)] // a test that panics says what went wrong

use std::path::Path;
use std::process::Command;

/// Runs the tests in a directory of `tests/js`.
fn run(directory: &str) {
    let node = std::env::var_os("NODE").unwrap_or_else(|| "node".into());
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/js");
    let status = Command::new(&node)
        .args(["--test", "--test-timeout=120000", directory])
        .current_dir(tests)
        .status()
        .unwrap_or_else(|error| panic!("{}: {error}", Path::new(&node).display()));
    assert!(status.success(), "what Node has written says what failed");
}

#[test]
#[ignore = "needs Node"]
fn what_it_decides() {
    run("page/");
}

#[test]
#[ignore = "needs Node, its packages and Chromium"]
fn what_is_seen_in_a_browser() {
    run("browser/");
}
