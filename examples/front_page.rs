//! The example on the repository's front page, compiled and run by the tests so that it stays true.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct FrontPage;
