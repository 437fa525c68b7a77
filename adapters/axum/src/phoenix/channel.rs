//! A channel that is joined: a reader of one conversation.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::Stream;
use statusbus_tokio::json;
use statusbus_tokio::{Batch, Category, CategorySet, Event, Selector, Status, Subscription};

use super::changes::Changes;
use super::channels::{Channels, Joined};
use super::payload::Refusal;
use super::push::{Address, Updates, Which, payloads};
use crate::format::Format;
use crate::sse::{Frame, Member};

/// A channel that is joined.
pub(crate) struct Channel {
    pub(crate) to: Address,
    pub(crate) categories: CategorySet,
    /// When the permission to read ends; `None`: never.
    pub(crate) ends: Option<Instant>,
    selector: Selector,
    subscription: Subscription,
    /// One of those who read the same.
    member: Member,
    all: Arc<Channels>,
    changes: Changes,
    most_changes: usize,
    is_at_end: bool,
    _joined: Joined,
}

/// In which span changes of the categories are counted.
const SPAN: Duration = Duration::from_secs(60);

impl Channel {
    pub(crate) fn new(
        to: Address,
        selector: Selector,
        subscription: Subscription,
        categories: CategorySet,
        most_changes: usize,
        all: &Arc<Channels>,
    ) -> Self {
        let changes = Changes::new(most_changes, SPAN);
        let (ends, is_at_end) = (None, false);
        let member = all.payloads.join(selector.clone(), categories, Format::Native);
        let (all, joined) = (Arc::clone(all), all.join());
        Self {
            to,
            categories,
            ends,
            selector,
            subscription,
            member,
            all,
            changes,
            most_changes,
            is_at_end,
            _joined: joined,
        }
    }

    /// The next event; `None` when the bus was shut down and everything is read.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let next = Pin::new(&mut self.subscription).poll_next(cx);
        self.is_at_end = matches!(next, Poll::Ready(None));
        next
    }

    /// The values that stand, if they are what comes next and there are any. They come first where
    /// nothing is resumed, and after a lag.
    pub(crate) fn standing_next(&mut self) -> Option<Updates> {
        match self.subscription.try_next()? {
            Event::Retained(batch) => self.standing(batch),
            _ => None,
        }
    }

    /// What follows a lag at its position: the losses inside it, and the retained values if there are
    /// any.
    pub(crate) fn behind_lag(&mut self) -> (Vec<json::Gap>, Option<Updates>) {
        let mut losses = Vec::new();
        loop {
            match self.subscription.try_next() {
                Some(Event::Gap(gap)) => losses.push(json::Gap::from(&gap)),
                Some(Event::Retained(batch)) => return (losses, self.standing(batch)),
                _ => return (losses, None),
            }
        }
    }

    /// Updates that have just been delivered. If they are long, the first of them: the others come
    /// next.
    pub(crate) fn live(&mut self, batch: &Batch, status: &Status) -> Updates {
        let Frame { bytes, through } = payloads(batch, &self.member, status);
        self.subscription.rewind(batch, through);
        Updates { to: self.to.clone(), which: Which::Live(bytes) }
    }

    /// The values that stand where the reader is, if there are any.
    pub(crate) fn standing(&self, batch: Batch) -> Option<Updates> {
        Updates::standing(&self.to, batch, self.seq())
    }

    /// Counts a change of the categories, if there may be one.
    ///
    /// # Errors
    /// There were too many.
    pub(crate) fn count_change(&mut self, now: Instant) -> Result<(), Refusal> {
        self.changes.count(now).map_err(|wait| {
            let most = self.most_changes;
            let message = format!("at most {most} changes of a channel's categories a minute");
            Refusal::new("rate_limit_exceeded", message).retry_after(wait)
        })
    }

    /// Reads more categories. Answers with the values that stand in those that are new, as far as
    /// the reader has come: what is behind its position it still comes to.
    pub(crate) fn add(&mut self, categories: CategorySet, status: &Status) -> Option<Updates> {
        let new: CategorySet = (0..Category::MAX)
            .filter_map(Category::from_index)
            .filter(|&one| categories.contains(one) && !self.categories.contains(one))
            .collect();
        self.choose(self.categories.union(new));
        if new.is_empty() {
            return None;
        }
        let standing = status.subscribe(self.selector.clone()).categories(new).retained();
        match standing.open().try_next()? {
            Event::Retained(batch) => self.standing(batch),
            _ => None,
        }
    }

    /// Reads fewer categories.
    pub(crate) fn remove(&mut self, categories: CategorySet) {
        let rest = (0..Category::MAX)
            .filter_map(Category::from_index)
            .filter(|&one| self.categories.contains(one) && !categories.contains(one))
            .collect();
        self.choose(rest);
    }

    fn choose(&mut self, categories: CategorySet) {
        self.categories = categories;
        self.subscription.set_categories(categories);
        self.member = self.all.payloads.join(self.selector.clone(), categories, Format::Native);
    }

    /// The position up to which it has read.
    pub(crate) fn seq(&self) -> u64 {
        self.subscription.resume_point().unwrap_or_default()
    }

    /// Whether the bus was shut down and everything is read.
    pub(crate) const fn is_at_end(&self) -> bool {
        self.is_at_end
    }
}
