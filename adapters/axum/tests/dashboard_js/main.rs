//! The dashboard: its logic in Node, and all of it in a browser, served by `watch`.
//!
//! It needs Node (`NODE` selects another program than `node`) and, once, `npm ci` in `tests/js`; the browser
//! is Chromium (`STATUSBUS_BROWSER` names its program, if it has an unusual name):
//!
//! ```sh
//! npm --prefix adapters/axum/tests/js ci
//! cargo test -p statusbus-axum --test dashboard_js -- --ignored --nocapture
//! ```
//!
//! Screenshots in both themes and at the size of a phone are written to `tests/js/pictures`.

#![allow(clippy::panic)] // a panic is a test failure

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
    assert!(status.success(), "a test failed: see the output of Node");
}

#[test]
#[ignore = "needs Node"]
fn logic() {
    run("dashboard/");
}

#[test]
#[ignore = "needs Node, its packages and Chromium"]
fn in_a_browser() {
    run("browser/");
}
