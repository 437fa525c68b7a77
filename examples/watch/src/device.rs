//! Devices: what comes over their lines, and what becomes of those.

mod address;
mod line;

use std::io;
use std::time::Duration;

use futures_util::future::join_all;
use statusbus_tokio::{Category, Conversation, ConversationError, DeviceReader, Priority, Status};

pub(crate) use self::address::Address;
pub(crate) use self::line::End;
use self::line::{Line, Lines};
use crate::pace::Pace;
use crate::speaker::object;

/// How much is read in one go.
const CHUNK: usize = 16 * 1024;

/// How long after a line has ended it is opened again; twice as long each time that nothing comes
/// from it.
const SOON: Duration = Duration::from_millis(100);
const LATE: Duration = Duration::from_secs(2);

/// A device. What it says is said on the bus; what is about its line, in the conversation that is
/// called like the device.
pub(crate) struct Device {
    reader: DeviceReader,
    conversation: Conversation,
    lines: Lines,
    /// What was last told of the line.
    told: String,
    connections: u64,
}

/// What the conversations of a device are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// As the device calls them.
    AsSaid,
    /// The same behind the name of the device, and a slash.
    Prefixed,
}

/// Reads devices, all at the same time: for ever, or each until its line ends.
pub(crate) async fn read(devices: &mut [Device], end: End, pace: &Pace) -> io::Result<()> {
    let reading = devices.iter_mut().map(|device| async move {
        match end {
            End::Waits => device.follow(pace).await,
            End::Ends => device.read_once(pace).await,
        }
    });
    join_all(reading).await.into_iter().collect()
}

impl Device {
    /// A device that nothing was read from yet.
    pub(crate) async fn new(
        address: &Address,
        baud: u32,
        end: End,
        names: Names,
        status: &Status,
    ) -> io::Result<Self> {
        let lines = Lines::new(address, baud, end).await?;
        let name = address.name();
        let reader = DeviceReader::new(status.clone());
        let named = |reader: DeviceReader| -> Result<_, ConversationError> {
            let reader = match names {
                Names::AsSaid => reader.with_name(&name)?,
                Names::Prefixed => reader.with_prefix(&name)?,
            };
            Ok((reader, status.conversation(&name)?))
        };
        let (reader, conversation) = named(reader).map_err(io::Error::other)?;
        let mut device = Self { reader, conversation, lines, told: String::new(), connections: 0 };
        if let Some(address) = device.lines.listening_at() {
            device.tell(format!("listening at {address}"));
        }
        Ok(device)
    }

    /// Reads one line after the other, for ever.
    async fn follow(&mut self, pace: &Pace) -> io::Result<()> {
        let mut newer = None;
        let mut pause = SOON;
        loop {
            let (line, why) = match newer.take() {
                Some(line) => (Ok(line), ": the device has called anew"),
                None => (self.lines.open().await, ""),
            };
            match line {
                Ok(line) => {
                    self.connected(why);
                    let before = self.reader.report().bytes;
                    newer = self.read(line, pace).await;
                    if self.reader.report().bytes > before {
                        pause = SOON;
                    }
                }
                Err(error) => self.tell(cannot_open(&error)),
            }
            if newer.is_none() {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LATE);
            }
        }
    }

    /// Reads one line to its end.
    async fn read_once(&mut self, pace: &Pace) -> io::Result<()> {
        let opened = self.lines.open().await;
        let result = match opened {
            Ok(line) => {
                self.connected("");
                self.hear(line, pace).await.map(|_| ())
            }
            Err(error) => Err(error),
        };
        let place = self.lines.place();
        result.map_err(|error| io::Error::new(error.kind(), format!("{place}: {error}")))
    }

    /// Says how it was, and that nothing more comes.
    pub(crate) fn finish(&mut self) {
        self.reader.disconnect();
        let report = self.reader.report();
        let text = format!(
            "closed: {} updates, {} lost on the line and {} in the device, {} bad frames",
            report.updates,
            report.lost,
            report.lost_in_device,
            report.frames.bad()
        );
        let numbers = object([
            ("bytes", report.bytes.into()),
            ("frames", report.frames.frames.into()),
            ("bad_frames", report.frames.bad().into()),
            ("updates", report.updates.into()),
            ("lost_on_the_line", report.lost.into()),
            ("lost_in_the_device", report.lost_in_device.into()),
            ("restarts", report.restarts.into()),
            ("connections", self.connections.into()),
        ]);
        let over = self.conversation.update(Category::ENGINE, text).priority(Priority::High);
        over.metadata(numbers).send();
    }

    /// Reads a line to its end, says so, and answers the one that has taken its place.
    async fn read(&mut self, line: Line, pace: &Pace) -> Option<Line> {
        match self.hear(line, pace).await {
            Ok(Some(newer)) => return Some(newer),
            Ok(None) => self.tell("disconnected: the line has ended; waiting for it".to_owned()),
            Err(error) => self.tell(format!("disconnected: {error}; waiting for it")),
        }
        None
    }

    async fn hear(&mut self, mut line: Line, pace: &Pace) -> io::Result<Option<Line>> {
        let mut chunk = vec![0; CHUNK];
        let Self { reader, lines, .. } = self;
        let result = loop {
            let len = tokio::select! {
                read = line.read(&mut chunk) => match read {
                    Ok(0) => break Ok(None),
                    Ok(len) => len,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => break Err(error),
                },
                newer = lines.newer() => break Ok(Some(newer)),
            };
            match line.can_wait() {
                true => pace.hear(&chunk[..len], |piece| reader.feed(piece)).await,
                false => reader.feed(&chunk[..len]),
            }
            // A line that never pauses leaves time for others, and for interrupts.
            tokio::task::yield_now().await;
        };
        reader.disconnect();
        result
    }

    fn connected(&mut self, why: &str) {
        self.connections += 1;
        self.tell(match self.connections {
            1 => "connected".to_owned(),
            number => format!("connected, time {number}{why}"),
        });
    }

    /// Says what is new about the line.
    fn tell(&mut self, text: String) {
        if text != self.told {
            let draft = self.conversation.update(Category::ENGINE, text.clone()).key("line");
            draft.metadata(object([("connections", self.connections.into())])).send();
            self.told = text;
        }
    }
}

fn cannot_open(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such path: waiting for it".to_owned(),
        _ => format!("cannot be opened, waiting for it: {error}"),
    }
}
