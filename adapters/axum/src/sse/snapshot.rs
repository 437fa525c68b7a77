//! The retained values of one selection at one position, encoded in parts that its readers share.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use parking_lot::Mutex;
use statusbus_tokio::Batch;

use super::frames::{Frames, Member};

/// Retained values, from the first reader that begins with them to the last one that has read them.
/// Parts are encoded when the first reader gets there, and kept for the others.
#[derive(Debug)]
pub(crate) struct Snapshot {
    frames: Arc<Frames>,
    batch: Batch,
    parts: Mutex<Parts>,
}

/// A part that was taken.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) bytes: Bytes,
    /// Nothing follows.
    pub(crate) is_last: bool,
}

#[derive(Debug)]
struct Parts {
    /// Those that some reader has come to, and the next one.
    known: Vec<Known>,
    /// How many there are, once the last one was encoded.
    count: Option<usize>,
    /// Of the parts that are kept.
    bytes: usize,
}

#[derive(Debug)]
struct Known {
    /// Updates before it.
    first: usize,
    /// None: not encoded yet, or not kept for lack of room.
    bytes: Option<Bytes>,
}

/// Most bytes of parts that are kept for readers to come, of all snapshots together. What is beyond
/// that is encoded for each reader.
const MOST_BYTES: usize = 32 * 1024 * 1024;

impl Snapshot {
    /// What this member shares with those that read the same at the same position.
    pub(super) fn of(member: &Member, batch: Batch) -> Arc<Self> {
        let mut latest = member.latest_snapshot().lock();
        if let Some(known) = latest.upgrade()
            && known.batch.ptr_eq(&batch)
        {
            return known;
        }
        let frames = Arc::clone(member.frames());
        let parts = Parts { known: vec![Known { first: 0, bytes: None }], count: None, bytes: 0 };
        let snapshot = Arc::new(Self { frames, batch, parts: Mutex::new(parts) });
        *latest = Arc::downgrade(&snapshot);
        snapshot
    }

    /// Part `index`, of which the one before has been taken. `encode` writes it if nobody has yet:
    /// from an update on, by its number; and answers with the number of the first update that it has
    /// no room for, or none. O(1) unless it is encoded.
    pub(super) fn part(
        &self,
        index: usize,
        encode: impl FnOnce(&Batch, usize) -> (Vec<u8>, Option<usize>),
    ) -> Part {
        let mut parts = self.parts.lock();
        debug_assert!(index < parts.known.len(), "parts are taken in order");
        let known = parts.known.get(index);
        if let Some(bytes) = known.and_then(|known| known.bytes.clone()) {
            self.frames.parts.shared.fetch_add(1, Ordering::Relaxed);
            return Part { bytes, is_last: parts.count == Some(index + 1) };
        }
        let (bytes, next) = encode(&self.batch, known.map_or(0, |known| known.first));
        self.frames.parts.encoded.fetch_add(1, Ordering::Relaxed);
        let bytes = self.frames.hold(bytes);
        if let Some(known) = parts.known.get_mut(index)
            && self.keep(bytes.len())
        {
            known.bytes = Some(bytes.clone());
            parts.bytes += bytes.len();
        }
        match next {
            None => parts.count = Some(index + 1),
            Some(first) if index + 1 == parts.known.len() => {
                parts.known.push(Known { first, bytes: None });
            }
            Some(_) => {}
        }
        Part { bytes, is_last: next.is_none() }
    }

    /// Takes room for a part that is to be kept, if there is some.
    fn keep(&self, bytes: usize) -> bool {
        let more = |kept: usize| (kept + bytes <= MOST_BYTES).then_some(kept + bytes);
        let kept = &self.frames.parts.kept;
        kept.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        let bytes = self.parts.get_mut().bytes;
        self.frames.parts.kept.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use statusbus_tokio::{CategorySet, Event, Selector, Status};

    use super::*;
    use crate::format::Format;

    fn retained(status: &Status) -> Batch {
        let mut reader = status.subscribe(Selector::Everything).retained().open();
        match reader.try_next() {
            Some(Event::Retained(batch)) => batch,
            other => panic!("{other:?}"),
        }
    }

    /// Parts of one update each, which say which one.
    fn encode(batch: &Batch, first: usize) -> (Vec<u8>, Option<usize>) {
        let mut updates = batch.iter().skip(first);
        let text = updates.next().map(|update| update.text().to_owned());
        (text.unwrap_or_default().into(), updates.next().map(|_| first + 1))
    }

    fn unwanted(_: &Batch, _: usize) -> (Vec<u8>, Option<usize>) {
        panic!("it is encoded already")
    }

    fn member(frames: &Arc<Frames>) -> Member {
        frames.join(Selector::Everything, CategorySet::ALL, Format::Native)
    }

    async fn balances(status: Status) {
        assert!(status.shutdown(Duration::from_secs(1)).await.is_balanced());
    }

    #[tokio::test(start_paused = true)]
    async fn each_part_is_encoded_for_the_first_reader_that_gets_there() {
        let status = Status::builder().spawn();
        for name in ["a", "b", "c"] {
            status.tool(name, name);
        }
        status.flush().await;
        let frames = Arc::default();
        let (one, two) = (member(&frames), member(&frames));
        let first = Snapshot::of(&one, retained(&status));
        let a = first.part(0, encode);
        assert_eq!((&*a.bytes, a.is_last), (&b"a"[..], false));
        let second = Snapshot::of(&two, retained(&status));
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(second.part(0, unwanted).bytes.as_ptr(), a.bytes.as_ptr());
        assert_eq!(second.part(1, encode).bytes, "b");
        let c = second.part(2, encode);
        assert_eq!((&*c.bytes, c.is_last), (&b"c"[..], true));
        assert_eq!(first.part(1, unwanted).bytes, "b");
        assert!(first.part(2, unwanted).is_last);
        assert_eq!((frames.retained_parts(), frames.held()), ((3, 3), 3));
        drop((first, second));
        assert_eq!(frames.held(), 2, "what somebody holds");
        drop((a, c));
        assert_eq!(frames.held(), 0);
        assert_eq!(frames.parts.kept.load(Ordering::Relaxed), 0);
        drop((one, two));
        balances(status).await;
    }

    #[tokio::test(start_paused = true)]
    async fn at_another_position_or_in_another_form_it_is_another_one() {
        let status = Status::builder().spawn();
        status.tool("a", "a");
        status.update("b", statusbus_tokio::Category::INFO, "b").ttl(Duration::from_secs(9)).send();
        status.flush().await;
        let frames = Arc::default();
        let of = |member: &Member| Snapshot::of(member, retained(&status));
        let native = member(&frames);
        let first = of(&native);
        let other = frames.join(Selector::Everything, CategorySet::ALL, Format::AgUi);
        assert!(!Arc::ptr_eq(&first, &of(&other)));
        assert!(Arc::ptr_eq(&first, &of(&native)));
        tokio::time::advance(Duration::from_secs(10)).await;
        let expired = of(&native);
        assert!(!Arc::ptr_eq(&first, &expired), "one value has expired");
        status.tool("a", "new");
        status.flush().await;
        assert!(!Arc::ptr_eq(&expired, &of(&native)));
        drop((first, expired, native, other));
        balances(status).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_kept_is_bounded_and_what_is_not_is_encoded_again() {
        let status = Status::builder().spawn();
        for name in ["a", "b", "c"] {
            status.tool(name, name);
        }
        status.flush().await;
        let frames = Arc::default();
        let member = member(&frames);
        let snapshot = Snapshot::of(&member, retained(&status));
        let large = |batch: &Batch, first: usize| {
            let (mut bytes, next) = encode(batch, first);
            bytes.resize(MOST_BYTES / 2 - 1, b' ');
            (bytes, next)
        };
        for _ in 0..2 {
            for (index, name) in [b'a', b'b', b'c'].into_iter().enumerate() {
                let part = snapshot.part(index, large);
                assert_eq!((part.bytes[0], part.is_last), (name, name == b'c'));
            }
        }
        assert_eq!(frames.retained_parts(), (4, 2));
        assert!(frames.held() <= MOST_BYTES);
        drop((snapshot, member));
        assert_eq!(frames.held(), 0);
        balances(status).await;
    }
}
