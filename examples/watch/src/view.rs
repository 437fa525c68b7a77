//! Showing what is delivered: readers of the bus, each on a thread of its own, that may be as slow
//! as what they write to.

mod board;
mod figures;
mod json;
mod paint;
mod panel;
mod plain;
mod progress;
mod safe;
mod screen;
mod scroll;
mod terminal;

use std::io::{self, IsTerminal, Write};

use statusbus_tokio::{Batch, Event, OnLag, Selector, Status, Subscription, Update};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

pub(crate) use figures::closing;
pub(crate) use progress::Progress;
pub(crate) use terminal::restore;

/// How things are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Lines that scroll, and below them a panel of what stands.
    Terminal,
    /// A line of text for each update.
    Plain,
    /// A line of JSON for each batch.
    Json,
}

impl Form {
    /// The richest that standard output can show.
    pub(crate) fn of_stdout() -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if io::stdout().is_terminal() && !dumb { Self::Terminal } else { Self::Plain }
    }
}

/// A view that runs until the bus has been shut down and everything is shown, or it cannot write.
pub(crate) struct Viewing {
    end: oneshot::Receiver<io::Result<()>>,
    progress: Progress,
    result: Option<io::Result<()>>,
}

/// A view that has begun to read, but shows nothing yet.
pub(crate) struct View {
    form: Form,
    reader: Subscription,
    status: Status,
}

impl View {
    /// Shows everything from now on, once it is to be [shown](Self::show): open it before anybody is
    /// told where to publish.
    pub(crate) fn open(form: Form, status: &Status) -> Self {
        let on_lag = match form {
            // What is on a terminal goes by anyway: there the latest matters.
            Form::Terminal => OnLag::Latest,
            // At the end of a command nothing comes next, and its last lines are those that say why.
            Form::Plain | Form::Json => OnLag::Oldest,
        };
        let reader = status.subscribe(Selector::Everything).with_on_lag(on_lag).open();
        Self { form, reader, status: status.clone() }
    }

    /// What is said in the conversation `home` goes without its name where a person reads it.
    pub(crate) fn show(self, home: Option<String>) -> io::Result<Viewing> {
        let Self { form, reader, status } = self;
        let (told, end) = oneshot::channel();
        let runtime = Handle::current();
        let progress = Progress::default();
        let noted = progress.clone();
        let show = move || {
            let result = runtime.block_on(async {
                match form {
                    Form::Terminal => terminal::show(reader, &status, home, &noted).await,
                    Form::Plain => plain::show(reader, &status, &noted).await,
                    Form::Json => json::show(reader, &status, &noted).await,
                }
            });
            let _ = told.send(result);
        };
        std::thread::Builder::new().name("view".into()).spawn(show)?;
        Ok(Viewing { end, progress, result: None })
    }
}

impl Viewing {
    /// Waits until the view has ended. Safe to cancel.
    pub(crate) async fn ended(&mut self) {
        if self.result.is_none() {
            let panicked = |_| Err(io::Error::other("the view panicked"));
            self.result = Some((&mut self.end).await.unwrap_or_else(panicked));
        }
    }

    /// How far it is.
    pub(crate) const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Whether it was seen to have ended.
    pub(crate) const fn has_ended(&self) -> bool {
        self.result.is_some()
    }

    /// How it has ended; none if it has not.
    pub(crate) fn into_result(self) -> Option<io::Result<()>> {
        self.result
    }
}

/// Writes what `form` makes of each event, as much at once as there is.
async fn pour(
    reader: &mut Subscription,
    out: &mut impl Write,
    progress: &Progress,
    mut form: impl FnMut(&mut Vec<u8>, &Event) -> io::Result<()>,
) -> io::Result<()> {
    const ENOUGH: usize = 64 * 1024;
    let mut text = Vec::new();
    while let Some(event) = reader.next().await {
        progress.note(&event);
        form(&mut text, &event)?;
        while text.len() < ENOUGH
            && let Some(event) = reader.try_next()
        {
            progress.note(&event);
            form(&mut text, &event)?;
        }
        write_all(out, &text)?;
        text.clear();
    }
    Ok(())
}

/// Writes all of it, also where somebody has made the other end non-blocking: Node.js does that to
/// the terminal that it shares with us.
fn write_all(out: &mut impl Write, mut text: &[u8]) -> io::Result<()> {
    use io::ErrorKind::{Interrupted, WouldBlock, WriteZero};
    while !text.is_empty() {
        match out.write(text) {
            Ok(0) => return Err(WriteZero.into()),
            Ok(written) => text = &text[written..],
            Err(error) if error.kind() == Interrupted => {}
            Err(error) if error.kind() == WouldBlock => {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The updates of an event, in order.
fn updates(event: &Event) -> impl Iterator<Item = Update<'_>> {
    let batch = match event {
        Event::Batch(batch) | Event::Retained(batch) => Some(batch),
        _ => None,
    };
    batch.into_iter().flat_map(Batch::iter)
}
