//! The last update of each topic and key, for late joiners.

use std::sync::Arc;

use statusbus_core::Category;

use crate::parcel::{Delivered, Parcel};
use crate::post::Extra;
use crate::update::Update;

/// The retained updates of one conversation: one place for each category without a key, and up to
/// a number of places with one, of which the least recent is forgotten first. It is forgotten too
/// when they have allocated too much together, with a key or without; the most recent one stays.
#[derive(Default)]
pub(crate) struct Retained {
    unkeyed: Vec<Place>,
    keyed: Vec<Place>,
    /// What they have allocated.
    bytes: u64,
    /// No value that lies in the window has a position before this one.
    first_in_window: u64,
}

/// Where a value is. As long as it lies in the window its position says where; then it is copied
/// out.
pub(crate) struct Place {
    category: Category,
    pub(crate) seq: u64,
    expiry: u64,
    bytes: u64,
    /// If it has a key: what that is in.
    keyed: Option<Arc<Extra>>,
    pub(crate) own: Option<Box<Delivered>>,
}

impl Place {
    fn of(update: Update<'_>, bytes: u64) -> Self {
        Self {
            category: update.category(),
            seq: update.seq,
            expiry: update.expiry,
            bytes,
            keyed: update.post.extra.clone().filter(|extra| extra.key.is_some()),
            own: None,
        }
    }

    fn key(&self) -> Option<&str> {
        self.keyed.as_ref()?.key.as_deref()
    }
}

impl Retained {
    /// Takes in an update of the window.
    pub(crate) fn set(&mut self, update: Update<'_>, most_keys: u64) {
        let (category, bytes) = (update.category(), update.post.allocated());
        self.bytes += bytes;
        let keyed = update.post.extra.as_ref().filter(|extra| extra.key.is_some());
        let Some(extra) = keyed else {
            match self.unkeyed.iter_mut().find(|known| known.category == category) {
                Some(known) => {
                    self.bytes -= known.bytes;
                    (known.seq, known.expiry, known.bytes) = (update.seq, update.expiry, bytes);
                    known.own = None;
                }
                None => self.unkeyed.push(Place::of(update, bytes)),
            }
            return;
        };
        let place = Place::of(update, bytes);
        let same = |known: &&mut Place| {
            known.category == place.category
                && known
                    .keyed
                    .as_ref()
                    .is_some_and(|known| known.key_hash == extra.key_hash && known.key == extra.key)
        };
        if let Some(known) = self.keyed.iter_mut().find(same) {
            self.bytes -= known.bytes;
            *known = place;
            return;
        }
        self.keyed.push(place);
        if self.keyed.len() as u64 > most_keys
            && let Some(least) = least_recent(&self.keyed)
        {
            self.bytes -= self.keyed.swap_remove(least).bytes;
        }
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

    /// Copies out what lies in `parcel`, which is about to leave the window with everything up to
    /// `through`.
    pub(crate) fn copy_out(&mut self, parcel: &Parcel, through: u64) {
        if self.first_in_window > through {
            return;
        }
        self.first_in_window = u64::MAX;
        for place in self.unkeyed.iter_mut().chain(&mut self.keyed) {
            if place.own.is_some() {
                continue;
            }
            match parcel.at(place.seq).filter(|_| place.seq <= through) {
                Some(update) => place.own = Some(Box::new(Delivered::of(update))),
                None => self.first_in_window = self.first_in_window.min(place.seq),
            }
        }
        if self.first_in_window == u64::MAX {
            // none is left: whatever comes is behind what has left
            self.first_in_window = through + 1;
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

    /// Forgets what has expired at `now`, which is the bus's clock in microseconds.
    pub(crate) fn expire(&mut self, now: u64) {
        let lives = |place: &mut Place| place.expiry > now;
        self.unkeyed.retain_mut(lives);
        self.keyed.retain_mut(lives);
        self.bytes = self.places().map(|place| place.bytes).sum();
    }

    pub(crate) fn places(&self) -> impl Iterator<Item = &Place> {
        self.unkeyed.iter().chain(&self.keyed)
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
