//! The ring of a hub, and its readers.

use core::task::Waker;

use crate::event::Event;
use crate::message::AnyMessage;
use crate::selector::Selector;

/// The last `RING` events, and up to `READERS` readers.
pub(crate) struct Ring<U: AnyMessage, const RING: usize, const READERS: usize> {
    events: [Entry<U>; RING],
    /// The index of the next event.
    next: usize,
    /// Events so far.
    pub(crate) count: u64,
    pub(crate) is_closed: bool,
    /// Events that readers missed.
    pub(crate) missed: u64,
    readers: [Reader; READERS],
}

// The explicit tag makes vacant entries zero: a hub in a `static` takes no flash.
#[repr(u8)]
enum Entry<U: AnyMessage> {
    Vacant,
    Event(Event<U>),
}

struct Reader {
    is_registered: bool,
    /// The reader's task, while it waits.
    waker: Option<Waker>,
}

/// What is at a position of the ring.
#[derive(Debug)]
pub enum Slot<U: AnyMessage> {
    /// An event that is selected.
    Event(Event<U>),
    /// An event that is not.
    NotSelected,
    /// The ring has overwritten so many events from this position on.
    Overwritten(u64),
    /// Nothing yet.
    Pending,
    /// Nothing, and nothing will come.
    End,
}

impl<U: AnyMessage, const RING: usize, const READERS: usize> Ring<U, RING, READERS> {
    pub(crate) const fn new() -> Self {
        const { assert!(RING > 0 && READERS > 0, "a hub has a ring and a reader at least") };
        Self {
            events: [const { Entry::Vacant }; RING],
            next: 0,
            count: 0,
            is_closed: false,
            missed: 0,
            readers: [const { Reader { is_registered: false, waker: None } }; READERS],
        }
    }

    pub(crate) fn push(&mut self, event: Event<U>) {
        if let Some(entry) = self.events.get_mut(self.next) {
            *entry = Entry::Event(event);
        }
        self.next = if self.next + 1 < RING { self.next + 1 } else { 0 };
        self.count += 1;
    }

    /// Registers a reader at the end: its number, and its position. `None`: there are `READERS`.
    pub(crate) fn register(&mut self) -> Option<(usize, u64)> {
        let number = self.readers.iter().position(|reader| !reader.is_registered)?;
        self.readers.get_mut(number)?.is_registered = true;
        Some((number, self.count))
    }

    /// Unregisters a reader; its waker is to be dropped outside of the lock.
    pub(crate) fn unregister(&mut self, number: usize) -> Option<Waker> {
        let reader = self.readers.get_mut(number)?;
        reader.is_registered = false;
        reader.waker.take()
    }

    /// A reader that waits, to be woken outside of the lock; call again until it returns `None`.
    pub(crate) fn take_waker(&mut self) -> Option<Waker> {
        self.readers.iter_mut().find_map(|reader| reader.waker.take())
    }

    /// What is at a position. If nothing is, the reader has `waker` from now on.
    pub(crate) fn get(
        &mut self,
        position: u64,
        selector: &Selector<'_>,
        number: usize,
        waker: &mut Option<Waker>,
    ) -> Slot<U> {
        let behind = self.count.saturating_sub(position);
        if behind == 0 {
            if self.is_closed {
                return Slot::End;
            }
            if let Some(reader) = self.readers.get_mut(number) {
                core::mem::swap(&mut reader.waker, waker);
            }
            return Slot::Pending;
        }
        let kept = RING as u64;
        if behind > kept {
            self.missed += behind - kept;
            return Slot::Overwritten(behind - kept);
        }
        let behind = behind as usize; // at most RING
        let before = if self.next < behind { RING } else { 0 };
        match self.events.get(before + self.next - behind) {
            Some(Entry::Event(event)) if is_selected(event, selector) => Slot::Event(*event),
            _ => Slot::NotSelected,
        }
    }
}

fn is_selected<U: AnyMessage>(event: &Event<U>, selector: &Selector<'_>) -> bool {
    let topic = match event {
        Event::Update(received) => Some(received.update.topic()),
        Event::Gap(entry) => entry.topic,
        Event::Lagged(_) => None,
    };
    topic.is_none_or(|topic| {
        let (subject, category) = U::topic_parts(&topic);
        selector.selects(subject, category)
    })
}
