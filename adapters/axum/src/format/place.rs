//! Where an update stands: what it replaces, and what replaces it.

use std::fmt;

use serde::{Serialize, Serializer};
use statusbus_tokio::Update;

use super::Bus;

/// The place of an update among the values that stand, as one name:
/// `status:{conversation}:{category}`, and `:{key}` behind it if it has one. No two places have the
/// same, as neither a conversation nor a category has a `:` in it.
///
/// What keeps the last value of each place has the values that stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    topic: Topic<'a>,
    key: Option<&'a str>,
}

/// What an update is about, as one name: `status:{conversation}:{category}`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Topic<'a> {
    conversation: Option<&'a str>,
    category: &'a str,
}

impl<'a> Place<'a> {
    pub(super) fn of(update: &Update<'a>, bus: Bus<'a>) -> Self {
        Self { topic: Topic::of(update, bus), key: update.key() }
    }
}

impl<'a> Topic<'a> {
    pub(super) fn of(update: &Update<'a>, bus: Bus<'a>) -> Self {
        // An update has a category of its bus.
        let category = bus.categories.name(update.category()).unwrap_or_default();
        Self { conversation: update.conversation(), category }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key {
            Some(key) => write!(f, "{}:{key}", self.topic),
            None => self.topic.fmt(f),
        }
    }
}

impl fmt::Display for Topic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status:{}:{}", self.conversation.unwrap_or("system"), self.category)
    }
}

impl Serialize for Place<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl Serialize for Topic<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}
