//! Support for tests with third-party clients: a server that can be killed, and a reading script in
//! Node.

#![allow(dead_code, unused_imports)] // each test program uses a part of it

mod script;
mod server;
pub(crate) mod slow;

use std::path::PathBuf;

pub(crate) use script::Script;
pub(crate) use server::{Server, SetUp};

/// The Node program: from `NODE`, or `node`.
pub(crate) fn node() -> std::ffi::OsString {
    std::env::var_os("NODE").unwrap_or_else(|| "node".into())
}

/// The directory of the scripts and their packages.
pub(crate) fn js() -> PathBuf {
    let js = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/js");
    assert!(js.join("node_modules").exists(), "run `npm ci` in {}", js.display());
    js
}
