//! Updates with key, priority, TTL and metadata.

use core::fmt;
use core::time::Duration;

use statusbus_core::{Category, Keyed, Outcome, Priority, RefuseReason, SendOptions, Update};

use crate::bus::StatusBus;
use crate::message::Stored;
use crate::metadata::Value;
use crate::subject::Subject;
use crate::text::Text;

/// An update under construction: add key, priority, TTL and metadata, then [`send`](Self::send) it.
///
/// The text is formatted when the update is sent, straight into the message.
#[must_use = "an update is sent by `send` or `try_send`"]
pub struct UpdateBuilder<'a, B: StatusBus, X> {
    bus: &'a B,
    subject: Subject<'a>,
    text: X,
    key: Option<&'a str>,
    options: SendOptions,
    metadata: <B::Message as Stored>::Metadata,
    /// Fields of metadata that did not fit.
    left_out: u32,
}

/// An update was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct SendError {
    /// What became of it: expired, dropped or refused, as the ledger counts it.
    pub outcome: Outcome,
}

impl<'a, B: StatusBus, X: Text> UpdateBuilder<'a, B, X> {
    #[inline(always)]
    pub(crate) fn new(bus: &'a B, subject: Subject<'a>, category: Category, text: X) -> Self {
        let options = SendOptions::new(category);
        let metadata = B::Message::NO_METADATA;
        Self { bus, subject, text, key: None, options, metadata, left_out: 0 }
    }

    /// Names the value that this update sets, for example "download-3": while it is queued, a newer
    /// update with the same subject, category and key replaces it. An empty key, and one longer than a
    /// message holds, refuses the update. Only for messages with a [`Key`](crate::Key).
    #[inline(always)]
    pub const fn key(mut self, key: &'a str) -> Self
    where
        B::Message: Update<Keys = Keyed>,
    {
        self.key = Some(key);
        self
    }

    /// Sets the priority; default: that of the category. Only for messages with priorities
    /// ([`Ranked`](crate::Ranked)).
    #[inline(always)]
    pub const fn priority(mut self, priority: Priority) -> Self {
        const { assert!(B::Message::RANKED, "messages of this type have no priorities") };
        self.options = self.options.with_priority(priority);
        self
    }

    /// Sets how long the update is worth delivering; default: as configured for the category, else without
    /// limit.
    #[inline(always)]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.options = self.options.with_ttl(ttl);
        self
    }

    /// Adds a named value. One that does not fit into the rest of `META` bytes is left out and
    /// [counted](crate::Status::shortened). Names are not checked for repetition.
    ///
    /// ```
    /// # use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
    /// # use statusbus_embassy::{Category, Message, Status};
    /// static STATUS: Status<CriticalSectionRawMutex, Message<32, 16, 48>, 16> = Status::new();
    ///
    /// let update = STATUS.update("boiler", Category::INFO, "heating");
    /// update.metadata("celsius", 71.5).metadata("on", true).send(); // {"celsius":71.5,"on":true}
    /// ```
    pub fn metadata<'v>(mut self, name: &str, value: impl Into<Value<'v>>) -> Self {
        const { assert!(B::Message::HAS_METADATA, "messages of this type have no metadata") };
        if !B::Message::add_metadata(&mut self.metadata, name, value.into()) {
            self.left_out += 1;
        }
        self
    }

    /// Sends it. The ledger counts what becomes of it.
    #[inline(always)]
    pub fn send(self) {
        self.push();
    }

    /// Sends it and returns what became of it. `Ok` means that it is queued.
    ///
    /// # Errors
    /// It is not queued: expired, dropped or refused.
    pub fn try_send(self) -> Result<Outcome, SendError> {
        let outcome = self.push();
        if outcome.is_queued() { Ok(outcome) } else { Err(SendError { outcome }) }
    }

    // One function for all that sends texts of a type.
    #[inline(never)]
    fn push(mut self) -> Outcome {
        let mut update = B::Message::empty();
        match update.write(self.subject, self.options.category(), self.text) {
            Ok(false) => {}
            Ok(true) => self.bus.count_shortened(1, 0),
            Err(reason) => return self.bus.refuse(reason),
        }
        if B::Message::HAS_KEY
            && let Some(key) = self.key
        {
            match update.set_key(key) {
                Ok(hash) => self.options = self.options.with_key_hash(hash),
                Err(reason) => return self.bus.refuse(reason),
            }
        }
        if B::Message::HAS_METADATA {
            update.set_metadata(&self.metadata);
            if self.left_out > 0 {
                self.bus.count_shortened(0, self.left_out);
            }
        }
        self.bus.push(&mut update, self.options)
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.outcome {
            Outcome::Refused(reason) => reason,
            Outcome::Expired => return f.write_str("the TTL of the update is over"),
            _ => return f.write_str("the queue is full of updates that are at least as important"),
        };
        f.write_str(match reason {
            RefuseReason::Full => "the queue is full: send less, or choose another overflow policy",
            RefuseReason::Closed => "the bus is closed",
            RefuseReason::Invalid => "the conversation's name is invalid, or the key is empty",
            RefuseReason::UnknownCategory => "the category is not registered",
            RefuseReason::TooLarge => {
                "the conversation's name or the key is longer than a message holds"
            }
            RefuseReason::Unauthorized => "telemetry cannot send",
            other => other.as_str(),
        })
    }
}

impl core::error::Error for SendError {}
