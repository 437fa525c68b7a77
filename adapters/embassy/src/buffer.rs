//! Memory for the batches of a runner.

use statusbus_core::{Batch, Item, Update};

/// Memory for batches of up to `BATCH` updates, which a [`Runner`](crate::Runner) fills.
///
/// Keep it in the task that delivers, or, for 200 bytes less flash, in a `static` (for example a
/// `ConstStaticCell` of the crate `static_cell`). It takes the size of a message and 12 bytes for each
/// update; with a smaller buffer the sink writes more often under load.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Buffer<U: Update, const BATCH: usize>(Batch<U, [Item<U>; BATCH]>);

impl<U: Update, const BATCH: usize> Buffer<U, BATCH> {
    /// An empty buffer.
    #[must_use]
    #[inline(always)]
    pub const fn new() -> Self {
        const { Self(Batch::new()) }
    }

    /// The buffer, empty also if a runner that was forgotten has left a batch in it.
    pub(crate) fn batch(&mut self) -> &mut Batch<U, [Item<U>]> {
        let _ = self.0.take_receipt();
        self.0.clear();
        &mut self.0
    }
}

impl<U: Update, const BATCH: usize> Default for Buffer<U, BATCH> {
    fn default() -> Self {
        Self::new()
    }
}
