//! Key, metadata and age of an update.

use super::metadata::Metadata;

/// What few updates have.
#[derive(Debug)]
pub(crate) struct Details {
    pub(crate) key: Option<Box<str>>,
    /// Of topic and key, with the bus's seed; zero without a key.
    pub(crate) key_hash: u32,
    pub(crate) metadata: Option<Metadata>,
    /// Microseconds for which it was on its way before it was sent here.
    pub(crate) age: u64,
}

impl Details {
    pub(crate) fn allocated(&self) -> usize {
        let key = self.key.as_ref().map_or(0, |key| key.len());
        let metadata = self.metadata.as_ref().map_or(0, |metadata| metadata.as_json().len());
        size_of::<Self>() + key + metadata
    }
}
