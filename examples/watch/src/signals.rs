//! Being asked to stop.

use std::io;

/// Somebody asks the program to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(unix), allow(dead_code))] // elsewhere there is only Ctrl-C
pub(crate) enum Interrupt {
    /// Ctrl-C.
    CtrlC,
    /// Ctrl-\.
    Quit,
    /// `kill`, or a service manager.
    Terminate,
    /// The terminal has gone.
    HangUp,
}

impl Interrupt {
    /// The status that a program exits with that this has ended: 128 and the number of the signal.
    pub(crate) const fn exit_code(self) -> u8 {
        128 + match self {
            Self::HangUp => 1,
            Self::CtrlC => 2,
            Self::Quit => 3,
            Self::Terminate => 15,
        }
    }
}

/// The process group of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(unix), allow(dead_code))] // elsewhere there are none
pub(crate) enum Group {
    /// The one that we are in, and with it the terminal's keys.
    Ours,
    /// One that it leads.
    Own,
}

#[cfg(unix)]
pub(crate) use unix::{Interrupts, kill_group, pass_on};

#[cfg(unix)]
mod unix {
    use rustix::process::{Pid, Signal, getpgrp, kill_process, kill_process_group};
    use tokio::signal::unix::{Signal as Signals, SignalKind, signal};

    use super::*;

    /// The interrupts that come from now on; none of them ends the program by itself any more.
    pub(crate) struct Interrupts {
        interrupt: Signals,
        quit: Signals,
        terminate: Signals,
        hang_up: Signals,
    }

    impl Interrupts {
        pub(crate) fn listen() -> io::Result<Self> {
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                quit: signal(SignalKind::quit())?,
                terminate: signal(SignalKind::terminate())?,
                hang_up: signal(SignalKind::hangup())?,
            })
        }

        /// The next one. Safe to cancel.
        pub(crate) async fn next(&mut self) -> Interrupt {
            tokio::select! {
                _ = self.interrupt.recv() => Interrupt::CtrlC,
                _ = self.quit.recv() => Interrupt::Quit,
                _ = self.terminate.recv() => Interrupt::Terminate,
                _ = self.hang_up.recv() => Interrupt::HangUp,
            }
        }
    }

    /// Passes an interrupt on to a child and to the group that it leads, unless it has got it already:
    /// a key goes to everyone in the foreground of the terminal, and many programs take a second
    /// one as "at once".
    pub(crate) fn pass_on(interrupt: Interrupt, child: u32, group: Group) {
        let has_it = group == Group::Ours && is_in_foreground();
        let signal = match interrupt {
            Interrupt::CtrlC | Interrupt::Quit if has_it => return,
            Interrupt::CtrlC => Signal::INT,
            Interrupt::Quit => Signal::QUIT,
            Interrupt::Terminate => Signal::TERM,
            Interrupt::HangUp => Signal::HUP,
        };
        if let Some(child) = pid(child) {
            // If it fails, the child has just gone.
            let _ = match group {
                Group::Ours => kill_process(child, signal),
                Group::Own => kill_process_group(child, signal),
            };
        }
    }

    /// Kills a child that leads a group, and all that are in it.
    pub(crate) fn kill_group(child: u32) {
        if let Some(child) = pid(child) {
            let _ = kill_process_group(child, Signal::KILL);
        }
    }

    fn pid(child: u32) -> Option<Pid> {
        i32::try_from(child).ok().and_then(Pid::from_raw)
    }

    /// Whether keys of the terminal reach this program and its children.
    fn is_in_foreground() -> bool {
        let own = getpgrp();
        let foreground = [
            rustix::termios::tcgetpgrp(io::stdin()),
            rustix::termios::tcgetpgrp(io::stdout()),
            rustix::termios::tcgetpgrp(io::stderr()),
        ];
        foreground.contains(&Ok(own))
    }
}

#[cfg(not(unix))]
pub(crate) use elsewhere::{Interrupts, kill_group, pass_on};

#[cfg(not(unix))]
mod elsewhere {
    use super::*;

    /// The interrupts that come from now on; none of them ends the program by itself any more.
    pub(crate) struct Interrupts(());

    impl Interrupts {
        pub(crate) fn listen() -> io::Result<Self> {
            Ok(Self(()))
        }

        /// The next one. Safe to cancel.
        pub(crate) async fn next(&mut self) -> Interrupt {
            match tokio::signal::ctrl_c().await {
                Ok(()) => Interrupt::CtrlC,
                Err(_) => std::future::pending().await,
            }
        }
    }

    /// The console tells the child itself.
    pub(crate) fn pass_on(_: Interrupt, _: u32, _: Group) {}

    /// There are no groups.
    pub(crate) fn kill_group(_: u32) {}
}
