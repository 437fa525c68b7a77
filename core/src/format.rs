//! `defmt::Format` of what is too large to be shown whole; the others derive it.

use defmt::{Format, Formatter, write};

use crate::{Batch, BatchIter, BatchUpdate, Bus, Item, Slot, Update};

impl<U: Update, S, T, const CATEGORIES: usize, const GAPS: usize> Format
    for Bus<U, S, T, CATEGORIES, GAPS>
{
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Bus(closed: {=bool}, {})", self.is_closed(), self.ledger());
    }
}

impl<U: Update, B> Format for Batch<U, B> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Batch(len: {=usize})", self.len());
    }
}

impl<U> Format for BatchIter<'_, U> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "BatchIter");
    }
}

impl<U: Format> Format for BatchUpdate<'_, U> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "BatchUpdate(seq: {=u64}, {}, {})", self.seq, self.priority, self.update);
    }
}

impl<U: Update> Format for Slot<U> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Slot");
    }
}

impl<U> Format for Item<U> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Item");
    }
}

impl Format for crate::time::Long {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "{=u64}", self.get());
    }
}
