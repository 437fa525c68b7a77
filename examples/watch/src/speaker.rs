//! From what is read of a command or a file to updates on the bus.

use statusbus_tokio::{Category, Conversation, Metadata, RefuseReason, SendErrorKind, Status};

use crate::lines::{Line, Lines};
use crate::meaning::{self, About, Said, Stream};

/// The longest line, in bytes. Structured lines may be longer than the text of an update.
const LINE_MAX: usize = 256 * 1024;

/// Says on the bus what one stream of output says.
pub(crate) struct Speaker {
    status: Status,
    conversation: Conversation,
    stream: Stream,
    lines: Lines,
    live: Live,
}

/// What became of the value that shows a line while it is redrawn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Live {
    None,
    Shown,
    /// Its line has ended since.
    Ended,
}

impl Speaker {
    /// For what does not say who it is about, `conversation` speaks.
    pub(crate) fn new(status: &Status, conversation: &Conversation, stream: Stream) -> Self {
        Self {
            status: status.clone(),
            conversation: conversation.clone(),
            stream,
            lines: Lines::new(LINE_MAX),
            live: Live::None,
        }
    }

    /// Says each line that ends in `chunk`; never blocks. No more updates than `chunk` has bytes.
    pub(crate) fn hear(&mut self, chunk: &[u8]) {
        let Self { status, conversation, stream, lines, live } = self;
        lines.push(chunk, |line| {
            if *live == Live::Shown {
                *live = Live::Ended;
            }
            say(status, conversation, *stream, line);
        });
    }

    /// Says what is shown by a line that is being redrawn, if that has changed: one update, which the
    /// next one replaces.
    pub(crate) async fn show_live(&mut self) {
        self.end_live().await;
        let Self { status, conversation, stream, lines, live } = self;
        if let Some(line) = lines.live() {
            say(status, conversation, *stream, line);
            *live = Live::Shown;
        }
    }

    /// Waits until the value of a line that has ended is delivered, if there is one: the next value
    /// would take its place in the queue, in front of the lines since. And it is not retained, as if
    /// the line were still redrawn.
    async fn end_live(&mut self) {
        if self.live != Live::Ended {
            return;
        }
        self.live = Live::None;
        self.status.flush().await;
        if let Some(name) = self.conversation.name() {
            let key = Some(self.stream.name());
            self.status.remove_retained(name, Category::PROGRESS, key);
        }
    }

    /// Says the last line, if it has no end. What is heard after this is another text.
    pub(crate) async fn finish(&mut self) {
        let Self { status, conversation, stream, lines, live } = self;
        lines.finish(|line| say(status, conversation, *stream, line));
        if *live == Live::Shown {
            *live = Live::Ended;
        }
        self.end_live().await;
    }

    /// Says something about the stream itself.
    pub(crate) fn remark(&self, text: String) {
        self.conversation.engine(text);
    }
}

/// Says a line: as it means it, or as it stands if the bus does not take that.
fn say(status: &Status, conversation: &Conversation, stream: Stream, line: Line<'_>) {
    let Err(reason) = send(status, conversation, meaning::read(line, stream)) else { return };
    if matches!(reason, RefuseReason::Full | RefuseReason::Closed) {
        return;
    }
    let plain = meaning::plain(line, stream);
    let note = || Some(format!(r#"{{"refused":"{}"}}"#, reason.as_str()).into());
    let metadata = plain.metadata.or_else(note);
    let _ = send(status, conversation, Said { metadata, ..plain });
}

/// Sends it; the bus counts it in any case.
fn send(status: &Status, conversation: &Conversation, said: Said<'_>) -> Result<(), RefuseReason> {
    let Said { conversation: about, category, text, key, priority, ttl, .. } = said;
    let draft = match about {
        About::Command => conversation.update(Category::INFO, text),
        About::Conversation(name) => status.update(&name, Category::INFO, text),
        About::System => status.system_update(Category::INFO, text),
    };
    let mut draft = draft.category(&category);
    if let Some(key) = key {
        draft = draft.key(key);
    }
    if let Some(priority) = priority {
        draft = draft.priority(priority);
    }
    if let Some(ttl) = ttl {
        draft = draft.ttl(ttl);
    }
    let known = || match (said.fraction, said.replaces) {
        (None, None) => None,
        (Some(done), None) => Some(format!(r#"{{"fraction":{done}}}"#).into()),
        (None, Some(key)) => Some(format!(r#"{{"replaces":"{key}"}}"#).into()),
        (Some(done), Some(key)) => {
            Some(format!(r#"{{"fraction":{done},"replaces":"{key}"}}"#).into())
        }
    };
    if let Some(json) = said.metadata.or_else(known) {
        let Ok(metadata) = json.parse::<Metadata>() else {
            status.refuse(RefuseReason::Invalid);
            return Err(RefuseReason::Invalid);
        };
        draft = draft.metadata(metadata);
    }
    match draft.try_send().map_err(|error| error.kind()) {
        Err(SendErrorKind::Refused(reason)) => Err(reason),
        _ => Ok(()), // what the queue has no room for is counted and reported as a gap
    }
}

/// What is said besides a text.
pub(crate) fn object<const N: usize>(fields: [(&str, serde_json::Value); N]) -> Metadata {
    let object: serde_json::Map<_, _> =
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Metadata::try_from(object).unwrap_or_default() // few levels: all of it is written here
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use statusbus_tokio::{Event, Selector, Spawn};

    use super::*;

    /// What is delivered of `output`: (conversation, category, text, metadata).
    async fn delivered(output: &[u8]) -> Vec<[String; 4]> {
        let status = Status::builder().spawn();
        let mut reader = status.subscribe(Selector::Everything).open();
        let conversation = status.conversation("make").expect("a name");
        let mut speaker = Speaker::new(&status, &conversation, Stream::Stdout);
        speaker.hear(output);
        speaker.finish().await;
        let shutdown = status.shutdown(Duration::from_secs(60));
        let read = async {
            let mut seen = Vec::new();
            while let Some(event) = reader.next().await {
                let Event::Batch(batch) = event else { panic!("a batch was expected: {event:?}") };
                seen.extend(batch.iter().map(|update| {
                    let category = status.categories().name(update.category());
                    [
                        update.conversation().unwrap_or_default().to_owned(),
                        category.unwrap_or_default().to_owned(),
                        update.text().to_owned(),
                        update.metadata().unwrap_or_default().to_owned(),
                    ]
                }));
            }
            seen
        };
        let (ledger, seen) = tokio::join!(shutdown, read);
        assert!(ledger.is_balanced());
        seen
    }

    #[tokio::test(start_paused = true)]
    async fn each_line_is_said_as_it_means_it() {
        let output =
            b"hello\n45%\n{\"text\":\"up\",\"conversation\":null,\"category\":\"engine\"}\nlast";
        let seen = delivered(output).await;
        assert_eq!(
            seen,
            [
                ["make", "info", "hello", ""],
                ["make", "progress", "45%", r#"{"fraction":0.45}"#],
                ["", "engine", "up", ""],
                ["make", "info", "last", ""],
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_bus_refuses_is_said_as_it_stands() {
        let large = format!(r#"{{"text":"{}","key":"k"}}"#, "x".repeat(17_000));
        let surrogate = r#"{"text":"a","metadata":{"\ud800":1}}"#;
        for (line, reason) in [
            (r#"{"text":"a","category":"gossip"}"#, "unknown_category"),
            (r#"{"text":"a","key":""}"#, "invalid"),
            (surrogate, "invalid"),
            (&large, "too_large"),
        ] {
            let seen = delivered(line.as_bytes()).await;
            let [[about, category, text, metadata]] = &seen[..] else { panic!("{seen:?}") };
            assert_eq!((about.as_str(), category.as_str()), ("make", "info"), "{line}");
            assert!(line.starts_with(text.as_str()), "{line}");
            let cut = text.len() < line.len();
            assert_eq!(*metadata == format!(r#"{{"refused":"{reason}"}}"#), !cut, "{metadata}");
            assert_eq!(metadata.starts_with(r#"{"cut":"#), cut, "{metadata}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_redrawn_next_stays_behind_the_lines_before_it_and_what_has_ended_is_not_retained()
     {
        let status = Status::builder().spawn();
        let mut reader = status.subscribe(Selector::Everything).open();
        let conversation = status.conversation("make").expect("a name");
        let mut speaker = Speaker::new(&status, &conversation, Stream::Stdout);
        // The queue still holds what is shown of the first bar when the second one begins.
        for chunk in ["first\n", "\ra 10%", "\ra 90%", "\ra 100%\nline\n", "\rb 10%", "\rb 100%\n"]
        {
            speaker.hear(chunk.as_bytes());
            speaker.show_live().await;
        }
        status.flush().await;
        let mut texts = Vec::new();
        while let Some(Event::Batch(batch)) = reader.try_next() {
            texts.extend(batch.iter().map(|update| update.text().to_owned()));
        }
        let place = |text| texts.iter().position(|known| known == text).expect("it is there");
        assert!(place("a 100%") < place("line") && place("line") < place("b 100%"), "{texts:?}");
        assert!(texts.iter().all(|text| !text.starts_with("b ") || place(text) > place("line")));
        let mut late = status.subscribe(Selector::Everything).with_retained().open();
        let Some(Event::Retained(values)) = late.try_next() else { panic!("values come first") };
        assert!(values.iter().all(|value| value.key().is_none()), "{values:?}");
        drop((reader, late));
        assert!(status.shutdown(Duration::from_secs(1)).await.is_balanced());
    }
}
