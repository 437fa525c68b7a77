//! The id of a value: which earlier update an update replaces.

use std::fmt;

use serde::{Serialize, Serializer};
use statusbus_tokio::Update;

use super::encoder::BusRef;

/// The id of the retained value that an update sets: `status:{conversation}:{category}`, followed by
/// `:{key}` if it has a key. Ids are unique, because neither conversations nor categories contain a
/// `:`.
///
/// A client that keeps the last update of each id has the retained values.
#[derive(Clone, Copy, Debug)]
pub(super) struct ValueId<'a> {
    topic: TopicName<'a>,
    key: Option<&'a str>,
}

/// The topic of an update, as one name: `status:{conversation}:{category}`.
#[derive(Clone, Copy, Debug)]
pub(super) struct TopicName<'a> {
    conversation: Option<&'a str>,
    category: &'a str,
}

impl<'a> ValueId<'a> {
    pub(super) fn of(update: &Update<'a>, bus: BusRef<'a>) -> Self {
        Self { topic: TopicName::of(update, bus), key: update.key() }
    }
}

impl<'a> TopicName<'a> {
    pub(super) fn of(update: &Update<'a>, bus: BusRef<'a>) -> Self {
        // Every update has a category that its bus knows.
        let category = bus.categories.name(update.category()).unwrap_or_default();
        Self { conversation: update.conversation(), category }
    }
}

impl fmt::Display for ValueId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key {
            Some(key) => write!(f, "{}:{key}", self.topic),
            None => self.topic.fmt(f),
        }
    }
}

impl fmt::Display for TopicName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status:{}:{}", self.conversation.unwrap_or("system"), self.category)
    }
}

impl Serialize for ValueId<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl Serialize for TopicName<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}
