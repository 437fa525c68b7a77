//! The fuller form of sending.

use core::fmt;
use core::time::Duration;

use embassy_sync::blocking_mutex::raw::RawMutex;
use statusbus_core::{Category, Facts, Place, Priority, RefuseReason, Sent, Update};

use crate::about::About;
use crate::key::{Key, Keying, Ranked, Ranking};
use crate::message::Message;
use crate::metadata::Value;
use crate::report::Report;
use crate::status::Status;
use crate::text::Text;

/// An update that is being written: say what it has besides what it is about, category and text, then
/// [`send`](Self::send) it.
#[must_use = "an update is said with `send`"]
pub struct Draft<
    's,
    M,
    U: Update,
    const SLOTS: usize,
    T = (),
    const CATEGORIES: usize = 7,
    const GAPS: usize = 4,
> {
    status: &'s Status<M, U, SLOTS, T, CATEGORIES, GAPS>,
    place: Place<U>,
    facts: Facts,
    /// Fields of metadata that did not fit.
    left_out: u32,
    refused: Option<RefuseReason>,
}

/// An update was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Refused {
    /// The reason, as the ledger counts it.
    pub reason: RefuseReason,
}

impl<
    's,
    M,
    const TEXT: usize,
    const NAME: usize,
    const META: usize,
    K,
    R,
    const SLOTS: usize,
    T,
    const CATEGORIES: usize,
    const GAPS: usize,
> Draft<'s, M, Message<TEXT, NAME, META, K, R>, SLOTS, T, CATEGORIES, GAPS>
where
    M: RawMutex,
    K: Keying,
    R: Ranking,
    T: Report,
{
    pub(crate) fn new(
        status: &'s Status<M, Message<TEXT, NAME, META, K, R>, SLOTS, T, CATEGORIES, GAPS>,
        about: About<'_>,
        category: Category,
        text: impl Text,
    ) -> Self {
        let mut place = Place::new(Message::blank(category));
        let said = place.get_mut().map_or(Ok(false), |message| message.say(about, text));
        if said == Ok(true) {
            status.count_cut();
        }
        Self { status, place, facts: Facts::plain(category), left_out: 0, refused: said.err() }
    }

    /// For how long it is worth showing.
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.facts.ttl = Some(ttl);
        self
    }

    /// Adds a named value. One that does not fit into what is left of `META` bytes is left out, and
    /// [counted](Status::shortened). The names are yours to keep apart.
    ///
    /// ```
    /// # use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
    /// # use statusbus_embassy::{Category, Message, Status};
    /// static STATUS: Status<CriticalSectionRawMutex, Message<32, 16, 48>, 16> = Status::new();
    ///
    /// let draft = STATUS.update("boiler", Category::INFO, "heating");
    /// draft.metadata("celsius", 71.5).metadata("on", true).send(); // {"celsius":71.5,"on":true}
    /// ```
    pub fn metadata<'v>(mut self, name: &str, value: impl Into<Value<'v>>) -> Self {
        const { assert!(META > 0, "messages of this type have no room for metadata") };
        if let Some(message) = self.place.get_mut()
            && !message.add(name, value.into())
        {
            self.left_out += 1;
        }
        self
    }

    /// Sends it and forgets it: whatever becomes of it is in the ledger.
    pub fn send(self) {
        let _ = self.try_send();
    }

    /// Sends it and tells what became of it.
    ///
    /// # Errors
    /// It was not taken in.
    pub fn try_send(mut self) -> Result<Sent, Refused> {
        if let Some(reason) = self.refused {
            self.status.refuse(reason);
            return Err(Refused { reason });
        }
        if self.left_out > 0 {
            self.status.count_left_out(self.left_out);
        }
        self.facts.key_hash = self.place.get().and_then(Update::key_hash);
        self.status.offer(&mut self.place, self.facts)
    }
}

impl<
    M,
    const TEXT: usize,
    const NAME: usize,
    const META: usize,
    K: Keying,
    const SLOTS: usize,
    T,
    const CATEGORIES: usize,
    const GAPS: usize,
> Draft<'_, M, Message<TEXT, NAME, META, K, Ranked>, SLOTS, T, CATEGORIES, GAPS>
{
    /// How much it matters; without, its category decides.
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.facts.priority = Some(priority);
        self
    }
}

impl<
    M,
    const TEXT: usize,
    const NAME: usize,
    const META: usize,
    const LEN: usize,
    R: Ranking,
    const SLOTS: usize,
    T,
    const CATEGORIES: usize,
    const GAPS: usize,
> Draft<'_, M, Message<TEXT, NAME, META, Key<LEN>, R>, SLOTS, T, CATEGORIES, GAPS>
{
    /// Names the thing whose current value this is ("download-3"): a newer update with the same
    /// conversation, category and key replaces it while it is queued. One that is empty or longer than
    /// a message has room for refuses the update.
    pub fn key(mut self, key: &str) -> Self {
        if let Some(message) = self.place.get_mut()
            && let Err(reason) = message.set_key(key)
        {
            self.refused = self.refused.or(Some(reason));
        }
        self
    }
}

impl<M, U: Update, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize> fmt::Debug
    for Draft<'_, M, U, SLOTS, T, CATEGORIES, GAPS>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft").field("refused", &self.refused).finish_non_exhaustive()
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.reason {
            RefuseReason::Full => {
                "the queue is full: send less, or let another update go by choosing another overflow policy"
            }
            RefuseReason::Closed => "the bus is closed",
            RefuseReason::Invalid => "no conversation can be called that, or the key is empty",
            RefuseReason::UnknownCategory => "the bus has no such category",
            RefuseReason::TooLarge => "the conversation's name or the key is larger than a message holds",
            RefuseReason::Unauthorized => "telemetry may not send",
        })
    }
}

impl core::error::Error for Refused {}
