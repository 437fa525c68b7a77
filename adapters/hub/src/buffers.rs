//! What batches lie in, to be used again.

use std::sync::Arc;

use statusbus_core::Item;

use crate::parcel::Parcel;
use crate::post::Post;

/// Buffers for batches of several sizes, and empty parcels. A buffer is at most twice as large as
/// the batch that is expected: it stays with the batch for as long as that can be read.
#[derive(Default)]
pub(crate) struct Buffers {
    /// By size: up to 1, 2, 4, 8 … updates.
    spare: [Vec<Box<[Item<Post>]>>; 17],
    parcels: Vec<Arc<Parcel>>,
}

/// How many of each are kept.
const SPARE: usize = 8;

impl Buffers {
    /// The size of buffer for a batch of up to `updates`, and of at most `most`.
    pub(crate) fn size(updates: usize, most: usize) -> usize {
        updates.max(1).next_power_of_two().min(most)
    }

    pub(crate) fn take(&mut self, size: usize) -> Box<[Item<Post>]> {
        let known = self.of(size).and_then(|spare| {
            let place = spare.iter().rposition(|buffer| buffer.len() == size)?;
            Some(spare.swap_remove(place))
        });
        known.unwrap_or_else(|| (0..size).map(|_| Item::VACANT).collect())
    }

    pub(crate) fn put(&mut self, buffer: Box<[Item<Post>]>) {
        if let Some(spare) = self.of(buffer.len()) {
            // After the batch size was changed, those of the old one give way.
            if spare.len() >= SPARE {
                spare.remove(0);
            }
            spare.push(buffer);
        }
    }

    /// An empty parcel that nobody else holds.
    pub(crate) fn parcel(&mut self) -> Arc<Parcel> {
        self.parcels.pop().unwrap_or_default()
    }

    /// Takes a parcel back, unless somebody still reads it.
    pub(crate) fn put_parcel(&mut self, mut parcel: Arc<Parcel>) {
        let Some(unread) = Arc::get_mut(&mut parcel) else { return };
        if let Some(buffer) = unread.clear() {
            self.put(buffer);
        }
        if self.parcels.len() < SPARE {
            self.parcels.push(parcel);
        }
    }

    fn of(&mut self, size: usize) -> Option<&mut Vec<Box<[Item<Post>]>>> {
        self.spare.get_mut(size.max(1).next_power_of_two().trailing_zeros() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_at_most_twice_as_large_as_its_batch_and_no_larger_than_batches_are() {
        for (updates, most, size) in [
            (0, 100, 1),
            (1, 100, 1),
            (3, 100, 4),
            (64, 100, 64),
            (65, 100, 100),
            (9_999, 100, 100),
        ] {
            assert_eq!(Buffers::size(updates, most), size, "{updates} of {most}");
        }
        assert_eq!(Buffers::size(70_000, 65_534), 65_534);
    }

    #[test]
    fn buffers_come_back_and_few_are_kept() {
        let mut buffers = Buffers::default();
        for size in [1, 2, 100, 128, 65_534] {
            for _ in 0..2 * SPARE {
                buffers.put((0..size).map(|_| Item::VACANT).collect());
            }
            assert_eq!(buffers.take(size).len(), size);
        }
        let kept: usize = buffers.spare.iter().map(Vec::len).sum();
        assert!(kept <= 5 * SPARE, "{kept}");
    }
}
