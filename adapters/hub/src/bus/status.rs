//! The handles: of a bus, and of a conversation.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use statusbus_core::{
    Categories, Category, Config, ConversationError, Depth, Ledger, Priority, RefuseReason,
};

use crate::batch::subject::Topic;
use crate::batch::text::Text;
use crate::bus::shared::Shared;
use crate::bus::update_builder::{Target, UpdateBuilder};
use crate::queue::Queue;
use crate::reader::subscription::Subscribe;
use crate::registry::selector::Selector;
use crate::sync::{CountedArc, Ordering};
use crate::window::conversation::ConversationState;
use crate::window::hub::Source;

/// A handle to a bus: sends updates, subscribes to them, and controls the bus. A clone is cheap and
/// belongs to the same bus. When the last handle is dropped ([`Conversation`]s count), the bus closes and
/// delivers what is queued.
///
/// Sending never blocks, awaits or panics. It works on any thread, with or without a runtime.
pub struct Status {
    handle: Arc<Handle>,
}

/// A handle to a bus that does not keep it open: from [`Status::downgrade`].
#[derive(Clone, Debug)]
pub struct WeakStatus {
    handle: Weak<Handle>,
}

impl WeakStatus {
    /// The handle to the bus; `None` once all others are dropped.
    #[must_use]
    pub fn upgrade(&self) -> Option<Status> {
        Some(Status { handle: self.handle.upgrade()? })
    }
}

/// The last handle that goes closes the bus.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.with_queue(Queue::close);
    }
}

/// One method per category, for a conversation by name and for a handle.
macro_rules! categories {
    ($($(#[$doc:meta])* $name:ident, $category:ident;)*) => {
        impl Status {
            $($(#[$doc])*
            ///
            /// See [`send`](Self::send).
            #[inline]
            pub fn $name<'a>(&self, conversation: &str, text: impl Into<Text<'a>>) {
                self.send(conversation, Category::$category, text);
            })*
        }

        impl Conversation {
            $($(#[$doc])*
            ///
            /// See [`send`](Self::send).
            #[inline]
            pub fn $name<'a>(&self, text: impl Into<Text<'a>>) {
                self.send(Category::$category, text);
            })*
        }
    };
}

categories! {
    /// Sends news of the engine itself: a model is loaded, a worker has started.
    engine, ENGINE;
    /// Sends news of a tool call: it starts, it returns.
    tool, TOOL;
    /// Sends a step of a workflow.
    workflow, WORKFLOW;
    /// Sends progress. Low priority by default.
    progress, PROGRESS;
    /// Sends a failure. High priority by default; give one failure among many another
    /// [priority](UpdateBuilder::priority).
    error, ERROR;
    /// Sends any other information.
    info, INFO;
    /// Sends what comes next.
    planning, PLANNING;
}

impl Status {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { handle: Arc::new(Handle { shared }) }
    }

    /// A handle that does not keep the bus open.
    #[must_use]
    pub fn downgrade(&self) -> WeakStatus {
        WeakStatus { handle: Arc::downgrade(&self.handle) }
    }

    /// Begins an update with key, priority, TTL or metadata: see [`UpdateBuilder`].
    pub fn update<'a>(
        &'a self,
        conversation: &str,
        category: Category,
        text: impl Into<Text<'a>>,
    ) -> UpdateBuilder<'a> {
        let shared = &self.handle.shared;
        let conversation = shared.conversation(conversation).map(Target::Owned);
        UpdateBuilder::new(shared, conversation, category, text.into())
    }

    /// Begins a system-wide update: see [`UpdateBuilder`].
    pub fn system_update<'a>(
        &'a self,
        category: Category,
        text: impl Into<Text<'a>>,
    ) -> UpdateBuilder<'a> {
        let shared = &self.handle.shared;
        UpdateBuilder::new(shared, Ok(Target::Borrowed(&shared.system)), category, text.into())
    }

    /// A handle to a conversation. Its name is looked up once, here, which makes it the cheapest way to
    /// send many updates.
    ///
    /// # Errors
    /// The name is invalid.
    pub fn conversation(&self, name: &str) -> Result<Conversation, ConversationError> {
        let state = self.handle.shared.conversation(name)?;
        Ok(Conversation { handle: Arc::clone(&self.handle), state })
    }

    /// A handle for system-wide updates.
    #[must_use]
    pub fn system(&self) -> Conversation {
        let state = CountedArc::clone(&self.handle.shared.system);
        Conversation { handle: Arc::clone(&self.handle), state }
    }

    /// Prepares a subscription; [`Subscribe::open`] begins it.
    pub fn subscribe(&self, selector: Selector) -> Subscribe {
        Subscribe::new(Arc::clone(&self.handle.shared), selector)
    }

    /// Waits until every update that was sent before the call has left the queue: delivered, expired or
    /// dropped. What is queued is due at once, so that the flush interval does not delay it. Returns at once
    /// if the runner has ended; waits as long as the runner is not run. Safe to cancel.
    pub async fn flush(&self) {
        crate::bus::flush::flush(&self.handle.shared).await;
    }

    /// Closes the bus, delivers what is queued, and waits until every reader has read to the end, for at
    /// most `timeout`: zero does not wait, [`Duration::MAX`] waits without a limit. Returns the ledger,
    /// which is final except for updates that are refused later.
    ///
    /// When the timeout is over, no further batch is delivered. What is still queued counts as dropped
    /// by the [sink](crate::DropReason::Sink), and a warning is logged with its number and the number of
    /// readers left. They can still read the rest; [`unread`](Self::unread) counts it, outside of the
    /// ledger.
    ///
    /// The work after the timeout takes constant time, however much is queued: the runner frees the memory
    /// of dropped updates later. Only a batch that the runner delivers at that moment on another thread is
    /// awaited. The call exceeds `timeout` by the time that the runtime takes to poll the caller, and by
    /// the delivery of one batch.
    ///
    /// Several calls may run at once. Each has its own timeout, and the first that is over ends the
    /// delivery for all. If the runtime ends earlier, or the future is dropped, the bus stays closed.
    ///
    /// # Panics
    /// The runtime has no timers.
    pub async fn shutdown(&self, timeout: Duration) -> Ledger {
        crate::bus::shutdown::shutdown(&self.handle.shared, timeout).await
    }

    /// Changes the configuration at once. Returns how many updates a smaller queue limit removed: the
    /// overflow policy chooses them, and they count as dropped, `shrunk`. A queue limit above the
    /// [capacity](crate::Builder::with_capacity) becomes the capacity. Has no effect after a
    /// [shutdown](Self::shutdown) that timed out. O(n) in the number of removed updates.
    #[allow(clippy::must_use_candidate)] // the ledger has the number too
    pub fn reconfigure(&self, config: Config) -> usize {
        let shared = &self.handle.shared;
        let removed = shared.with_queue(|queue, now| {
            // What a shutdown has given up counts as dropped by the sink, and not as shrunk.
            if shared.is_abandoned() { Vec::new() } else { queue.reconfigure(config, now) }
        });
        removed.len()
    }

    /// Changes the priority and the TTL of updates of a category that have none of their own. `None`: no
    /// TTL. Queued updates keep theirs.
    pub fn reconfigure_category(
        &self,
        category: Category,
        priority: Priority,
        ttl: Option<Duration>,
    ) {
        self.handle.shared.queue.lock().reconfigure_category(category, priority, ttl);
    }

    /// The current configuration.
    #[must_use]
    pub fn config(&self) -> Config {
        self.handle.shared.queue.lock().config()
    }

    /// The counters of every outcome. They balance at any time ([`Ledger::is_balanced`]). Costs a lock.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.handle.shared.ledger()
    }

    /// Counts an update that the application refused before it was sent, for example because the caller
    /// was not authorized.
    pub fn refuse(&self, reason: RefuseReason) {
        self.handle.shared.refuse(reason);
    }

    /// The depth of the queue, the age of its oldest update, and the peak of the last one to two seconds.
    /// Reading it does not reset the peak.
    #[must_use]
    pub fn depth(&self) -> Depth {
        self.handle.shared.depth()
    }

    /// Removes the retained update of a conversation's category and key; `None`: the one without a key.
    /// Returns whether there was one.
    #[allow(clippy::must_use_candidate)]
    pub fn remove_retained(
        &self,
        conversation: &str,
        category: Category,
        key: Option<&str>,
    ) -> bool {
        let shared = &self.handle.shared;
        let known = shared.known(conversation);
        let removed = known.is_some_and(|known| {
            shared.hub.remove_retained(&known, category, key, shared.host.now().as_micros())
        });
        // Also if it is not known: values that readers share may still have one of a conversation that
        // was forgotten since.
        shared.snapshots.count_removed();
        removed
    }

    /// The categories of the bus, by name: the built-in ones and those of the application.
    #[must_use]
    pub fn categories(&self) -> &Categories<Box<str>> {
        &self.handle.shared.categories
    }

    /// The number that names this run of the bus. Positions of different epochs cannot be compared.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.handle.shared.epoch
    }

    /// Whether the bus keeps a conversation of this name. Unlike [`subscribe`](Self::subscribe) and
    /// [`conversation`](Self::conversation), it allocates nothing for an unknown name: check names from
    /// outside first.
    #[must_use]
    pub fn is_known(&self, conversation: &str) -> bool {
        self.handle.shared.known(conversation).is_some()
    }

    /// The number of conversations that the bus keeps, at most
    /// [`Builder::with_conversations`](crate::Builder::with_conversations) and those in use.
    #[must_use]
    pub fn conversations(&self) -> usize {
        self.handle.shared.names.lock().len()
    }

    /// The position of the last delivered update or gap: the position of a reader that has read
    /// everything.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.handle.shared.hub.everything().head().seq
    }

    /// The number of open subscriptions.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.handle.shared.hub.readers()
    }

    /// How many delivered updates readers have not read yet, summed over all readers. O(n) in their
    /// number.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.handle.shared.hub.unread()
    }

    /// How many updates readers missed because they fell behind, summed over all readers since the start.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.handle.shared.missed()
    }

    /// How many panics were contained since the start, in delivery and in handlers.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.handle.shared.panics.load(Ordering::Relaxed)
    }

    /// Sends an update. An invalid name, an unknown category and a text that is too large are refused
    /// and counted. Never blocks, awaits or panics.
    #[inline]
    pub fn send<'a>(&self, conversation: &str, category: Category, text: impl Into<Text<'a>>) {
        let shared = &*self.handle.shared;
        match shared.conversation(conversation) {
            Ok(state) => {
                let topic = Topic { conversation: state.number, category };
                shared.send_plain_and_let_go(topic, text.into(), &state);
            }
            Err(_) => shared.refuse(RefuseReason::Invalid),
        }
    }
}

impl Clone for Status {
    fn clone(&self) -> Self {
        Self { handle: Arc::clone(&self.handle) }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Status").field("ledger", &self.ledger()).finish_non_exhaustive()
    }
}

/// A handle to one conversation, or to the system-wide updates: from [`Status::conversation`] or
/// [`Status::system`]. A clone is cheap.
///
/// While a handle exists, the bus keeps the conversation, but not its history and retained values after
/// the [idle timeout](crate::Builder::with_idle_timeout).
#[derive(Clone)]
pub struct Conversation {
    handle: Arc<Handle>,
    state: CountedArc<ConversationState>,
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.state.let_go(self.handle.shared.queue.lock().end());
    }
}

impl Conversation {
    /// The name of the conversation; `None`: the handle is for system-wide updates.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.state.name().map(|name| &**name)
    }

    /// Prepares a subscription to this conversation; [`Subscribe::open`] begins it. Cheaper than
    /// [`Status::subscribe`], which looks the name up.
    pub fn subscribe(&self) -> Subscribe {
        let source = Source::Conversation(CountedArc::clone(&self.state));
        Subscribe::of_source(Arc::clone(&self.handle.shared), source)
    }

    /// Begins an update with key, priority, TTL or metadata: see [`UpdateBuilder`].
    pub fn update<'a>(
        &'a self,
        category: Category,
        text: impl Into<Text<'a>>,
    ) -> UpdateBuilder<'a> {
        let conversation = Ok(Target::Borrowed(&self.state));
        UpdateBuilder::new(&self.handle.shared, conversation, category, text.into())
    }

    /// Sends an update. An unknown category and a text that is too large are refused and counted. Never
    /// blocks, awaits or panics.
    #[inline]
    pub fn send<'a>(&self, category: Category, text: impl Into<Text<'a>>) {
        let topic = Topic { conversation: self.state.number, category };
        self.handle.shared.send_plain(topic, text.into());
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Conversation").field(&self.name()).finish()
    }
}
