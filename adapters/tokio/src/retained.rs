//! The last update of each topic and key, for late joiners.

use std::sync::Arc;

use statusbus_core::Category;

use crate::parcel::{Delivered, Parcel};
use crate::read::Update;

/// The retained updates of one conversation: one place for each category without a key, and up to
/// a number of places with one, of which the least recent is forgotten first. It is forgotten too
/// when they have allocated too much together, with a key or without; the most recent one stays.
#[derive(Default)]
pub(crate) struct Retained {
    unkeyed: Vec<Place>,
    keyed: Vec<Place>,
    /// What they have allocated.
    bytes: u64,
}

struct Place {
    category: Category,
    /// Zero if it has none.
    key_hash: u32,
    seq: u64,
    bytes: u64,
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
    pub(crate) fn set(&mut self, parcel: &Arc<Parcel>, index: u16, most_keys: u64) {
        let Some(update) = parcel.get(usize::from(index)) else { return };
        let (category, seq, bytes) = (update.category(), update.seq, update.post.allocated());
        let value = Value::Shared(Arc::clone(parcel), index);
        let extra = update.post.extra.as_ref().filter(|extra| extra.key.is_some());
        let (key, key_hash) =
            extra.map_or((None, 0), |extra| (extra.key.as_deref(), extra.key_hash));
        let same = |place: &&mut Place| {
            place.key_hash == key_hash
                && place.category == category
                && (key.is_none() || place.key() == key)
        };
        let places = if key.is_some() { &mut self.keyed } else { &mut self.unkeyed };
        if let Some(place) = places.iter_mut().find(same) {
            self.bytes -= place.bytes;
            (place.seq, place.bytes, place.value) = (seq, bytes, value);
        } else {
            if key.is_some() && places.len() as u64 >= most_keys {
                let Some(least) = least_recent(places) else { return };
                self.bytes -= places.swap_remove(least).bytes;
            }
            places.push(Place { category, key_hash, seq, bytes, value });
        }
        self.bytes += bytes;
    }

    /// Forgets the least recent ones until the rest has allocated at most that many bytes.
    pub(crate) fn fit(&mut self, most: u64) {
        while self.bytes > most && self.unkeyed.len() + self.keyed.len() > 1 {
            let seq = |places: &[Place]| Some(places.get(least_recent(places)?)?.seq);
            let keyed_first = match (seq(&self.keyed), seq(&self.unkeyed)) {
                (Some(keyed), Some(unkeyed)) => keyed < unkeyed,
                (keyed, _) => keyed.is_some(),
            };
            let places = if keyed_first { &mut self.keyed } else { &mut self.unkeyed };
            let Some(least) = least_recent(places) else { return };
            self.bytes -= places.swap_remove(least).bytes;
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
        let removed = found.map(|place| places.swap_remove(place));
        self.bytes -= removed.as_ref().map_or(0, |removed| removed.bytes);
        removed.is_some()
    }

    /// What has not expired at `now`, which is the bus's clock in microseconds, without the name of
    /// its conversation. Forgets the rest.
    pub(crate) fn live(&mut self, now: u64) -> impl Iterator<Item = Update<'_>> {
        let lives = |place: &mut Place| place.update().is_some_and(|update| update.expiry > now);
        self.unkeyed.retain_mut(lives);
        self.keyed.retain_mut(lives);
        self.bytes = self.unkeyed.iter().chain(&self.keyed).map(|place| place.bytes).sum();
        self.unkeyed.iter().chain(&self.keyed).filter_map(Place::update)
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.unkeyed.is_empty() && self.keyed.is_empty()
    }
}

fn least_recent(places: &[Place]) -> Option<usize> {
    let least = places.iter().enumerate().min_by_key(|(_, place)| place.seq);
    least.map(|(index, _)| index)
}
