//! Runs a command, follows files or reads devices, and shows live what they say, here and over HTTP.

mod args;
mod command;
mod device;
mod lines;
mod meaning;
mod name;
mod output;
mod pace;
mod serving;
mod signals;
mod speaker;
mod tail;
mod view;

use std::collections::HashSet;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use statusbus_tokio::{Builder, Conversation, Spawn, Status};
use tokio::time::Instant;

use crate::args::{Action, Arguments, Common, Run, Serve};
use crate::device::{Address, Device, Names};
use crate::pace::Pace;
use crate::serving::{Serving, Taken};
use crate::signals::{Interrupt, Interrupts};
use crate::tail::{Start, Tail};
use crate::view::{View, Viewing};

/// How long the output may take to show what is left when somebody has asked us to stop.
const PATIENCE: Duration = Duration::from_secs(3);

/// However long it takes: whoever reads slowly is read to.
const FOREVER: Duration = Duration::from_secs(365 * 86_400);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // The runner and the server have two threads, reading (this one) and showing (the view's) one
    // each.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let result = runtime.and_then(|runtime| {
        let result = runtime.block_on(watch(arguments.action));
        // A view that nothing can be done for is not waited for.
        runtime.shutdown_background();
        result
    });
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

async fn watch(action: Action) -> io::Result<u8> {
    let interrupts = Interrupts::listen()?;
    match action {
        Action::Run(arguments) => run(arguments, interrupts).await,
        Action::Tail(arguments) => tail(arguments, interrupts).await,
        Action::Device(arguments) => device(arguments, interrupts).await,
        Action::Serve(arguments) => serve(arguments, interrupts).await,
    }
}

async fn run(arguments: Run, mut interrupts: Interrupts) -> io::Result<u8> {
    let group = arguments.group();
    let Run { name, grace, common, command, .. } = arguments;
    let name = match (&name, command.first()) {
        (Some(name), _) => name::valid(name),
        (None, Some(program)) => name::of_path(program),
        (None, None) => name::valid("command"),
    };
    let builder = Pace::bus(common.bus.builder().map_err(io::Error::other)?);
    let Opened { status, view, serving } = Opened::new(builder, &common, Taken::Another).await?;
    let conversation = conversation(&status, &name)?;
    let running = match command::spawn(&command, group) {
        Ok(running) => running,
        Err(error) => {
            let program = command.first().map(|program| program.to_string_lossy().into_owned());
            complain(format_args!("cannot run {:?}: {error}", program.unwrap_or_default()));
            return Ok(if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 });
        }
    };
    let mut viewing = view.show(Some(name))?;
    let pace = Pace::new(&status, viewing.progress(), common.bus.window());
    let ended =
        running.follow(&status, &conversation, &pace, grace, &mut viewing, &mut interrupts).await?;
    let shown =
        finish(&status, viewing, serving, &mut interrupts, ended.interrupt().is_some()).await;
    Ok(match (ended.exit_code(), shown) {
        (0, false) => 1,
        (code, _) => code,
    })
}

async fn tail(arguments: args::Tail, mut interrupts: Interrupts) -> io::Result<u8> {
    let args::Tail { lines, from_start, every, common, files } = arguments;
    let builder = Pace::bus(common.bus.builder().map_err(io::Error::other)?);
    let Opened { status, view, serving } = Opened::new(builder, &common, Taken::Another).await?;
    let start = if from_start { Start::Beginning } else { Start::Lines(lines) };
    // By the last part of its path, if no other file has the same.
    let mut names = HashSet::new();
    let unique = files.iter().all(|file| names.insert(name::of_path(file)));
    let name = |file: &std::path::PathBuf| match unique {
        true => name::of_path(file),
        false => name::of_whole_path(file.as_os_str()),
    };
    let home = if files.len() == 1 { files.first().map(name) } else { None };
    let mut viewing = view.show(home)?;
    let mut tails = Vec::new();
    for file in &files {
        let conversation = conversation(&status, &name(file))?;
        tails.push(Tail::new(file, start, &status, &conversation));
    }
    let pace = Pace::new(&status, viewing.progress(), common.bus.window());
    let following = tail::follow(&mut tails, &pace, every);
    let ended = attend(following, &mut viewing, &mut interrupts).await;
    for tail in &mut tails {
        tail.finish().await;
    }
    let shown = finish(&status, viewing, serving, &mut interrupts, true).await;
    Ok(exit_code(ended, shown))
}

async fn device(arguments: args::Device, mut interrupts: Interrupts) -> io::Result<u8> {
    let end = arguments.end();
    let args::Device { devices: addresses, baud, common, .. } = arguments;
    let builder = Pace::bus(common.bus.builder().map_err(io::Error::other)?);
    let mut names = HashSet::new();
    if let Some(twice) =
        addresses.iter().map(Address::name).find(|name| !names.insert(name.clone()))
    {
        let text = format!("two devices are called {twice}: name them, as in pump=/dev/ttyUSB0");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let Opened { status, view, serving } = Opened::new(builder, &common, Taken::Another).await?;
    let home = if addresses.len() == 1 { addresses.first().map(Address::name) } else { None };
    let mut devices = Vec::new();
    for address in &addresses {
        let names = match addresses.len() > 1 || address.is_named() {
            true => Names::Prefixed,
            false => Names::AsSaid,
        };
        devices.push(Device::new(address, baud, end, names, &status).await?);
    }
    let mut viewing = view.show(home)?;
    let pace = Pace::new(&status, viewing.progress(), common.bus.window());
    let reading = device::read(&mut devices, end, &pace);
    let ended = attend(reading, &mut viewing, &mut interrupts).await;
    devices.iter_mut().for_each(Device::finish);
    let interrupted = !matches!(ended, Ended::Itself(_));
    let shown = finish(&status, viewing, serving, &mut interrupts, interrupted).await;
    Ok(exit_code(ended, shown))
}

async fn serve(arguments: Serve, mut interrupts: Interrupts) -> io::Result<u8> {
    let common = arguments.common;
    let builder = common.bus.wide_builder().map_err(io::Error::other)?;
    let Opened { status, view, serving } = Opened::new(builder, &common, Taken::Fails).await?;
    let mut viewing = view.show(None)?;
    let ended = attend(std::future::pending(), &mut viewing, &mut interrupts).await;
    let shown = finish(&status, viewing, serving, &mut interrupts, true).await;
    Ok(exit_code(ended, shown))
}

/// A bus, with a view that reads from now on and a server.
struct Opened {
    status: Status,
    view: View,
    serving: Option<Serving>,
}

impl Opened {
    async fn new(builder: Builder, common: &Common, taken: Taken) -> io::Result<Self> {
        let status = builder.spawn();
        let view = View::open(common.view.form(), &status);
        let serving = serving::open(&common.serving, taken, &status).await?;
        Ok(Self { status, view, serving })
    }
}

/// Why what is watched is watched no more.
enum Ended {
    /// Somebody has asked us to stop.
    Interrupted(Interrupt),
    /// Nobody views it any more.
    Unviewed,
    /// It has come to its end, or failed.
    Itself(io::Result<()>),
}

/// Does something until it ends, somebody asks us to stop, or nobody views it any more.
async fn attend(
    something: impl Future<Output = io::Result<()>>,
    viewing: &mut Viewing,
    interrupts: &mut Interrupts,
) -> Ended {
    tokio::select! {
        interrupt = interrupts.next() => Ended::Interrupted(interrupt),
        () = viewing.ended() => Ended::Unviewed,
        end = something => Ended::Itself(end),
    }
}

fn exit_code(ended: Ended, shown: bool) -> u8 {
    match ended {
        Ended::Interrupted(interrupt) => interrupt.exit_code(),
        Ended::Itself(Err(error)) => {
            complain(&error);
            1
        }
        Ended::Itself(Ok(())) | Ended::Unviewed => u8::from(!shown),
    }
}

fn conversation(status: &Status, name: &str) -> io::Result<Conversation> {
    status.conversation(name).map_err(io::Error::other)
}

/// Delivers and shows everything that was said: however long that takes, unless somebody asks or has
/// asked us to stop. Answers whether it could be shown.
async fn finish(
    status: &Status,
    mut viewing: Viewing,
    serving: Option<Serving>,
    interrupts: &mut Interrupts,
    interrupted: bool,
) -> bool {
    let mut patience = if interrupted { PATIENCE } else { FOREVER };
    // Nobody waits for those who read elsewhere, but for a moment.
    let serving = serving.map(|serving| tokio::spawn(serving.end()));
    loop {
        let deadline = Instant::now() + patience;
        let shown = async {
            status.shutdown(patience).await;
            tokio::time::timeout_at(deadline, viewing.ended()).await
        };
        tokio::select! {
            _ = shown => break,
            _ = interrupts.next() => match patience {
                FOREVER => patience = PATIENCE,
                _ => break,
            },
        }
    }
    if let Some(serving) = serving {
        let _ = serving.await;
    }
    let progress = viewing.progress().clone();
    match viewing.into_result() {
        Some(Ok(())) => return true,
        // Whoever has closed it has seen enough.
        Some(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => return true,
        Some(Err(error)) => {
            view::restore();
            complain(format_args!("cannot write: {error}"));
        }
        None => {
            view::restore();
            let unread = status.head().saturating_sub(progress.seq());
            complain(format_args!("the output was too slow: {unread} updates were not shown"));
        }
    }
    let _ = writeln!(io::stderr(), "{}", view::closing(&status.ledger(), progress.missed()));
    false
}

/// Tells what is wrong, if there is anybody to tell.
fn complain(what: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "watch: {what}");
}
