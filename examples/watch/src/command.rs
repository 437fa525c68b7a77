//! A command: its output, its end, and passing interrupts on to it.

use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use statusbus_tokio::{Category, Conversation, Priority, Status};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::Instant;

use crate::meaning::Stream;
use crate::output::{Output, Quiet};
use crate::pace::Pace;
use crate::signals::{Group, Interrupt, Interrupts, kill_group, pass_on};
use crate::speaker::{Speaker, object};
use crate::view::Viewing;

/// When the command has ended, but something that it left behind holds its output open: for how long
/// that may be quiet until it is not read any more.
const LINGER: Duration = Duration::from_secs(2);

const HELD: &str =
    "what it left behind holds its output open, and is quiet: it is not read any more";

const UNREAD: &str =
    "interrupted, and what it wrote could not be shown in time: the rest is not read any more";

/// The status of a program that has written to a pipe that nobody reads: 128 and SIGPIPE.
const CLOSED: u8 = 128 + 13;

/// A command that runs.
pub(crate) struct Running {
    child: Child,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    group: Group,
    began: Instant,
}

/// How it ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    status: ExitStatus,
    after: Duration,
    interrupt: Option<Interrupt>,
    /// It did not end in time, and we killed it.
    killed: bool,
}

/// Runs a command: a program and its arguments. It has our input and our terminal.
pub(crate) fn spawn(command: &[OsString], group: Group) -> io::Result<Running> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "there is no command"));
    };
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    #[cfg(unix)]
    if group == Group::Own {
        command.process_group(0);
    }
    let mut child = command.spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    Ok(Running { child, stdout, stderr, group, began: Instant::now() })
}

impl Running {
    /// Says what the command says, and how it ends. An interrupt is passed on; when the command has
    /// not ended `grace` later, or with the next interrupt, it is killed; the rest of its output then
    /// has the same time to be read. When nobody views it any more its output is closed, as that of a
    /// command in a pipeline is.
    pub(crate) async fn follow(
        mut self,
        status: &Status,
        conversation: &Conversation,
        pace: &Pace,
        grace: Duration,
        viewing: &mut Viewing,
        interrupts: &mut Interrupts,
    ) -> io::Result<Ended> {
        if let Some(id) = self.child.id() {
            let started =
                conversation.update(Category::WORKFLOW, format!("started as process {id}"));
            started.metadata(object([("pid", id.into())])).send();
        }
        let mut out = Speaker::new(status, conversation, Stream::Stdout);
        let mut err = Speaker::new(status, conversation, Stream::Stderr);
        let quiet = Quiet::new();
        let (stdout, stderr) = ((self.stdout.take(), &mut out), (self.stderr.take(), &mut err));
        let mut output = Output::new(stdout, stderr, pace, &quiet);

        let mut exit = None;
        let mut interrupt = None;
        let mut killed = false;
        let mut deadline = None;
        while exit.is_none() || output.is_open() {
            tokio::select! {
                end = self.child.wait(), if exit.is_none() => {
                    exit = Some((end?, self.began.elapsed()));
                    quiet.begin();
                    // A slow output still gets the rest, but an interrupt ends the program in bounded time.
                    deadline = deadline.map(|_| Instant::now() + grace);
                }
                () = output.end() => {}
                () = quiet.lasts(LINGER), if exit.is_some() => {
                    conversation.engine(HELD);
                    output.close();
                }
                next = interrupts.next() => {
                    let first = interrupt.replace(next).is_none();
                    match self.child.id() {
                        Some(id) if first => {
                            conversation.engine("interrupted: waiting for it to end; once more kills it");
                            pass_on(next, id, self.group);
                            deadline = Some(Instant::now() + grace);
                        }
                        Some(_) => deadline = Some(Instant::now()),
                        // It has ended: nobody waits for what it left behind.
                        None => output.close(),
                    }
                }
                () = viewing.ended(), if !viewing.has_ended() => {
                    output.close();
                    deadline = deadline.or(Some(Instant::now() + grace));
                }
                () = until(deadline), if exit.is_some() => {
                    conversation.engine(UNREAD);
                    output.close();
                }
                () = until(deadline), if !killed && exit.is_none() => {
                    killed = true;
                    if let (Group::Own, Some(id)) = (self.group, self.child.id()) {
                        kill_group(id);
                    }
                    self.child.start_kill()?;
                }
            }
        }
        drop(output);
        out.finish().await;
        err.finish().await;
        let (exit, after) = exit.ok_or_else(|| io::Error::other("the command has not ended"))?;
        let ended = Ended { status: exit, after, interrupt, killed };
        // Nothing is queued then that it would have to displace.
        status.flush().await;
        ended.say(conversation);
        Ok(ended)
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

impl Ended {
    /// What a shell would say: the command's own status, or 128 and the number of the signal that
    /// killed it. If we killed it: as if we had been ended by what we were asked to end by.
    pub(crate) fn exit_code(&self) -> u8 {
        match (self.interrupt, self.status.code()) {
            (Some(interrupt), _) if self.killed => interrupt.exit_code(),
            (None, _) if self.killed => CLOSED,
            (_, Some(code)) => code as u8,
            (_, None) => 128_u8.wrapping_add(signal(self.status).unwrap_or(0) as u8),
        }
    }

    /// The interrupt that was passed on to it.
    pub(crate) const fn interrupt(&self) -> Option<Interrupt> {
        self.interrupt
    }

    fn say(&self, conversation: &Conversation) {
        let after = format!("after {:.1} s", self.after.as_secs_f64());
        let (code, signal) = (self.status.code(), signal(self.status));
        let text = match (code, signal) {
            (Some(0), _) => format!("exited with 0 {after}"),
            (Some(code), _) => format!("exited with status {code} {after}"),
            (None, Some(signal)) => format!("killed by signal {signal} {after}"),
            (None, None) => format!("ended {after}"),
        };
        let category = if self.status.success() { Category::WORKFLOW } else { Category::ERROR };
        let metadata = object([
            ("exit_code", code.into()),
            ("signal", signal.into()),
            ("seconds", self.after.as_secs_f64().into()),
        ]);
        conversation.update(category, text).priority(Priority::High).metadata(metadata).send();
    }
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<i32> {
    None
}
