//! The retained values of one selection at one position, encoded in parts that readers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use statusbus_tokio::Batch;

use super::held_bytes::HeldBytes;

/// Retained values, from the first reader that starts with them to the last one that has read them.
/// A part is encoded when the first reader reaches it, and kept for the others.
#[derive(Debug)]
pub(crate) struct Snapshot {
    store: Arc<PartStore>,
    held: HeldBytes,
    batch: Batch,
    parts: Mutex<Parts>,
}

/// Counters of the parts of all snapshots, and the memory that they share.
#[derive(Debug, Default)]
pub(super) struct PartStore {
    encoded: AtomicU64,
    shared: AtomicU64,
    /// Bytes of the parts that are kept for further readers.
    kept: AtomicUsize,
}

/// A part of a snapshot.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) bytes: Bytes,
    pub(crate) is_last: bool,
}

#[derive(Debug)]
struct Parts {
    /// The parts that a reader has reached, and the next one.
    known: Vec<KnownPart>,
    /// The number of parts, once the last one is encoded.
    count: Option<usize>,
    /// Bytes of the parts that are kept.
    bytes: usize,
}

#[derive(Debug)]
struct KnownPart {
    /// The number of updates before it.
    first: usize,
    /// `None`: not encoded yet, or not kept for lack of memory.
    bytes: Option<Bytes>,
}

/// Maximum size in bytes of the parts that are kept, over all snapshots. Parts beyond it are encoded
/// for each reader.
const MAX_BYTES: usize = 32 * 1024 * 1024;

impl Snapshot {
    pub(super) fn new(store: &Arc<PartStore>, held: &HeldBytes, batch: Batch) -> Self {
        let first = KnownPart { first: 0, bytes: None };
        let parts = Parts { known: vec![first], count: None, bytes: 0 };
        Self { store: Arc::clone(store), held: held.clone(), batch, parts: Mutex::new(parts) }
    }

    /// Whether it is a snapshot of this batch.
    pub(super) fn is_of(&self, batch: &Batch) -> bool {
        self.batch.ptr_eq(batch)
    }

    /// Part `index`; the part before it must have been requested. `encode` runs unless the part is
    /// kept: it encodes from the update with the given number on, and returns the number of the first
    /// update of the next part, `None` at the end. O(1) unless it encodes.
    pub(crate) fn part(
        &self,
        index: usize,
        encode: impl FnOnce(&Batch, usize) -> (Vec<u8>, Option<usize>),
    ) -> Part {
        let mut parts = self.parts.lock();
        debug_assert!(index < parts.known.len(), "parts are requested in order");
        let known = parts.known.get(index);
        if let Some(bytes) = known.and_then(|known| known.bytes.clone()) {
            self.store.shared.fetch_add(1, Ordering::Relaxed);
            return Part { bytes, is_last: parts.count == Some(index + 1) };
        }
        let (bytes, next) = encode(&self.batch, known.map_or(0, |known| known.first));
        self.store.encoded.fetch_add(1, Ordering::Relaxed);
        let bytes = self.held.hold(bytes);
        if let Some(known) = parts.known.get_mut(index)
            && self.store.reserve(bytes.len())
        {
            known.bytes = Some(bytes.clone());
            parts.bytes += bytes.len();
        }
        match next {
            None => parts.count = Some(index + 1),
            Some(first) if index + 1 == parts.known.len() => {
                parts.known.push(KnownPart { first, bytes: None });
            }
            Some(_) => {}
        }
        Part { bytes, is_last: next.is_none() }
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        let bytes = self.parts.get_mut().bytes;
        self.store.kept.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl PartStore {
    /// Parts that were encoded, and parts that a reader received without encoding.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.encoded.load(Ordering::Relaxed), self.shared.load(Ordering::Relaxed))
    }

    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.kept.load(Ordering::Relaxed)
    }

    /// Reserves memory for a part. Returns whether there is enough.
    fn reserve(&self, bytes: usize) -> bool {
        let more = |kept: usize| (kept + bytes <= MAX_BYTES).then_some(kept + bytes);
        self.kept.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use statusbus_tokio::{CategorySet, Event, Selector, Spawn, Status};

    use super::super::cache::{FrameCache, Member};
    use super::*;
    use crate::format::Format;

    fn retained(status: &Status) -> Batch {
        let mut reader = status.subscribe(Selector::Everything).with_retained().open();
        match reader.try_next() {
            Some(Event::Retained(batch)) => batch,
            other => panic!("{other:?}"),
        }
    }

    /// Parts of one update each, with its text.
    fn encode(batch: &Batch, first: usize) -> (Vec<u8>, Option<usize>) {
        let mut updates = batch.iter().skip(first);
        let text = updates.next().map(|update| update.text().to_owned());
        (text.unwrap_or_default().into(), updates.next().map(|_| first + 1))
    }

    fn unwanted(_: &Batch, _: usize) -> (Vec<u8>, Option<usize>) {
        panic!("the part is encoded already")
    }

    fn member(cache: &Arc<FrameCache>) -> Member {
        cache.join(Selector::Everything, CategorySet::ALL, Format::Native)
    }

    async fn assert_balanced(status: Status) {
        assert!(status.shutdown(Duration::from_secs(1)).await.is_balanced());
    }

    #[tokio::test(start_paused = true)]
    async fn each_part_is_encoded_for_the_first_reader_that_gets_there() {
        let status = Status::builder().spawn();
        for name in ["a", "b", "c"] {
            status.tool(name, name);
        }
        status.flush().await;
        let cache: Arc<FrameCache> = Arc::default();
        let (one, two) = (member(&cache), member(&cache));
        let first = one.snapshot(retained(&status));
        let a = first.part(0, encode);
        assert_eq!((&*a.bytes, a.is_last), (&b"a"[..], false));
        let second = two.snapshot(retained(&status));
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(second.part(0, unwanted).bytes.as_ptr(), a.bytes.as_ptr());
        assert_eq!(second.part(1, encode).bytes, "b");
        let c = second.part(2, encode);
        assert_eq!((&*c.bytes, c.is_last), (&b"c"[..], true));
        assert_eq!(first.part(1, unwanted).bytes, "b");
        assert!(first.part(2, unwanted).is_last);
        assert_eq!((cache.retained_parts(), cache.held()), ((3, 3), 3));
        drop((first, second));
        assert_eq!(cache.held(), 2, "held by the test");
        drop((a, c));
        assert_eq!(cache.held(), 0);
        assert_eq!(cache.parts_kept(), 0);
        drop((one, two));
        assert_balanced(status).await;
    }

    #[tokio::test(start_paused = true)]
    async fn another_position_or_selection_is_another_snapshot() {
        let status = Status::builder().spawn();
        status.tool("a", "a");
        status.update("b", statusbus_tokio::Category::INFO, "b").ttl(Duration::from_secs(9)).send();
        status.flush().await;
        let cache: Arc<FrameCache> = Arc::default();
        let of = |member: &Member| member.snapshot(retained(&status));
        let native = member(&cache);
        let first = of(&native);
        let info = [statusbus_tokio::Category::INFO].into_iter().collect();
        let other = cache.join(Selector::Everything, info, Format::Native);
        assert!(!Arc::ptr_eq(&first, &of(&other)), "another selection");
        assert!(Arc::ptr_eq(&first, &of(&native)));
        tokio::time::advance(Duration::from_secs(10)).await;
        let expired = of(&native);
        assert!(!Arc::ptr_eq(&first, &expired), "one value has expired");
        status.tool("a", "new");
        status.flush().await;
        assert!(!Arc::ptr_eq(&expired, &of(&native)));
        drop((first, expired, native, other));
        assert_balanced(status).await;
    }

    #[tokio::test(start_paused = true)]
    async fn kept_parts_are_bounded_and_others_are_encoded_again() {
        let status = Status::builder().spawn();
        for name in ["a", "b", "c"] {
            status.tool(name, name);
        }
        status.flush().await;
        let cache: Arc<FrameCache> = Arc::default();
        let member = member(&cache);
        let snapshot = member.snapshot(retained(&status));
        let large = |batch: &Batch, first: usize| {
            let (mut bytes, next) = encode(batch, first);
            bytes.resize(MAX_BYTES / 2 - 1, b' ');
            (bytes, next)
        };
        for _ in 0..2 {
            for (index, name) in [b'a', b'b', b'c'].into_iter().enumerate() {
                let part = snapshot.part(index, large);
                assert_eq!((part.bytes[0], part.is_last), (name, name == b'c'));
            }
        }
        assert_eq!(cache.retained_parts(), (4, 2));
        assert!(cache.held() <= MAX_BYTES);
        drop((snapshot, member));
        assert_eq!(cache.held(), 0);
        assert_balanced(status).await;
    }
}
