//! The last update of each topic and key, for late joiners.

use std::sync::Arc;

use statusbus_core::Category;

use crate::parcel::{Delivered, Parcel};
use crate::read::Update;

/// The retained updates of one conversation: one place for each category without a key, and up to
/// a number of places with one, of which the least recent is forgotten first.
#[derive(Default)]
pub(crate) struct Retained {
    unkeyed: Vec<Place>,
    keyed: Vec<Place>,
}

struct Place {
    category: Category,
    /// Zero if it has none.
    key_hash: u32,
    seq: u64,
    value: Value,
}

/// A value lies in the parcel that it came in as long as that is kept anyway; then it is copied out.
enum Value {
    Shared(Arc<Parcel>, u16),
    Own(Box<Delivered>),
}

impl Place {
    /// The update, without the name of its conversation.
    fn update(&self) -> Option<Update<'_>> {
        match &self.value {
            Value::Shared(parcel, index) => parcel.get(usize::from(*index)),
            Value::Own(delivered) => Some(delivered.update(&[])),
        }
    }

    fn key(&self) -> Option<&str> {
        self.update()?.key()
    }
}

impl Retained {
    /// Takes in the update at `index` of `parcel`.
    pub(crate) fn set(&mut self, parcel: &Arc<Parcel>, index: u16, most_keys: usize) {
        let Some(update) = parcel.get(usize::from(index)) else { return };
        let (category, seq) = (update.category(), update.seq);
        let value = Value::Shared(Arc::clone(parcel), index);
        let Some(extra) = update.post.extra.as_ref().filter(|extra| extra.key.is_some()) else {
            match self.unkeyed.iter_mut().find(|place| place.category == category) {
                Some(place) => (place.seq, place.value) = (seq, value),
                None => self.unkeyed.push(Place { category, key_hash: 0, seq, value }),
            }
            return;
        };
        let (key, key_hash) = (extra.key.as_deref(), extra.key_hash);
        let same = |place: &&mut Place| {
            place.key_hash == key_hash && place.category == category && place.key() == key
        };
        if let Some(place) = self.keyed.iter_mut().find(same) {
            (place.seq, place.value) = (seq, value);
        } else if most_keys > 0 {
            if self.keyed.len() >= most_keys
                && let Some(least) =
                    (0..self.keyed.len()).min_by_key(|&place| self.keyed[place].seq)
            {
                self.keyed.swap_remove(least);
            }
            self.keyed.push(Place { category, key_hash, seq, value });
        }
    }

    /// Copies out what lies in `parcel`, which is about to be given up.
    pub(crate) fn copy_out(&mut self, parcel: &Arc<Parcel>) {
        for place in self.unkeyed.iter_mut().chain(&mut self.keyed) {
            if let Value::Shared(shared, index) = &place.value
                && Arc::ptr_eq(shared, parcel)
                && let Some(update) = parcel.get(usize::from(*index))
            {
                place.value = Value::Own(Box::new(Delivered::of(update)));
            }
        }
    }

    /// Forgets the update of a category and key, and answers whether there was one.
    pub(crate) fn remove(&mut self, category: Category, key: Option<&str>) -> bool {
        let places = if key.is_some() { &mut self.keyed } else { &mut self.unkeyed };
        let found =
            places.iter().position(|place| place.category == category && place.key() == key);
        found.map(|place| places.swap_remove(place)).is_some()
    }

    /// What has not expired at `now`, which is the bus's clock in microseconds, without the name of
    /// its conversation. Forgets the rest.
    pub(crate) fn live(&mut self, now: u64) -> impl Iterator<Item = Update<'_>> {
        let lives = |place: &mut Place| place.update().is_some_and(|update| update.expiry > now);
        self.unkeyed.retain_mut(lives);
        self.keyed.retain_mut(lives);
        self.unkeyed.iter().chain(&self.keyed).filter_map(Place::update)
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.unkeyed.is_empty() && self.keyed.is_empty()
    }
}
