//! The terminal as a reader of the bus: frames at their time, and the terminal as it was at the end.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::cursor::Show;
use crossterm::queue;
use crossterm::style::{Attribute, SetAttribute};
use crossterm::terminal::{Clear, ClearType, EnableLineWrap, EndSynchronizedUpdate};
use statusbus_tokio::{Status, Subscription};
use tokio::time::Instant;

use super::Progress;
use super::figures::Account;
use super::paint::Style;
use super::screen::Screen;
use super::write_all;

/// The least time between frames, unless there is too much to draw: 20 a second.
const FRAME: Duration = Duration::from_millis(50);

/// The time between frames when nothing comes: what shows that time passes.
const IDLE: Duration = Duration::from_millis(250);

/// Whether the cursor is hidden, above a panel.
static PANEL: AtomicBool = AtomicBool::new(false);

/// Shows everything that `reader` reads, until its end.
pub(super) async fn show(
    mut reader: Subscription,
    status: &Status,
    home: Option<String>,
    progress: &Progress,
) -> io::Result<()> {
    restore_on_panic();
    let began = Instant::now();
    let mut screen = Screen::new(Style::of_environment(), home, status.categories());
    let mut stops = Stops::listen()?;
    let (mut last, mut changed) = (began, true);
    let mut frame = Vec::new();
    loop {
        let next = last + if changed { FRAME } else { IDLE };
        let event = tokio::select! {
            biased;
            () = stops.next() => {
                restore();
                stops.stop();
                screen.forget_panel();
                changed = true;
                continue;
            }
            event = tokio::time::timeout_at(next, reader.next()) => event,
        };
        let now = Instant::now();
        match event {
            Ok(Some(event)) => {
                progress.note(&event);
                screen.take(&event, now - began);
                changed = true;
            }
            Ok(None) => break,
            Err(_) => {}
        }
        if changed && now >= last + FRAME || now >= last + IDLE || screen.is_full() {
            let account = account(status, progress);
            frame.clear();
            screen.draw(&mut frame, size(), &account, now - began)?;
            PANEL.store(true, Ordering::Release);
            write(&frame)?;
            (last, changed) = (now, false);
        }
    }
    frame.clear();
    screen.end(&mut frame, size(), &account(status, progress), began.elapsed())?;
    PANEL.store(false, Ordering::Release);
    write(&frame)
}

fn account(status: &Status, progress: &Progress) -> Account {
    Account { ledger: status.ledger(), missed: progress.missed(), ended: false }
}

/// Columns and rows.
fn size() -> (usize, usize) {
    match crossterm::terminal::size() {
        Ok((columns @ 1.., rows @ 1..)) => (usize::from(columns), usize::from(rows)),
        _ => (80, 24),
    }
}

fn write(frame: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    write_all(&mut out, frame)?;
    out.flush()
}

/// Gives the terminal back as it was, if there is a panel: clears that and shows the cursor.
pub(crate) fn restore() {
    if PANEL.swap(false, Ordering::AcqRel) {
        let mut end = Vec::new();
        let queued = queue!(
            end,
            EndSynchronizedUpdate,
            EnableLineWrap,
            SetAttribute(Attribute::Reset),
            Clear(ClearType::FromCursorDown),
            Show
        );
        // There is nobody left to tell.
        let _ = queued.and_then(|()| write(&end));
    }
}

/// A panic is then told below the lines, not in the panel.
fn restore_on_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        restore();
        tell(panic);
    }));
}

/// Ctrl-Z: the shell is to find the terminal as it was.
struct Stops {
    #[cfg(unix)]
    signals: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Stops {
    fn listen() -> io::Result<Self> {
        let kind =
            tokio::signal::unix::SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw());
        Ok(Self { signals: tokio::signal::unix::signal(kind)? })
    }

    async fn next(&mut self) {
        if self.signals.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    /// Stops this program, until it is continued.
    fn stop(&self) {
        use rustix::process::{Signal, getpid, kill_process};
        let _ = kill_process(getpid(), Signal::STOP);
    }
}

#[cfg(not(unix))]
impl Stops {
    fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    async fn next(&mut self) {
        std::future::pending::<()>().await;
    }

    fn stop(&self) {}
}
