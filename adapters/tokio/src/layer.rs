//! A `tracing` layer that turns events into updates.

use std::fmt::{self, Write};
use std::time::Duration;

use serde_json::{Map, Value};
use statusbus_hub::{Category, Metadata, Status, Text, WeakStatus};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// A `tracing` layer that turns events with a `conversation` field into updates. Other events pass
/// unchanged. The layer needs the feature `layer`.
///
/// The message becomes the text. The fields `category`, `key`, `priority` (`low`, `normal` or `high`)
/// and `ttl_ms` (milliseconds) become the properties of the update; the other fields become its metadata.
/// The default category is `error` for events of level `ERROR`, else `info`. An unknown priority is
/// ignored.
///
/// The layer does not keep the bus open: when all handles are dropped it does nothing.
///
/// ```
/// use statusbus_tokio::{Spawn, Status, StatusLayer};
/// use tracing_subscriber::layer::SubscriberExt;
///
/// # let runtime = tokio::runtime::Runtime::new().unwrap();
/// # let _guard = runtime.enter();
/// let status = Status::builder().spawn();
/// let subscriber = tracing_subscriber::registry().with(StatusLayer::new(&status));
/// tracing::subscriber::with_default(subscriber, || {
///     tracing::info!(conversation = "conv-42", category = "tool", hits = 3, "searching");
/// });
/// assert_eq!(status.ledger().sent, 1);
/// ```
#[derive(Debug)]
pub struct StatusLayer {
    status: WeakStatus,
}

impl StatusLayer {
    /// A layer that sends to the bus of `status`.
    #[must_use]
    pub fn new(status: &Status) -> Self {
        Self { status: status.downgrade() }
    }
}

impl<S: Subscriber> Layer<S> for StatusLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().fields().field("conversation").is_none() {
            return;
        }
        let Some(status) = self.status.upgrade() else { return };
        let mut said = Said::default();
        event.record(&mut said);
        let category = match *event.metadata().level() {
            Level::ERROR => Category::ERROR,
            _ => Category::INFO,
        };
        let mut draft = status.update(&said.conversation, category, Text::from(said.text));
        if let Some(category) = &said.category {
            draft = draft.category(category);
        }
        if let Some(key) = said.key {
            draft = draft.key(key);
        }
        if let Some(priority) = said.priority.as_deref().and_then(|name| name.parse().ok()) {
            draft = draft.priority(priority);
        }
        if let Some(ttl_ms) = said.ttl_ms {
            draft = draft.ttl(Duration::from_millis(ttl_ms));
        }
        if !said.metadata.is_empty()
            && let Ok(metadata) = Metadata::try_from(said.metadata)
        {
            draft = draft.metadata(metadata);
        }
        draft.send();
    }
}

/// The fields of an event.
#[derive(Default)]
struct Said {
    conversation: String,
    category: Option<String>,
    text: String,
    key: Option<String>,
    priority: Option<String>,
    ttl_ms: Option<u64>,
    metadata: Map<String, Value>,
}

impl Said {
    fn set(&mut self, field: &Field, text: String) {
        match field.name() {
            "conversation" => self.conversation = text,
            "category" => self.category = Some(text),
            "key" => self.key = Some(text),
            "priority" => self.priority = Some(text),
            "message" => self.text = text,
            name => {
                self.metadata.insert(name.to_owned(), Value::String(text));
            }
        }
    }

    /// A number or a truth value: as it is in the metadata, as text elsewhere.
    fn set_value(&mut self, field: &Field, value: Value) {
        match field.name() {
            "conversation" | "category" | "key" | "priority" | "message" => {
                self.set(field, value.to_string());
            }
            name => {
                self.metadata.insert(name.to_owned(), value);
            }
        }
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.to_owned());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "ttl_ms" => self.ttl_ms = Some(value),
            _ => self.set_value(field, value.into()),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        match (field.name(), u64::try_from(value)) {
            ("ttl_ms", Ok(ttl_ms)) => self.ttl_ms = Some(ttl_ms),
            _ => self.set_value(field, value.into()),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set_value(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set_value(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // If `Debug` fails, what it wrote is kept.
        let _ = write!(text, "{value:?}");
        self.set(field, text);
    }
}
