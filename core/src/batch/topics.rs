//! The updates of a batch by topic.

use core::hash::{Hash, Hasher};

use super::handed::{Handed, Stamp};
use super::{Batch, Item};
use crate::Update;
use crate::slots::Link;

impl<U: Update, B: AsRef<[Item<U>]> + AsMut<[Item<U>]>, const GAPS: usize> Batch<U, B, GAPS> {
    /// The topics of this batch in the order in which they come up, each with its updates in order.
    /// Linear in the batch (expected: topics are hashed).
    pub fn topics(&mut self) -> impl Iterator<Item = Topic<'_, U>> {
        let mut link = self.group();
        let stamp = self.held.stamp;
        let items = self.held.items.as_ref();
        core::iter::from_fn(move || {
            let first = link;
            let item = items.get(first.index())?;
            link = item.next;
            Some(Topic { items, stamp, first, topic: item.topic()? })
        })
    }

    /// Links the updates of each topic, and answers with the first update of the first topic.
    fn group(&mut self) -> Link {
        let (taken, len) = (self.taken, self.held.len);
        let Some(items) = self.held.items.as_mut().get_mut(..len) else { return Link::NONE };
        for item in &mut *items {
            (item.same, item.bucket, item.next) = (Link::NONE, Link::NONE, Link::NONE);
        }
        let (mut head, mut newest) = (Link::NONE, Link::NONE);
        for index in taken..len {
            let link = Link::to(index);
            let Some(topic) = items.get(index).and_then(Item::topic) else { continue };
            let bucket = bucket(&topic, len);
            let mut first = items.get(bucket).map_or(Link::NONE, |item| item.bucket);
            while let Some(item) = items.get(first.index()) {
                if item.topic().is_some_and(|known| known == topic) {
                    break;
                }
                first = item.chain;
            }
            if let Some(item) = items.get_mut(first.index()) {
                let last = core::mem::replace(&mut item.last, link);
                if let Some(item) = items.get_mut(last.index()) {
                    item.same = link;
                }
                continue;
            }
            let chain = match items.get_mut(bucket) {
                Some(item) => core::mem::replace(&mut item.bucket, link),
                None => Link::NONE,
            };
            if let Some(item) = items.get_mut(index) {
                (item.chain, item.last) = (chain, link);
            }
            match items.get_mut(newest.index()) {
                Some(item) => item.next = link,
                None => head = link,
            }
            newest = link;
        }
        head
    }
}

/// The updates of one topic in a batch.
#[derive(Debug)]
pub struct Topic<'a, U: Update> {
    items: &'a [Item<U>],
    stamp: Stamp,
    first: Link,
    topic: U::Topic,
}

impl<U: Update> Topic<'_, U> {
    /// The topic.
    #[must_use]
    pub const fn topic(&self) -> &U::Topic {
        &self.topic
    }

    /// Its updates, in order.
    pub fn iter(&self) -> impl Iterator<Item = Handed<&U>> {
        let mut link = self.first;
        core::iter::from_fn(move || {
            let index = link.index();
            let item = self.items.get(index)?;
            link = item.same;
            Some(Handed::new(self.stamp, index, &item.terms(), item.place.get()?))
        })
    }
}

fn bucket(topic: &impl Hash, len: usize) -> usize {
    let mut hasher = Mix(0);
    topic.hash(&mut hasher);
    let mixed = hasher.0.wrapping_mul(0x9E37_79B9) >> 16;
    ((mixed * len as u32) >> 16) as usize
}

/// A small hash for small topics. A batch is short: who makes topics collide makes a batch slow to
/// group, by its length.
struct Mix(u32);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u32(u32::from(byte));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u32(u32::from(value));
    }

    fn write_u16(&mut self, value: u16) {
        self.write_u32(u32::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x0100_0193);
    }

    fn write_u64(&mut self, value: u64) {
        self.write_u32(value as u32);
        self.write_u32((value >> 32) as u32);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn finish(&self) -> u64 {
        u64::from(self.0)
    }
}
