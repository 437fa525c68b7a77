//! Frames that many readers share.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use bytes::Bytes;
use parking_lot::Mutex;
use statusbus_tokio::{Batch, CategorySet, Selector};

use super::snapshot::Snapshot;
use crate::format::Format;

/// The last frames, written once however many read them. A frame is kept for a while only if at
/// least two read the same selection.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    selections: Mutex<HashMap<Selection, Weak<Group>>>,
    kept: Mutex<Kept>,
    last_group: AtomicU64,
    encoded: AtomicU64,
    shared: AtomicU64,
    held: Arc<AtomicUsize>,
    pub(super) parts: PartCounts,
}

/// Parts of retained values.
#[derive(Debug, Default)]
pub(super) struct PartCounts {
    pub(super) encoded: AtomicU64,
    pub(super) shared: AtomicU64,
    /// Bytes of those that are kept for readers to come.
    pub(super) kept: AtomicUsize,
}

/// A frame that is written: updates that arrived together, or the first of them.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) bytes: Bytes,
    /// The position that they lead up to.
    pub(crate) through: u64,
}

/// A frame ends with the update that makes it this long, in bytes. Whoever takes it holds no more
/// than this and one update, however much arrived together.
pub(crate) const LONG: usize = 64 * 1024;

/// What makes the bytes of a stream the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Selection {
    selector: Selector,
    categories: CategorySet,
    format: Format,
}

/// Those who read the same.
#[derive(Debug)]
struct Group {
    number: u64,
    /// The retained values that the last one of them began with.
    snapshot: Mutex<Weak<Snapshot>>,
}

/// One of those who read a selection.
#[derive(Debug)]
pub(crate) struct Member {
    frames: Arc<Frames>,
    selection: Selection,
    group: Arc<Group>,
}

/// Which frame it is. A position is given to one update only, and for good: so what a group reads
/// between two of them is always the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    group: u64,
    first: u64,
    last: u64,
}

/// A frame that is there or being written.
type Slot = Arc<OnceLock<Frame>>;

/// What is written, counted for as long as somebody holds it.
struct Held {
    bytes: Vec<u8>,
    count: Arc<AtomicUsize>,
}

#[derive(Debug, Default)]
struct Kept {
    places: VecDeque<Place>,
    /// Of the frames that are written.
    bytes: usize,
}

#[derive(Debug)]
struct Place {
    key: Key,
    slot: Slot,
    /// Zero until it is written.
    bytes: usize,
}

/// Most frames that are kept.
const MOST_FRAMES: usize = 256;

/// Most bytes that are kept.
const MOST_BYTES: usize = 4 * 1024 * 1024;

impl Frames {
    /// Joins those who read the same.
    pub(crate) fn join(
        self: &Arc<Self>,
        selector: Selector,
        categories: CategorySet,
        format: Format,
    ) -> Member {
        let selection = Selection { selector, categories, format };
        let mut selections = self.selections.lock();
        let known = selections.get(&selection).and_then(Weak::upgrade);
        let group = known.unwrap_or_else(|| {
            let number = self.last_group.fetch_add(1, Ordering::Relaxed);
            let group = Arc::new(Group { number, snapshot: Mutex::default() });
            selections.insert(selection.clone(), Arc::downgrade(&group));
            group
        });
        drop(selections);
        Member { frames: Arc::clone(self), selection, group }
    }

    /// Frames that were written.
    pub(crate) fn encoded(&self) -> u64 {
        self.encoded.load(Ordering::Relaxed)
    }

    /// Frames that somebody got without their being written again.
    pub(crate) fn shared(&self) -> u64 {
        self.shared.load(Ordering::Relaxed)
    }

    /// Parts of retained values that were encoded, and that a reader got without that.
    pub(crate) fn retained_parts(&self) -> (u64, u64) {
        let PartCounts { encoded, shared, .. } = &self.parts;
        (encoded.load(Ordering::Relaxed), shared.load(Ordering::Relaxed))
    }

    /// Bytes of all that is kept here or on its way to readers, counted once.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Counts what was written for as long as somebody holds it.
    pub(crate) fn hold(&self, mut bytes: Vec<u8>) -> Bytes {
        bytes.shrink_to_fit();
        self.held.fetch_add(bytes.capacity(), Ordering::Relaxed);
        Bytes::from_owner(Held { bytes, count: Arc::clone(&self.held) })
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.count.fetch_sub(self.bytes.capacity(), Ordering::Relaxed);
    }
}

impl Kept {
    fn slot(&mut self, key: Key) -> Slot {
        // Who reads is mostly at the end.
        if let Some(place) = self.places.iter().rev().find(|place| place.key == key) {
            return Arc::clone(&place.slot);
        }
        let slot = Slot::default();
        self.places.push_back(Place { key, slot: Arc::clone(&slot), bytes: 0 });
        self.shrink();
        slot
    }

    fn written(&mut self, key: Key, bytes: usize) {
        if let Some(place) = self.places.iter_mut().rev().find(|place| place.key == key) {
            place.bytes = bytes;
            self.bytes += bytes;
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        while self.places.len() > MOST_FRAMES || self.bytes > MOST_BYTES {
            let Some(oldest) = self.places.pop_front() else { return };
            self.bytes -= oldest.bytes;
        }
    }
}

impl Member {
    /// The frame of the updates from `first` to `last`, or of the first of them; `encode` writes it if
    /// nobody has yet, and answers up to where it has come. Whoever comes while it is being written
    /// waits for that rather than write it again.
    pub(crate) fn frame(
        &self,
        first: u64,
        last: u64,
        encode: impl FnOnce() -> (Vec<u8>, u64),
    ) -> Frame {
        let Self { frames, group, .. } = self;
        let encode = || {
            frames.encoded.fetch_add(1, Ordering::Relaxed);
            let (bytes, through) = encode();
            Frame { bytes: frames.hold(bytes), through }
        };
        if self.is_alone() {
            return encode();
        }
        let key = Key { group: group.number, first, last };
        let slot = frames.kept.lock().slot(key);
        let mut written = false;
        let frame = slot.get_or_init(|| {
            written = true;
            encode()
        });
        match written {
            true => frames.kept.lock().written(key, frame.bytes.len()),
            false => {
                frames.shared.fetch_add(1, Ordering::Relaxed);
            }
        }
        frame.clone()
    }

    /// The retained values that a reader begins with, as those that read the same share them.
    pub(crate) fn snapshot(&self, batch: Batch) -> Arc<Snapshot> {
        Snapshot::of(self, batch)
    }

    pub(super) fn latest_snapshot(&self) -> &Mutex<Weak<Snapshot>> {
        &self.group.snapshot
    }

    pub(super) const fn frames(&self) -> &Arc<Frames> {
        &self.frames
    }

    /// Whether nobody else reads the same now.
    pub(crate) fn is_alone(&self) -> bool {
        Arc::strong_count(&self.group) == 1
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut selections = self.frames.selections.lock();
        if Arc::strong_count(&self.group) == 1 {
            selections.remove(&self.selection);
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
        panic!("it is written already")
    }

    #[test]
    fn those_who_read_the_same_get_the_same_bytes() {
        let frames = Arc::new(Frames::default());
        let join = |selector| frames.join(selector, CategorySet::ALL, Format::Native);
        let (one, two) = (join(Selector::Everything), join(Selector::Everything));
        let (system, other) = (join(Selector::System), join(Selector::System));
        assert_eq!(one.frame(1, 5, frame("1 to 5")).bytes, "1 to 5");
        assert_eq!(two.frame(1, 5, unwanted).bytes, "1 to 5");
        assert_eq!(two.frame(3, 5, frame("3 to 5")).bytes, "3 to 5", "who has resumed within it");
        assert_eq!(system.frame(1, 5, frame("system")).bytes, "system");
        assert_eq!(other.frame(1, 5, unwanted).bytes, "system");
        assert_eq!((frames.encoded(), frames.shared()), (3, 2));
    }

    #[test]
    fn each_format_is_written_once() {
        let frames = Arc::new(Frames::default());
        let join = |format| frames.join(Selector::System, CategorySet::ALL, format);
        let members = Format::ALL.map(|format| (join(format), join(format)));
        let texts = ["native", "ai", "ag", "cloud"];
        for ((one, two), text) in members.iter().zip(texts) {
            assert_eq!(one.frame(1, 5, frame(text)).bytes, text);
            assert_eq!(two.frame(1, 5, unwanted).bytes, text);
        }
        assert_eq!((frames.encoded(), frames.shared()), (4, 4));
    }

    #[test]
    fn for_who_reads_alone_nothing_is_kept() {
        let frames = Arc::new(Frames::default());
        let alone = frames.join(Selector::System, CategorySet::ALL, Format::Native);
        assert_eq!(alone.frame(1, 1, frame("one")).bytes, "one");
        assert!(frames.kept.lock().places.is_empty());
        drop(alone);
        assert!(frames.selections.lock().is_empty());
    }

    #[test]
    fn what_is_kept_is_bounded_in_number_and_in_bytes() {
        let frames = Arc::new(Frames::default());
        let member = frames.join(Selector::System, CategorySet::ALL, Format::Native);
        let _other = frames.join(Selector::System, CategorySet::ALL, Format::Native);
        for seq in 0..1_000 {
            member.frame(seq, seq, frame("small"));
        }
        assert_eq!(frames.kept.lock().places.len(), MOST_FRAMES);
        for seq in 1_000..1_100 {
            member.frame(seq, seq, || (vec![b'x'; MOST_BYTES / 10], seq));
            let kept = frames.kept.lock();
            assert!(kept.bytes <= MOST_BYTES);
            assert_eq!(kept.bytes, kept.places.iter().map(|place| place.bytes).sum::<usize>());
        }
        assert_eq!(frames.kept.lock().places.len(), 10);
        member.frame(2_000, 2_000, || (vec![b'x'; MOST_BYTES + 1], 2_000));
        assert!(frames.kept.lock().places.is_empty(), "too large to be kept");
        assert_eq!(frames.held(), 0);
    }

    #[test]
    fn what_somebody_holds_is_counted_once_and_no_longer_than_that() {
        let frames = Arc::new(Frames::default());
        let alone = frames.join(Selector::System, CategorySet::ALL, Format::Native);
        let held = alone.frame(1, 9, frame("1 to 5"));
        assert_eq!((held.through, frames.held()), (5, 6));
        let (again, piece) = (held.clone(), held.bytes.slice(2..3));
        assert_eq!(frames.held(), 6);
        drop((held, again));
        assert_eq!(frames.held(), 6, "a piece of it holds all of it");
        drop(piece);
        assert_eq!(frames.held(), 0);
    }
}
