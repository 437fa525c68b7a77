//! Where queued updates lie: slots that are linked, never moved.

use crate::index::KeyMode;
use crate::time::{Instant, Packed};
use crate::{Priority, Update};

/// Room for one queued update. The memory of a bus is an array or a boxed slice of these; vacant
/// ones are all zeros, so that a static bus costs no flash.
pub struct Slot<U: Update> {
    pub(crate) place: Place<U>,
    pub(crate) terms: StoredTerms,
    pub(crate) order: Neighbours,
    pub(crate) rank: Neighbours,
    pub(crate) key: <U::Keys as KeyMode>::Links,
}

impl<U: Update> Slot<U> {
    /// A slot with nothing in it.
    pub const VACANT: Self = Self {
        place: Place::VACANT,
        terms: StoredTerms::NONE,
        order: Neighbours::NONE,
        rank: Neighbours::NONE,
        key: <U::Keys as KeyMode>::NONE,
    };
}

impl<U: Update> core::fmt::Debug for Slot<U> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(if self.place.is_vacant() { "Slot(vacant)" } else { "Slot(occupied)" })
    }
}

/// Room for one update: like `Option`, with a promise about its bits. Vacant is all zeros, whatever
/// `U` is. It is what [`Bus::offer`](crate::Bus::offer) takes updates from.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Place<U>(Content<U>);

/// As many bytes say which one it is as an update may be aligned to: what is behind them is moved by
/// words, and not byte by byte.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u16)]
enum Content<U> {
    Vacant = 0,
    Update { life: Life, update: U },
}

/// Whether it is an update, or what was left behind when one was copied: see [`Update::assign`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u16)]
enum Life {
    Left = 0,
    Live = 1,
}

impl Life {
    /// Whether it was left behind, which nothing is that has to be dropped.
    #[inline(always)]
    const fn is_left<U>(self) -> bool {
        !core::mem::needs_drop::<U>() && matches!(self, Self::Left)
    }
}

impl<U> Place<U> {
    /// No update.
    pub const VACANT: Self = Self(Content::Vacant);

    /// An update.
    #[inline(always)]
    pub const fn new(update: U) -> Self {
        Self(Content::Update { life: Life::Live, update })
    }

    /// Whether no update is in it.
    #[inline(always)]
    pub const fn is_vacant(&self) -> bool {
        match self.0 {
            Content::Vacant => true,
            Content::Update { life, .. } => life.is_left::<U>(),
        }
    }

    /// The update in it.
    #[inline(always)]
    pub const fn get(&self) -> Option<&U> {
        match &self.0 {
            Content::Update { life, update } if !life.is_left::<U>() => Some(update),
            _ => None,
        }
    }

    /// The update in it, to be changed.
    #[inline(always)]
    pub const fn get_mut(&mut self) -> Option<&mut U> {
        match &mut self.0 {
            Content::Update { life, update } if !life.is_left::<U>() => Some(update),
            _ => None,
        }
    }

    /// Takes the update out.
    #[inline(always)]
    pub fn take(&mut self) -> Option<U> {
        match self.replace_by_nothing() {
            Content::Update { life, update } if !life.is_left::<U>() => Some(update),
            _ => None,
        }
    }

    /// Drops the update in it.
    #[inline(always)]
    pub(crate) fn vacate(&mut self) {
        match &mut self.0 {
            Content::Update { life, .. } if !core::mem::needs_drop::<U>() => *life = Life::Left,
            _ => self.0 = Content::Vacant, // not the constant, all of whose bytes would be written
        }
    }

    #[inline(always)]
    const fn replace_by_nothing(&mut self) -> Content<U> {
        core::mem::replace(&mut self.0, Content::Vacant)
    }
}

impl<U: Update> Place<U> {
    /// Moves the update of another place, which is not vacant, in, and leaves that one vacant.
    #[inline(always)]
    pub(crate) fn fill(&mut self, from: &mut Self) {
        if let Content::Update { life: to_life, update: to } = &mut self.0
            && let Content::Update { life, update } = &mut from.0
            && !core::mem::needs_drop::<U>()
            && to.assign(update)
        {
            (*to_life, *life) = (*life, Life::Left);
            return;
        }
        self.replace(from);
    }

    /// The same for what cannot be copied, and where nothing was before.
    #[inline(always)]
    fn replace(&mut self, from: &mut Self) {
        // first, so that nothing stands between taking it out there and putting it in here
        self.vacate();
        if core::mem::needs_drop::<U>() {
            self.0 = from.replace_by_nothing();
        } else if let Content::Update { life: Life::Live, update } = from.replace_by_nothing() {
            // What is left behind is moved as what it is: for small cores that is half the work.
            self.0 = Content::Update { life: Life::Live, update };
        }
    }
}

/// What the bus has decided about an update.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) arrival: Instant,
    /// [`Instant::NEVER`] if it has no time-to-live.
    pub(crate) expiry: Instant,
    pub(crate) priority: Priority,
}

impl Terms {
    pub(crate) fn is_expired(&self, now: Instant) -> bool {
        self.expiry <= now
    }
}

/// [`Terms`] where they lie in great numbers: 16 bytes, aligned to 4.
#[derive(Clone, Copy)]
pub(crate) struct StoredTerms {
    /// The priority is in its lowest two bits.
    arrival: Packed,
    expiry: Packed,
}

impl StoredTerms {
    /// Those of no update.
    pub(crate) const NONE: Self = Self { arrival: Packed::ZERO, expiry: Packed::ZERO };

    #[inline(always)]
    pub(crate) const fn new(terms: &Terms) -> Self {
        let arrival = terms.arrival.as_micros() << 2 | terms.priority as u64;
        Self { arrival: Packed::new(arrival), expiry: Packed::new(terms.expiry.as_micros()) }
    }

    #[inline(always)]
    pub(crate) const fn get(self) -> Terms {
        let arrival = self.arrival.get();
        Terms {
            arrival: Instant::from_micros(arrival >> 2),
            expiry: self.expiry(),
            priority: match arrival & 3 {
                0 => Priority::Progress,
                1 => Priority::State,
                _ => Priority::Terminal,
            },
        }
    }

    #[inline(always)]
    pub(crate) const fn expiry(self) -> Instant {
        Instant::from_micros(self.expiry.get())
    }
}

/// A slot's number, from one; zero is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Link(u16);

impl Link {
    pub(crate) const NONE: Self = Self(0);

    /// The slot at `index`, which is below [`Config::MOST`](crate::Config::MOST).
    pub(crate) const fn to(index: usize) -> Self {
        Self(index as u16 + 1)
    }

    /// The index of the slot; past the end of any slice if this is none. So one bounds check
    /// answers both whether there is a slot and whether it is one of ours.
    pub(crate) const fn index(self) -> usize {
        (self.0 as usize).wrapping_sub(1)
    }
}

/// The slots before and after one in a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neighbours {
    pub(crate) before: Link,
    pub(crate) after: Link,
}

impl Neighbours {
    pub(crate) const NONE: Self = Self { before: Link::NONE, after: Link::NONE };
}

/// One of the two lists that run through the slots.
pub(crate) trait Lane {
    fn neighbours<U: Update>(slot: &mut Slot<U>) -> &mut Neighbours;
}

/// The order in which updates leave.
pub(crate) struct ByOrder;

impl Lane for ByOrder {
    #[inline(always)]
    fn neighbours<U: Update>(slot: &mut Slot<U>) -> &mut Neighbours {
        &mut slot.order
    }
}

/// The order among updates of one priority.
pub(crate) struct ByRank;

impl Lane for ByRank {
    #[inline(always)]
    fn neighbours<U: Update>(slot: &mut Slot<U>) -> &mut Neighbours {
        &mut slot.rank
    }
}

/// The two ends of a list. All steps are O(1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) first: Link,
    pub(crate) last: Link,
}

impl Ends {
    pub(crate) const NONE: Self = Self { first: Link::NONE, last: Link::NONE };

    #[inline]
    pub(crate) fn append<L: Lane, U: Update>(&mut self, slots: &mut [Slot<U>], link: Link) {
        let last = core::mem::replace(&mut self.last, link);
        match slots.get_mut(last.index()) {
            Some(slot) => L::neighbours(slot).after = link,
            None => self.first = link,
        }
        if let Some(slot) = slots.get_mut(link.index()) {
            *L::neighbours(slot) = Neighbours { before: last, after: Link::NONE };
        }
    }

    /// Has a list begin where its first slot now is, after those before it were taken out.
    pub(crate) fn begin<L: Lane, U: Update>(&mut self, slots: &mut [Slot<U>]) {
        match slots.get_mut(self.first.index()) {
            Some(slot) => L::neighbours(slot).before = Link::NONE,
            None => self.last = Link::NONE,
        }
    }

    pub(crate) fn remove<L: Lane, U: Update>(&mut self, slots: &mut [Slot<U>], link: Link) {
        let Some(slot) = slots.get_mut(link.index()) else { return };
        let Neighbours { before, after } = *L::neighbours(slot);
        match slots.get_mut(before.index()) {
            Some(slot) => L::neighbours(slot).after = after,
            None => self.first = after,
        }
        match slots.get_mut(after.index()) {
            Some(slot) => L::neighbours(slot).before = before,
            None => self.last = before,
        }
    }
}

// What a slot may cost: what it holds (the update, arrival, expiry and priority), 8 bytes for the two
// lists it is in, and 12 more for keys. On targets of 32 bits as on those of 64.
const _: () = {
    #[allow(dead_code)] // only its size matters
    struct Text<K>([u32; 16], core::marker::PhantomData<K>);

    impl<K: KeyMode> Update for Text<K> {
        type Topic = ();
        type Keys = K;
        fn topic(&self) {}
        fn category(&self) -> crate::Category {
            crate::Category::INFO
        }
    }

    const HELD: usize = size_of::<(Text<crate::Unkeyed>, StoredTerms, Priority)>();
    assert!(size_of::<Slot<Text<crate::Unkeyed>>>() <= HELD + 8);
    assert!(size_of::<Slot<Text<crate::Keyed>>>() <= HELD + 20);
    assert!(align_of::<Slot<Text<crate::Keyed>>>() == 4);
};
