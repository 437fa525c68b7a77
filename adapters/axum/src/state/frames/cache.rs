//! The cache of encoded frames, shared by readers of the same selection.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use bytes::Bytes;
use parking_lot::Mutex;
use statusbus_tokio::{Batch, CategorySet, Selector};

use super::held_bytes::HeldBytes;
use super::snapshot::{PartStore, Snapshot};
use crate::format::Format;

/// A cache of the latest frames: each is encoded once for all readers of its selection. A frame is
/// cached only while at least two readers share the selection.
#[derive(Debug, Default)]
pub(crate) struct FrameCache {
    groups: Mutex<HashMap<Selection, Weak<Group>>>,
    entries: Mutex<Entries>,
    last_group: AtomicU64,
    encoded: AtomicU64,
    shared: AtomicU64,
    held: HeldBytes,
    parts: Arc<PartStore>,
}

/// An encoded frame: the updates of a batch, or the first of them.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) bytes: Bytes,
    /// The position of the last update in it.
    pub(crate) through: u64,
}

/// Target size of a frame in bytes: it ends with the update that reaches this size. A reader then
/// holds no more than this and one update, however large the batch is.
pub(crate) const FRAME_TARGET: usize = 64 * 1024;

/// What determines the bytes of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Selection {
    selector: Selector,
    categories: CategorySet,
    format: Format,
}

/// The readers of one selection.
#[derive(Debug)]
struct Group {
    number: u64,
    /// The latest snapshot of retained values that a member has started with.
    snapshot: Mutex<Weak<Snapshot>>,
}

/// The membership of a reader in the group of its selection.
#[derive(Debug)]
pub(crate) struct Member {
    cache: Arc<FrameCache>,
    selection: Selection,
    group: Arc<Group>,
}

/// The key of a frame. A position belongs to one update for good, so what a group reads between two
/// positions never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    group: u64,
    first: u64,
    last: u64,
}

/// A frame that is encoded or being encoded.
type Slot = Arc<OnceLock<Frame>>;

#[derive(Debug, Default)]
struct Entries {
    /// Oldest first.
    entries: VecDeque<Entry>,
    /// The size of all encoded frames in it.
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    key: Key,
    slot: Slot,
    /// Zero until the frame is encoded.
    bytes: usize,
}

/// Maximum number of cached frames.
const MAX_FRAMES: usize = 256;

/// Maximum size of all cached frames, in bytes.
const MAX_BYTES: usize = 4 * 1024 * 1024;

impl FrameCache {
    /// Joins the group of a selection.
    pub(crate) fn join(
        self: &Arc<Self>,
        selector: Selector,
        categories: CategorySet,
        format: Format,
    ) -> Member {
        let selection = Selection { selector, categories, format };
        let mut groups = self.groups.lock();
        let known = groups.get(&selection).and_then(Weak::upgrade);
        let group = known.unwrap_or_else(|| {
            let number = self.last_group.fetch_add(1, Ordering::Relaxed);
            let group = Arc::new(Group { number, snapshot: Mutex::default() });
            groups.insert(selection.clone(), Arc::downgrade(&group));
            group
        });
        drop(groups);
        Member { cache: Arc::clone(self), selection, group }
    }

    /// Frames that were encoded.
    pub(crate) fn encoded(&self) -> u64 {
        self.encoded.load(Ordering::Relaxed)
    }

    /// Frames that a reader received without encoding.
    pub(crate) fn shared(&self) -> u64 {
        self.shared.load(Ordering::Relaxed)
    }

    /// Parts of snapshots: how many were encoded, and how many a reader received without encoding.
    pub(crate) fn retained_parts(&self) -> (u64, u64) {
        self.parts.counts()
    }

    #[cfg(test)]
    pub(super) fn parts_kept(&self) -> usize {
        self.parts.kept()
    }

    /// Bytes of encoded frames that are cached or on their way to readers, counted once each.
    pub(crate) fn held(&self) -> usize {
        self.held.count()
    }
}

impl Entries {
    fn slot(&mut self, key: Key) -> Slot {
        // Readers mostly request the latest frames.
        if let Some(entry) = self.entries.iter().rev().find(|entry| entry.key == key) {
            return Arc::clone(&entry.slot);
        }
        let slot = Slot::default();
        self.entries.push_back(Entry { key, slot: Arc::clone(&slot), bytes: 0 });
        self.evict();
        slot
    }

    fn record_size(&mut self, key: Key, bytes: usize) {
        if let Some(entry) = self.entries.iter_mut().rev().find(|entry| entry.key == key) {
            entry.bytes = bytes;
            self.bytes += bytes;
            self.evict();
        }
    }

    fn evict(&mut self) {
        while self.entries.len() > MAX_FRAMES || self.bytes > MAX_BYTES {
            let Some(oldest) = self.entries.pop_front() else {
                debug_assert!(false, "an empty cache exceeds no limit");
                return;
            };
            self.bytes -= oldest.bytes;
        }
    }
}

impl Member {
    /// The frame of the updates from `first` to `last`, or of the first of them. `encode` runs unless
    /// the frame is cached, and returns the bytes and the position of their last update. Concurrent
    /// readers wait for the first one's encoding.
    pub(crate) fn frame(
        &self,
        first: u64,
        last: u64,
        encode: impl FnOnce() -> (Vec<u8>, u64),
    ) -> Frame {
        let Self { cache, group, .. } = self;
        let encode = || {
            cache.encoded.fetch_add(1, Ordering::Relaxed);
            let (bytes, through) = encode();
            Frame { bytes: cache.held.hold(bytes), through }
        };
        if self.is_alone() {
            return encode();
        }
        let key = Key { group: group.number, first, last };
        let slot = cache.entries.lock().slot(key);
        let mut is_new = false;
        let frame = slot.get_or_init(|| {
            is_new = true;
            encode()
        });
        if is_new {
            cache.entries.lock().record_size(key, frame.bytes.len());
        } else {
            cache.shared.fetch_add(1, Ordering::Relaxed);
        }
        frame.clone()
    }

    /// The snapshot of these retained values, shared with the members that start at the same position.
    pub(crate) fn snapshot(&self, batch: Batch) -> Arc<Snapshot> {
        let mut latest = self.group.snapshot.lock();
        if let Some(known) = latest.upgrade()
            && known.is_of(&batch)
        {
            return known;
        }
        let snapshot = Arc::new(Snapshot::new(&self.cache.parts, &self.cache.held, batch));
        *latest = Arc::downgrade(&snapshot);
        snapshot
    }

    /// Whether no other reader has the same selection now.
    pub(crate) fn is_alone(&self) -> bool {
        Arc::strong_count(&self.group) == 1
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut groups = self.cache.groups.lock();
        if Arc::strong_count(&self.group) == 1 {
            groups.remove(&self.selection);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &'static str) -> impl FnOnce() -> (Vec<u8>, u64) {
        move || (text.into(), 5)
    }

    fn unwanted() -> (Vec<u8>, u64) {
        panic!("the frame is encoded already")
    }

    #[test]
    fn readers_of_one_selection_share_the_bytes() {
        let cache = Arc::new(FrameCache::default());
        let join = |selector| cache.join(selector, CategorySet::ALL, Format::Native);
        let (one, two) = (join(Selector::Everything), join(Selector::Everything));
        let (system, other) = (join(Selector::System), join(Selector::System));
        assert_eq!(one.frame(1, 5, frame("1 to 5")).bytes, "1 to 5");
        assert_eq!(two.frame(1, 5, unwanted).bytes, "1 to 5");
        assert_eq!(
            two.frame(3, 5, frame("3 to 5")).bytes,
            "3 to 5",
            "a reader that resumed within it"
        );
        assert_eq!(system.frame(1, 5, frame("system")).bytes, "system");
        assert_eq!(other.frame(1, 5, unwanted).bytes, "system");
        assert_eq!((cache.encoded(), cache.shared()), (3, 2));
    }

    #[test]
    fn each_format_is_encoded_once() {
        let cache = Arc::new(FrameCache::default());
        let join = |format| cache.join(Selector::System, CategorySet::ALL, format);
        let members: Vec<_> =
            Format::STREAMS.iter().map(|&format| (join(format), join(format))).collect();
        for ((one, two), format) in members.iter().zip(Format::STREAMS) {
            assert_eq!(one.frame(1, 5, frame(format.name())).bytes, format.name());
            assert_eq!(two.frame(1, 5, unwanted).bytes, format.name());
        }
        let all = Format::STREAMS.len() as u64;
        assert_eq!((cache.encoded(), cache.shared()), (all, all));
    }

    #[test]
    fn nothing_is_cached_for_a_single_reader() {
        let cache = Arc::new(FrameCache::default());
        let alone = cache.join(Selector::System, CategorySet::ALL, Format::Native);
        assert_eq!(alone.frame(1, 1, frame("one")).bytes, "one");
        assert!(cache.entries.lock().entries.is_empty());
        drop(alone);
        assert!(cache.groups.lock().is_empty());
    }

    #[test]
    fn the_cache_is_bounded_in_frames_and_in_bytes() {
        let cache = Arc::new(FrameCache::default());
        let member = cache.join(Selector::System, CategorySet::ALL, Format::Native);
        let _other = cache.join(Selector::System, CategorySet::ALL, Format::Native);
        for seq in 0..1_000 {
            member.frame(seq, seq, frame("small"));
        }
        assert_eq!(cache.entries.lock().entries.len(), MAX_FRAMES);
        for seq in 1_000..1_100 {
            member.frame(seq, seq, || (vec![b'x'; MAX_BYTES / 10], seq));
            let kept = cache.entries.lock();
            assert!(kept.bytes <= MAX_BYTES);
            assert_eq!(kept.bytes, kept.entries.iter().map(|entry| entry.bytes).sum::<usize>());
        }
        assert_eq!(cache.entries.lock().entries.len(), 10);
        member.frame(2_000, 2_000, || (vec![b'x'; MAX_BYTES + 1], 2_000));
        assert!(cache.entries.lock().entries.is_empty(), "too large to be cached");
        assert_eq!(cache.held(), 0);
    }

    #[test]
    fn held_bytes_count_once_and_until_they_are_dropped() {
        let cache = Arc::new(FrameCache::default());
        let alone = cache.join(Selector::System, CategorySet::ALL, Format::Native);
        let held = alone.frame(1, 9, frame("1 to 5"));
        assert_eq!((held.through, cache.held()), (5, 6));
        let (again, piece) = (held.clone(), held.bytes.slice(2..3));
        assert_eq!(cache.held(), 6);
        drop((held, again));
        assert_eq!(cache.held(), 6, "a slice holds the whole frame");
        drop(piece);
        assert_eq!(cache.held(), 0);
    }
}
