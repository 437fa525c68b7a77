//! A joined channel: a reader of one conversation or of the system.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::Stream;
use statusbus_tokio::json;
use statusbus_tokio::{Batch, Category, CategorySet, Event, Selector, Status, Subscription};

use super::payload::Refusal;
use super::push::{Address, Content, Updates, payloads};
use super::sliding_window::SlidingWindow;
use crate::format::Format;
use crate::state::{ChannelCounts, Frame, FrameCache, JoinedChannel, Member};

/// A joined channel.
pub(crate) struct Channel {
    pub(crate) to: Address,
    pub(crate) categories: CategorySet,
    /// When the permission to read ends, `None` if it does not.
    pub(crate) ends: Option<Instant>,
    selector: Selector,
    subscription: Subscription,
    member: Member,
    frames: Arc<FrameCache>,
    changes: SlidingWindow,
    max_changes: usize,
    is_at_end: bool,
    _joined: JoinedChannel,
}

/// The window of the limit for changes of the categories.
const CHANGE_WINDOW: Duration = Duration::from_secs(60);

impl Channel {
    pub(crate) fn new(
        to: Address,
        selector: Selector,
        subscription: Subscription,
        categories: CategorySet,
        max_changes: usize,
        frames: &Arc<FrameCache>,
        counts: &Arc<ChannelCounts>,
    ) -> Self {
        let member = frames.join(selector.clone(), categories, Format::Native);
        Self {
            to,
            categories,
            ends: None,
            selector,
            subscription,
            member,
            frames: Arc::clone(frames),
            changes: SlidingWindow::new(max_changes, CHANGE_WINDOW),
            max_changes,
            is_at_end: false,
            _joined: counts.join(),
        }
    }

    /// The next event, `None` after the bus has shut down and everything is read.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let next = Pin::new(&mut self.subscription).poll_next(cx);
        self.is_at_end = matches!(next, Poll::Ready(None));
        next
    }

    /// The retained values, if they are next and there are any. They are first unless the reader
    /// resumed, and follow a lag.
    pub(crate) fn retained_next(&mut self) -> Option<Updates> {
        match self.subscription.try_next()? {
            Event::Retained(batch) => self.retained(batch),
            _ => None,
        }
    }

    /// The events at the position of a lag: the losses inside it, and the retained values if there are
    /// any.
    pub(crate) fn after_lag(&mut self) -> (Vec<json::Gap>, Option<Updates>) {
        let mut losses = Vec::new();
        loop {
            match self.subscription.try_next() {
                Some(Event::Gap(gap)) => losses.push(json::Gap::from(&gap)),
                Some(Event::Retained(batch)) => return (losses, self.retained(batch)),
                _ => return (losses, None),
            }
        }
    }

    /// Newly delivered updates. Of a large batch the first ones; the others are next.
    pub(crate) fn live(&mut self, batch: &Batch, status: &Status) -> Updates {
        let Frame { bytes, through } = payloads(batch, &self.member, status);
        self.subscription.rewind(batch, through);
        Updates { to: self.to.clone(), content: Content::Live(bytes) }
    }

    /// The retained values at the reader's position, if there are any.
    pub(crate) fn retained(&self, batch: Batch) -> Option<Updates> {
        Updates::retained(&self.to, batch, self.seq())
    }

    /// Counts a change of the categories.
    ///
    /// # Errors
    /// The limit is reached.
    pub(crate) fn count_change(&mut self, now: Instant) -> Result<(), Refusal> {
        self.changes.count(now).map_err(|wait| {
            let max = self.max_changes;
            let message = format!("at most {max} changes of a channel's categories a minute");
            Refusal::new("rate_limit_exceeded", message).retry_after(wait)
        })
    }

    /// Adds categories. Returns the retained values of the new ones up to the reader's position;
    /// later updates are still ahead of it.
    pub(crate) fn add(&mut self, categories: CategorySet, status: &Status) -> Option<Updates> {
        let new: CategorySet = (0..Category::MAX)
            .filter_map(Category::from_index)
            .filter(|&one| categories.contains(one) && !self.categories.contains(one))
            .collect();
        self.set_categories(self.categories.union(new));
        if new.is_empty() {
            return None;
        }
        let retained = status.subscribe(self.selector.clone()).with_categories(new).with_retained();
        match retained.open().try_next()? {
            Event::Retained(batch) => self.retained(batch),
            _ => None,
        }
    }

    /// Removes categories.
    pub(crate) fn remove(&mut self, categories: CategorySet) {
        let rest = (0..Category::MAX)
            .filter_map(Category::from_index)
            .filter(|&one| self.categories.contains(one) && !categories.contains(one))
            .collect();
        self.set_categories(rest);
    }

    fn set_categories(&mut self, categories: CategorySet) {
        self.categories = categories;
        self.subscription.set_categories(categories);
        self.member = self.frames.join(self.selector.clone(), categories, Format::Native);
    }

    /// The position of the reader.
    pub(crate) fn seq(&self) -> u64 {
        self.subscription.resume_point().unwrap_or_default()
    }

    /// Whether the bus has shut down and everything is read.
    pub(crate) const fn is_at_end(&self) -> bool {
        self.is_at_end
    }
}
