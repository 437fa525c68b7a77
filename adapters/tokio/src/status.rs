//! The handles that people hold.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use statusbus_core::{
    Categories, Category, Config, ConversationError, Depth, Facts, Ledger, Place, Priority,
    RefuseReason,
};

use crate::Text;
use crate::builder::Builder;
use crate::conversation::ConversationState;
use crate::draft::Draft;
use crate::post::Post;
use crate::selector::Selector;
use crate::shared::{Core, Shared};
use crate::subscription::Subscribe;

/// Says what a program is doing. Clone it freely: all clones speak to the same bus, and when the
/// last one is gone what was sent is still delivered.
///
/// Sending never blocks, awaits or panics; it may be done from any thread, in a runtime or not.
pub struct Status {
    handle: Arc<Handle>,
}

/// The last handle that goes closes the bus.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.with_bus(Core::close);
    }
}

/// The methods that say something in one category, for a conversation by name and for a handle.
macro_rules! categories {
    ($($(#[$doc:meta])* $name:ident, $category:ident;)*) => {
        impl Status {
            $($(#[$doc])*
            ///
            /// A name that no conversation can have is refused, and counted.
            #[inline]
            pub fn $name(&self, conversation: &str, text: impl Into<Text>) {
                self.say(conversation, Category::$category, text);
            })*
        }

        impl Conversation {
            $($(#[$doc])*
            #[inline]
            pub fn $name(&self, text: impl Into<Text>) {
                self.say(Category::$category, text);
            })*
        }
    };
}

categories! {
    /// The engine itself: a model is loaded, a worker has started.
    engine, ENGINE;
    /// A tool call: it starts, it returns.
    tool, TOOL;
    /// A step of a workflow.
    workflow, WORKFLOW;
    /// How far something has come.
    progress, PROGRESS;
    /// Something failed, and that is the end of it. For one failure among many give it another
    /// [priority](Draft::priority).
    error, ERROR;
    /// Anything else worth saying.
    info, INFO;
    /// What will be done next.
    planning, PLANNING;
}

impl Status {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { handle: Arc::new(Handle { shared }) }
    }

    #[cfg(feature = "layer")]
    pub(crate) const fn handle(&self) -> &Arc<Handle> {
        &self.handle
    }

    #[cfg(feature = "layer")]
    pub(crate) const fn from_handle(handle: Arc<Handle>) -> Self {
        Self { handle }
    }

    /// A bus with other settings than the defaults.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Says something with more than a text: see [`Draft`].
    pub fn update(
        &self,
        conversation: &str,
        category: Category,
        text: impl Into<Text>,
    ) -> Draft<'_> {
        let shared = &self.handle.shared;
        Draft::new(shared, shared.conversation(conversation), category, text.into())
    }

    /// Like [`update`](Self::update), for what concerns the whole system.
    pub fn system_update(&self, category: Category, text: impl Into<Text>) -> Draft<'_> {
        let shared = &self.handle.shared;
        Draft::new(shared, Ok(Arc::clone(&shared.system)), category, text.into())
    }

    /// A handle to a conversation, which has looked its name up once: the cheapest way to say many
    /// things about one.
    ///
    /// # Errors
    /// The name is none.
    pub fn conversation(&self, name: &str) -> Result<Conversation, ConversationError> {
        let state = self.handle.shared.conversation(name)?;
        Ok(Conversation { handle: Arc::clone(&self.handle), state })
    }

    /// A handle for what concerns the whole system.
    #[must_use]
    pub fn system(&self) -> Conversation {
        let state = Arc::clone(&self.handle.shared.system);
        Conversation { handle: Arc::clone(&self.handle), state }
    }

    /// Reads what is delivered. Begins with [`Subscribe::open`].
    pub fn subscribe(&self, selector: Selector) -> Subscribe {
        Subscribe::new(Arc::clone(&self.handle.shared), selector)
    }

    /// Waits until everything sent before the call has been delivered. Returns at once when the
    /// runner has ended.
    pub async fn flush(&self) {
        crate::runner::flush(&self.handle.shared).await;
    }

    /// Closes the bus, delivers what is queued, and waits until every reader has come to the end, for
    /// at most `timeout`: zero does not wait, [`Duration::MAX`] waits without a limit. Answers with
    /// the counters, which are final but for updates that are refused later.
    ///
    /// When the time is over, no further batch is delivered: what is still queued counts as dropped
    /// by the [sink](crate::DropReason::Sink), and a log line has how many those are and how
    /// many readers are left. What these have not read they can still read; [`unread`](Self::unread)
    /// counts it, outside of the ledger.
    ///
    /// What happens behind the timeout takes constant time, however much is queued or read: the
    /// memory of what was dropped is freed later by the runner. Only a batch that the runner is
    /// delivering at that moment on another thread is waited for. So `timeout` is exceeded by as long
    /// as the runtime takes to poll the caller, and the delivery of one batch.
    ///
    /// It may be called several times, also at once: each call has its own timeout, and the first
    /// one that is over ends the delivery for all. When the runtime goes away before, or the future
    /// is dropped, the bus stays closed.
    ///
    /// # Panics
    /// On a runtime without timers.
    pub async fn shutdown(&self, timeout: Duration) -> Ledger {
        crate::runner::shutdown(&self.handle.shared, timeout).await
    }

    /// Changes the configuration, at once and between batches. Updates that a smaller queue limit
    /// has no room for leave as the overflow policy says, counted as `shrunk`; the answer is how
    /// many. Without effect after a [shutdown](Self::shutdown) whose timeout is over. A queue limit
    /// above the [capacity](Builder::capacity) becomes that.
    #[allow(clippy::must_use_candidate)] // how many left is in the ledger too
    pub fn reconfigure(&self, config: Config) -> usize {
        let (mut left, shared) = (Vec::new(), &self.handle.shared);
        shared.with_bus(|bus, now| {
            // What a shutdown has given up counts as dropped by the sink, and not as shrunk.
            if !shared.is_abandoned() {
                bus.reconfigure(config, |post, _| left.push(post), now);
            }
        });
        left.len()
    }

    /// Changes the priority and the time-to-live of updates of a category that do not say
    /// otherwise.
    pub fn reconfigure_category(
        &self,
        category: Category,
        priority: Priority,
        ttl: Option<Duration>,
    ) {
        self.handle.shared.bus.lock().reconfigure_category(category, priority, ttl);
    }

    /// The configuration that holds.
    #[must_use]
    pub fn config(&self) -> Config {
        self.handle.shared.bus.lock().config()
    }

    /// The counters.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.handle.shared.ledger()
    }

    /// Counts an update that was refused before it could be sent, say by whoever checks who may
    /// say what.
    pub fn refuse(&self, reason: RefuseReason) {
        self.handle.shared.refuse(reason);
    }

    /// The depth of the queue, and its peak in the last one to two seconds, the same for whoever asks.
    #[must_use]
    pub fn depth(&self) -> Depth {
        self.handle.shared.depth()
    }

    /// Forgets the retained update of a conversation's category and key. Answers whether there was
    /// one.
    #[allow(clippy::must_use_candidate)]
    pub fn remove_retained(
        &self,
        conversation: &str,
        category: Category,
        key: Option<&str>,
    ) -> bool {
        let shared = &self.handle.shared;
        let known = shared.known(conversation);
        let removed = known.is_some_and(|known| known.ring().remove_retained(category, key));
        // Also if it is not known: values that readers share may still have one of a conversation that
        // was forgotten since.
        shared.snapshots.count_removed();
        removed
    }

    /// The categories of this bus.
    #[must_use]
    pub fn categories(&self) -> &Categories<Box<str>> {
        &self.handle.shared.categories
    }

    /// The number that names this run of the bus: positions are only comparable within it.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.handle.shared.epoch
    }

    /// Whether anything is remembered of a conversation: to read its values for whoever asks,
    /// without making room for a name that may be made up.
    #[must_use]
    pub fn knows(&self, conversation: &str) -> bool {
        self.handle.shared.known(conversation).is_some()
    }

    /// Conversations that are remembered.
    #[must_use]
    pub fn conversations(&self) -> usize {
        self.handle.shared.names.lock().len()
    }

    /// The last position that was given: where a reader is who has read everything.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.handle.shared.hub.everything().head().seq
    }

    /// Readers there are.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.handle.shared.hub.readers()
    }

    /// Updates that readers have not come to yet, added up over the readers.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.handle.shared.hub.unread()
    }

    /// Updates that readers missed by being too slow, added up over the readers.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.handle.shared.missed()
    }

    /// Panics that were contained, in delivery and in handlers.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.handle.shared.panics.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Says something in a category.
    ///
    /// A name that no conversation can have is refused, and counted.
    #[inline]
    pub fn say(&self, conversation: &str, category: Category, text: impl Into<Text>) {
        let shared = &*self.handle.shared;
        match shared.conversation(conversation) {
            Ok(state) => {
                let text = text.into();
                if shared.takes(&text) {
                    let post = Place::new(Post::plain(text, state.number, category));
                    shared.offer_and_let_go(post, Facts::plain(category), &state);
                }
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

/// Says what is going on in one conversation, or in the whole system. Clone it freely.
///
/// While it is held the conversation keeps its place; when it has been idle for long, what was
/// delivered in it is forgotten all the same.
#[derive(Clone)]
pub struct Conversation {
    handle: Arc<Handle>,
    state: Arc<ConversationState>,
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.state.let_go(self.handle.shared.ledger().sent);
    }
}

impl Conversation {
    /// The name of the conversation; `None`: the whole system.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.state.name().map(|name| &**name)
    }

    /// Says something with more than a text: see [`Draft`].
    pub fn update(&self, category: Category, text: impl Into<Text>) -> Draft<'_> {
        let state = Ok(Arc::clone(&self.state));
        Draft::new(&self.handle.shared, state, category, text.into())
    }

    /// Says something in a category.
    #[inline]
    pub fn say(&self, category: Category, text: impl Into<Text>) {
        let shared = &*self.handle.shared;
        let text = text.into();
        if shared.takes(&text) {
            let post = Place::new(Post::plain(text, self.state.number, category));
            shared.offer(post, Facts::plain(category));
        }
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Conversation").field(&self.name()).finish()
    }
}
