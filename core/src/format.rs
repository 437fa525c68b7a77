//! `defmt::Format` of what is too large to be shown whole; the others derive it.

use defmt::{Format, Formatter, write};

use crate::{Batch, Bus, Detached, DetachedIter, Item, Slot, Topic, Update};

impl<U: Update, S, T, const CATEGORIES: usize, const GAPS: usize> Format
    for Bus<U, S, T, CATEGORIES, GAPS>
{
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Bus(closed: {=bool}, {})", self.is_closed(), self.ledger());
    }
}

impl<U: Update, B, const GAPS: usize> Format for Batch<U, B, GAPS> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Batch(len: {=usize})", self.len());
    }
}

impl<U, B> Format for Detached<U, B> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Detached(len: {=usize})", self.len());
    }
}

impl<U> Format for DetachedIter<'_, U> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "DetachedIter");
    }
}

impl<U: Update> Format for Topic<'_, U>
where
    U::Topic: Format,
{
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Topic({})", self.topic());
    }
}

impl<U: Update> Format for Slot<U> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Slot(occupied: {=bool})", !self.place.is_vacant());
    }
}

impl<U> Format for Item<U> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Item(occupied: {=bool})", !self.is_vacant());
    }
}
