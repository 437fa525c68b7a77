//! The command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use statusbus_tokio::{Builder, Config, ConfigError, Overflow, Status};

use crate::device::{Address, End};
use crate::signals::Group;
use crate::view::Form;

/// Runs a command, follows files or reads devices, and shows live what they say, here and over HTTP
///
/// Every line becomes a status update on a statusbus. On a terminal the lines scroll by, and a panel
/// below them shows progress as bars; elsewhere, and with --plain, each update is a line
/// `HH:MM:SS conversation category text`. What is not shown is counted.
#[derive(Debug, Parser)]
#[command(name = "watch", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) action: Action,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    Run(Run),
    Tail(Tail),
    Device(Device),
    Serve(Serve),
}

/// Run a command and show what it does
///
/// The exit status is the command's own; 128 and the number of the signal if one killed it; 127 if
/// there is no such command and 126 if it cannot be run.
///
/// Every line that the command finishes is shown, on a terminal as in a pipe or a file, those of stdout
/// in order and those of stderr in order (with `sh -c '… 2>&1'` all of them). A slow output slows the
/// command down, as if it wrote there itself; viewers over HTTP do not, and learn what they missed. A
/// line that is redrawn, as progress bars are (a carriage return without a
/// newline), is shown as it changes, and becomes a line when it is finished.
///
/// An interrupt (Ctrl-C, SIGTERM) is passed on to the command, and what it says until it ends is
/// still shown; a second one kills it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  watch run -- cargo build
  watch run --name nightly -- make -j4 all
  watch run --json -- ./import.sh | jq -c 'select(.type == \"gap\")'

Most commands draw their progress only on a terminal, and have to be asked for it:
  CARGO_TERM_PROGRESS_WHEN=always CARGO_TERM_PROGRESS_WIDTH=80 watch run -- cargo build

A command can say more than text: a line of JSON with the fields `conversation`, `category`, `text`,
`key`, `priority`, `ttl_ms` and `metadata` is an update with just these. One with a `key` is a value,
which a newer one of the same key may replace before it is shown.

  {\"text\":\"41 of 82 files\",\"category\":\"progress\",\"key\":\"copy\",\"metadata\":{\"fraction\":0.5}}")]
pub(crate) struct Run {
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,

    /// Call its conversation this [default: the command's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// Run it in a process group of its own
    ///
    /// Interrupts then reach whatever it has started, too, and so does the kill in the end. In turn it
    /// can neither read from the terminal nor set it, and Ctrl-Z does not stop it. Without this it
    /// is in our group, as every command of a shell's job is: keys reach all of them, and what comes
    /// from elsewhere (SIGTERM) is passed on to the command alone.
    #[cfg(unix)]
    #[arg(long)]
    own_group: bool,

    /// How long an interrupted command may take to end before it is killed, and a slow output then to
    /// show the rest
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time)]
    pub(crate) grace: Duration,

    #[command(flatten)]
    pub(crate) common: Common,
}

impl Run {
    /// The process group that the command is to be in.
    pub(crate) const fn group(&self) -> Group {
        #[cfg(unix)]
        if self.own_group {
            return Group::Own;
        }
        Group::Ours
    }
}

/// Follow files that grow, as `tail -F` does
///
/// Each file is a conversation. A file that is cut off is read from its beginning, so is another
/// one that takes its name, and one that does not exist is waited for.
#[derive(Debug, Args)]
pub(crate) struct Tail {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Begin with the last lines of each file
    #[arg(short = 'n', long, value_name = "LINES", default_value_t = 0)]
    pub(crate) lines: u64,

    /// Begin at the beginning of each file
    #[arg(long, conflicts_with = "lines")]
    pub(crate) from_start: bool,

    /// How often the files are looked at
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = time)]
    pub(crate) every: Duration,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// Read the frames of devices, and show what they say
///
/// What comes are the frames that `statusbus_core::wire` describes: over a serial port, from an
/// emulator, or from a file. When a line goes down it is opened again as soon as it is there; what
/// is lost meanwhile, or on the way, is counted and shown where it is missing. It runs until it is
/// interrupted.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  watch device /dev/ttyUSB0
  watch device pump=/dev/ttyACM0 valve=/dev/ttyACM1
  watch device tcp:127.0.0.1:5555   for  qemu-system-arm -serial tcp:127.0.0.1:5555,server,nowait
  watch device tcp-listen::5555     for  qemu-system-arm -serial tcp:127.0.0.1:5555,reconnect-ms=500
  watch device --once capture.bin")]
pub(crate) struct Device {
    /// The devices: a path (serial port, pseudo-terminal, FIFO, socket, file), HOST:PORT to connect
    /// to, or tcp-listen:HOST:PORT for one that connects to us
    ///
    /// With a name, and where there are several devices, the conversations of each are called
    /// NAME/conversation. What is about a device as a whole, as that its line is down, is said in the
    /// conversation NAME; without one it is called by its path or address.
    #[arg(required = true, value_name = "[NAME=]LINE", value_parser = Address::parse)]
    pub(crate) devices: Vec<Address>,

    /// The speed of a serial port, in bits a second
    #[arg(long, value_name = "BAUD", default_value_t = 115_200, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) baud: u32,

    /// End when the lines end, and fail if they cannot be read
    #[arg(long)]
    once: bool,

    #[command(flatten)]
    pub(crate) common: Common,
}

impl Device {
    /// What is done at the end of a line.
    pub(crate) const fn end(&self) -> End {
        if self.once { End::Ends } else { End::Waits }
    }
}

/// Serve what others publish over HTTP, and show it
///
/// It runs until it is interrupted.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  watch serve
  curl -d '{\"conversation\":\"conv-1\",\"category\":\"tool\",\"text\":\"searching\"}' localhost:7077/v1/status
  curl -N localhost:7077/v1/events")]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What every action takes.
#[derive(Debug, Args)]
pub(crate) struct Common {
    #[command(flatten)]
    pub(crate) view: View,

    #[command(flatten)]
    pub(crate) serving: Serving,

    #[command(flatten)]
    pub(crate) bus: Bus,
}

/// Where it is served over HTTP, and to whom.
#[derive(Debug, Args)]
#[command(next_help_heading = "Serving")]
pub(crate) struct Serving {
    /// Serve at this address, as in 127.0.0.1:8080; `off`: not at all [default: 127.0.0.1:7077, or
    /// another port if that is taken and nobody has to know it]
    #[arg(long, value_name = "ADDR:PORT", value_parser = listen)]
    pub(crate) listen: Option<Listen>,

    /// Serve only who brings this token; needed to serve others than this machine
    ///
    /// Everybody on this machine can see a command line: rather set the variable.
    #[arg(long, value_name = "TOKEN", env = "WATCH_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
}

/// Where to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listen {
    At(SocketAddr),
    Off,
}

/// How things are shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct View {
    /// Write a line of JSON for each batch of updates, each gap, and the ledger at the end
    #[arg(long, conflicts_with = "plain")]
    json: bool,

    /// Write lines of text, as when the output is no terminal
    #[arg(long)]
    plain: bool,
}

/// How updates are queued and batched.
#[derive(Debug, Args)]
#[command(next_help_heading = "Bus")]
pub(crate) struct Bus {
    /// Most updates that may wait to be delivered: 1 to 65534
    #[arg(long, value_name = "UPDATES", default_value = "10000", value_parser = queue_limit)]
    queue_limit: usize,

    /// Most updates that are delivered at once: 1 to 65534
    #[arg(long, value_name = "UPDATES", default_value = "100", value_parser = batch_size)]
    batch_size: usize,

    /// The longest that an update waits to be delivered: 1us to 1h
    ///
    /// While it waits, a newer update of the same key takes its place: with 1s, a progress bar is
    /// one line a second in the output.
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = flush_interval)]
    flush_interval: Duration,

    /// What goes when the queue is full
    #[arg(long, value_name = "POLICY", default_value = Overflow::Evict.as_str(), value_parser = overflow())]
    overflow: Overflow,

    /// Delivered updates that are kept for an output that is slow
    #[arg(long, value_name = "UPDATES", default_value = "4096")]
    window: NonZeroUsize,
}

impl View {
    pub(crate) fn form(&self) -> Form {
        match (self.json, self.plain) {
            (true, _) => Form::Json,
            (_, true) => Form::Plain,
            _ => Form::of_stdout(),
        }
    }
}

impl Bus {
    /// The bus that is asked for, for one command or some files.
    pub(crate) fn builder(&self) -> Result<Builder, ConfigError> {
        // Who names conversations and keys is the command: what is kept of each is little.
        Ok(self.wide_builder()?.with_conversations(256).with_history(16).with_retained_keys(32))
    }

    /// The same, for whoever may publish.
    pub(crate) fn wide_builder(&self) -> Result<Builder, ConfigError> {
        let config = Config::new()
            .with_queue_limit(self.queue_limit)?
            .with_batch_size(self.batch_size)?
            .with_flush_interval(self.flush_interval)?
            .with_overflow(self.overflow);
        Ok(Status::builder().with_config(config).with_window(self.window()))
    }

    /// Updates that a reader may be behind before it misses any.
    pub(crate) fn window(&self) -> usize {
        self.window.get()
    }
}

fn listen(text: &str) -> Result<Listen, String> {
    if text == "off" {
        return Ok(Listen::Off);
    }
    // `localhost` and a port by itself are what people write.
    let written = match text.rsplit_once(':') {
        Some(("localhost" | "", port)) => format!("127.0.0.1:{port}"),
        _ => text.to_owned(),
    };
    let like = "give it an address and a port, as in 127.0.0.1:7077, or `off`";
    written.parse().map(Listen::At).map_err(|_| like.to_owned())
}

fn queue_limit(text: &str) -> Result<usize, String> {
    let limit = number(text)?;
    Config::new().with_queue_limit(limit).map(|_| limit).map_err(|error| error.to_string())
}

fn batch_size(text: &str) -> Result<usize, String> {
    let size = number(text)?;
    Config::new().with_batch_size(size).map(|_| size).map_err(|error| error.to_string())
}

fn flush_interval(text: &str) -> Result<Duration, String> {
    let interval = time(text)?;
    Config::new().with_flush_interval(interval).map(|_| interval).map_err(|error| error.to_string())
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|error: std::num::ParseIntError| error.to_string())
}

/// A span of time with its unit: `50ms`, `2s`, `1m 30s`.
fn time(text: &str) -> Result<Duration, String> {
    let unit = || "give it a time with its unit, as in 50ms or 2s".to_owned();
    let time: jiff::SignedDuration = text.parse().map_err(|_| unit())?;
    time.try_into().map_err(|_| unit())
}

fn overflow() -> impl TypedValueParser<Value = Overflow> {
    let names = PossibleValuesParser::new(Overflow::ALL.map(Overflow::as_str));
    names.try_map(|name| name.parse::<Overflow>())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn run(arguments: &str) -> Result<Run, String> {
        let words = ["watch", "run"].into_iter().chain(arguments.split(' '));
        match Arguments::try_parse_from(words).map_err(|error| error.to_string())?.action {
            Action::Run(run) => Ok(run),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_is_behind_the_command_is_its_own() {
        let run = run("--plain cargo build --json -v").expect("valid");
        assert_eq!(run.command, ["cargo", "build", "--json", "-v"]);
        assert_eq!(run.common.view.form(), Form::Plain);
    }

    #[test]
    fn times_have_units_and_limits_have_limits() {
        let run_with = |option: &str| run(&format!("{option} -- true"));
        let bus = run_with("--queue-limit 7 --flush-interval 20ms --overflow reject")
            .expect("valid")
            .common
            .bus;
        let config = (bus.queue_limit, bus.flush_interval, bus.overflow);
        assert_eq!(config, (7, Duration::from_millis(20), Overflow::Reject));
        assert!(bus.builder().is_ok());
        let rules = [
            ("--queue-limit 0", "a queue limit of 0: give it 1 to 65534"),
            ("--batch-size 70000", "a batch size of 70000: give it 1 to 65534"),
            ("--batch-size many", "invalid digit"),
            ("--flush-interval 50", "give it a time with its unit"),
            ("--flush-interval 2h", "give it 1 microsecond to 1 hour"),
            ("--flush-interval 0s", "give it 1 microsecond to 1 hour"),
            ("--overflow shout", "possible values: evict, drop_newest, drop_oldest, reject"),
            ("--window 0", "zero"),
            ("--json --plain", "cannot be used with"),
        ];
        for (option, told) in rules {
            let error = run_with(option).expect_err(option);
            assert!(error.contains(told), "{option}: {error}");
        }
    }
}
