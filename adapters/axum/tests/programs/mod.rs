//! What tests with other people's programs have in common: a server that can be killed, and a script
//! in Node that reads.

#![allow(dead_code, unused_imports)] // each test program uses its part

mod script;
mod server;
pub(crate) mod slow;

use std::path::PathBuf;

pub(crate) use script::Script;
pub(crate) use server::{Server, SetUp};

/// Node: the one that `NODE` names, or the usual one.
pub(crate) fn node() -> std::ffi::OsString {
    std::env::var_os("NODE").unwrap_or_else(|| "node".into())
}

/// Where the scripts are, and the packages that they need.
pub(crate) fn js() -> PathBuf {
    let js = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/js");
    assert!(js.join("node_modules").exists(), "run `npm ci` in {}", js.display());
    js
}
