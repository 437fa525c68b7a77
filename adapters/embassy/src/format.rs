//! `defmt::Format` of what is too large to be shown whole; the others derive it.

use defmt::{Format, Formatter, write};
use embassy_sync::blocking_mutex::raw::RawMutex;
use statusbus_core::Update;

use crate::key::{Keying, Ranking};
use crate::report::Report;
use crate::{Conversation, Draft, Message, Next, Outgoing, Runner, Status, TextWriter};

impl<const TEXT: usize, const NAME: usize, const META: usize, K: Keying, R: Ranking> Format
    for Message<TEXT, NAME, META, K, R>
{
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Message({}, {}, {=str})", self.about(), self.category(), self.text());
    }
}

impl<M, U, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize> Format
    for Status<M, U, SLOTS, T, CATEGORIES, GAPS>
where
    M: RawMutex,
    U: Update,
    T: Report,
{
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Status({})", self.ledger());
    }
}

impl<M, U: Update, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize> Format
    for Draft<'_, M, U, SLOTS, T, CATEGORIES, GAPS>
{
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Draft");
    }
}

impl<M, U, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize> Format
    for Runner<'_, '_, M, U, SLOTS, T, CATEGORIES, GAPS>
where
    M: RawMutex,
    U: Update,
    T: Report,
{
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Runner({})", self.batch);
    }
}

impl<M, U, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize> Format
    for Next<'_, '_, '_, M, U, SLOTS, T, CATEGORIES, GAPS>
where
    M: RawMutex,
    U: Update,
    T: Report,
{
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Next");
    }
}

impl<M, U, const SLOTS: usize, T, const CATEGORIES: usize, const GAPS: usize> Format
    for Outgoing<'_, '_, '_, M, U, SLOTS, T, CATEGORIES, GAPS>
where
    M: RawMutex,
    U: Update,
    T: Report,
{
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Outgoing({})", self.runner.batch);
    }
}

impl Format for TextWriter<'_> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "TextWriter");
    }
}

#[cfg(feature = "wire")]
impl<W, const FRAME: usize> Format for crate::Frames<W, FRAME> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Frames");
    }
}

impl<const NAME: usize> Format for Conversation<NAME> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "{}", self.about());
    }
}

impl<M, U: Update, const RING: usize, const READERS: usize> Format
    for crate::Hub<M, U, RING, READERS>
{
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Hub");
    }
}

impl<M, U, const RING: usize, const READERS: usize> Format
    for crate::Subscription<'_, '_, M, U, RING, READERS>
where
    M: RawMutex,
    U: Update,
{
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Subscription(unread: {=u64})", self.unread());
    }
}
