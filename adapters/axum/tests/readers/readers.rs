//! The readers: third-party programs, and a client of these tests.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::programs::{Script, js};
use crate::support::source::Parser;
use crate::support::{Client, Frame, Source, within};

type Coming<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// The name of an event and its data, `None` at the end of the stream.
type Event = Option<(String, Value)>;

/// A reader.
pub(crate) trait Reader {
    /// The next event.
    fn next(&mut self) -> Coming<'_, Event>;

    /// Reconnects after a disconnect, as this kind of reader does.
    fn comes_back(&mut self) -> Coming<'_, ()>;
}

impl dyn Reader {
    /// Reads the beginning of a stream. Returns whether it resumed.
    pub(crate) async fn begins(&mut self, read: &mut Vec<u64>) -> bool {
        let (name, ready) = self.next().await.expect("it goes on");
        assert_eq!(name, "ready");
        let recovered = ready["recovered"].as_bool().expect("a flag");
        if !recovered {
            let (name, retained) = self.next().await.expect("it goes on");
            assert_eq!((name.as_str(), retained), ("status", Value::Array(Vec::new())));
            read.clear();
        }
        recovered
    }

    /// Reads until it has this many positions.
    pub(crate) async fn read(&mut self, read: &mut Vec<u64>, count: usize) {
        while read.len() < count {
            let (name, updates) = self.next().await.expect("it goes on");
            assert_eq!(name, "status", "{updates}");
            for update in updates.as_array().expect("an array") {
                let text = update["text"].as_str().expect("a text");
                let whole = text.ends_with("a\r\nb\u{2028}\0</script>\u{1f600}");
                assert_eq!(whole, update["conversation"] == "conv-1", "{update}");
                read.push(update["seq"].as_u64().expect("a position"));
            }
        }
    }
}

/// An `EventSource`, which reconnects automatically.
pub(crate) struct EventSource(Script);

impl EventSource {
    /// That of the `eventsource` package, in Node.
    pub(crate) fn in_node(url: &str) -> Self {
        Self(Script::start("sse/reader.mjs", &[url]))
    }

    /// Its process.
    pub(crate) const fn script(&self) -> &Script {
        &self.0
    }

    /// That of Chromium.
    pub(crate) fn in_chromium(url: &str) -> Self {
        Self(Script::start("sse/browser.mjs", &[url]))
    }
}

impl Reader for EventSource {
    fn next(&mut self) -> Coming<'_, Event> {
        Box::pin(async {
            loop {
                let mut event = self.0.line().await;
                // It may have tried to reconnect before the server was back.
                if event["on"] != "error" {
                    let name = event["on"].as_str().expect("a name").to_owned();
                    return Some((name, event["data"].take()));
                }
            }
        })
    }

    fn comes_back(&mut self) -> Coming<'_, ()> {
        // It reports the disconnect.
        Box::pin(async {
            let event = self.0.line().await;
            assert_eq!(event["on"], "error", "{event}");
        })
    }
}

/// phoenix.js, which reconnects automatically. Its channel reads all categories of one conversation.
pub(crate) struct Phoenix {
    script: Script,
    conversation: String,
    /// It joined without resuming: reported as an event stream's empty list of retained values.
    begins: bool,
}

impl Phoenix {
    pub(crate) async fn start(address: SocketAddr, conversation: &str) -> Self {
        let url = format!("ws://{address}/socket");
        let mut script = Script::start("phoenix/client.mjs", &[&url]);
        script.command(json!({"do": "connect"})).await;
        script.next("open").await;
        let topic = format!("status:{conversation}");
        let params = json!({"categories": statusbus_tokio::Category::BUILT_IN});
        script.command(json!({"do": "join", "name": "a", "topic": topic, "params": params})).await;
        Self { script, conversation: conversation.to_owned(), begins: false }
    }
}

impl Reader for Phoenix {
    fn next(&mut self) -> Coming<'_, Event> {
        Box::pin(async {
            if std::mem::take(&mut self.begins) {
                return Some(("status".to_owned(), json!([])));
            }
            loop {
                let mut line = self.script.line().await;
                match line["on"].as_str() {
                    Some("joined") => {
                        let recovered = line["response"]["recovered"] == true;
                        self.begins = !recovered;
                        return Some(("ready".to_owned(), json!({"recovered": recovered})));
                    }
                    Some("status_update") => {
                        // In the form of an event stream.
                        let mut update = line["payload"].take();
                        let id = update["id"].as_str().expect("an id");
                        let (_, seq) = id.split_once('-').expect("an epoch and a position");
                        update["seq"] = seq.parse::<u64>().expect("a position").into();
                        update["conversation"] = self.conversation.as_str().into();
                        return Some(("status".to_owned(), json!([update])));
                    }
                    // It may have tried to reconnect before the server was back.
                    Some("open" | "close" | "phx_error") => {}
                    _ => panic!("{line}"),
                }
            }
        })
    }

    fn comes_back(&mut self) -> Coming<'_, ()> {
        Box::pin(async {
            self.script.next("close").await;
        })
    }
}

/// `curl -N`, started again with the last id.
pub(crate) struct Curl {
    url: String,
    parser: Parser,
    output: ChildStdout,
    child: Child,
}

impl Curl {
    pub(crate) fn start(url: &str) -> Self {
        let (child, output) = start(Command::new("curl").args(["-sN", url]));
        Self { url: url.to_owned(), parser: Parser::default(), output, child }
    }
}

impl Reader for Curl {
    fn next(&mut self) -> Coming<'_, Event> {
        Box::pin(async {
            let mut piece = vec![0; 1 << 16];
            loop {
                while let Some(frame) = self.parser.next() {
                    if let Frame::Event { name, data, .. } = frame {
                        return Some((name, data));
                    }
                }
                match within(self.output.read(&mut piece)).await.expect("a pipe") {
                    0 => return None,
                    read => self.parser.take(&piece[..read]),
                }
            }
        })
    }

    fn comes_back(&mut self) -> Coming<'_, ()> {
        Box::pin(async {
            assert_eq!(self.next().await, None, "it was cut off");
            within(self.child.wait()).await.expect("it ends");
            let last = format!("Last-Event-ID: {}", self.parser.last_id);
            let mut again = Command::new("curl");
            again.args(["-sN", "-H", &last, &self.url]);
            (self.child, self.output) = start(&mut again);
        })
    }
}

/// A client in this process.
pub(crate) struct Rust {
    address: SocketAddr,
    path: String,
    source: Source,
}

impl Rust {
    pub(crate) async fn start(address: SocketAddr, path: &str) -> Self {
        let source = Client::connect(address).await.events(path, None).await;
        Self { address, path: path.to_owned(), source }
    }
}

impl Reader for Rust {
    fn next(&mut self) -> Coming<'_, Event> {
        Box::pin(self.source.next())
    }

    fn comes_back(&mut self) -> Coming<'_, ()> {
        Box::pin(async {
            let client = Client::connect(self.address).await;
            self.source = client.events(&self.path, Some(self.source.last_id())).await;
        })
    }
}

/// The output of a program.
pub(crate) struct Output {
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

/// Starts a program in the directory of the tests in JavaScript.
pub(crate) fn output_of(program: &str, arguments: &[&str]) -> Output {
    output_in(js(), program, arguments)
}

/// Starts a program in a directory.
pub(crate) fn output_in(
    directory: impl AsRef<Path>,
    program: impl AsRef<OsStr>,
    arguments: &[&str],
) -> Output {
    let (child, output) = start(Command::new(program).args(arguments).current_dir(directory));
    Output { lines: BufReader::new(output).lines(), _child: child }
}

impl Output {
    /// Its next line.
    pub(crate) async fn line(&mut self) -> String {
        within(self.lines.next_line()).await.expect("UTF-8").expect("another line")
    }
}

fn start(command: &mut Command) -> (Child, ChildStdout) {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().expect("the program is there");
    let output = child.stdout.take().expect("piped");
    (child, output)
}
