//! Programs that read an event stream.

use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::support::source::Parser;
use crate::support::{Client, Frame, Source, within};

type Coming<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// The name of an event and its data; nothing when the stream has ended.
type Event = Option<(String, Value)>;

/// Something that reads.
pub(crate) trait Reader {
    /// The next event.
    fn next(&mut self) -> Coming<'_, Event>;

    /// Comes back when it was cut off, as this kind of reader does.
    fn comes_back(&mut self) -> Coming<'_, ()>;
}

impl dyn Reader {
    /// Reads what a stream begins with. Answers whether it goes on where it was.
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

    /// Reads until it has so many positions.
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

/// The `eventsource` package, which comes back by itself.
pub(crate) struct Node {
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Node {
    pub(crate) fn start(url: &str) -> Self {
        let js = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/js");
        let installed = js.join("node_modules/eventsource").exists();
        assert!(installed, "run `npm ci` in {}", js.display());
        let node = std::env::var_os("NODE").unwrap_or_else(|| "node".into());
        let (child, output) = start(Command::new(node).arg(js.join("sse/reader.mjs")).arg(url));
        Self { lines: BufReader::new(output).lines(), _child: child }
    }

    async fn event(&mut self) -> (String, Value) {
        let line = within(self.lines.next_line()).await.expect("UTF-8").expect("it runs");
        let mut event: Value = serde_json::from_str(&line).expect("JSON");
        (event["name"].as_str().expect("a name").to_owned(), event["data"].take())
    }
}

impl Reader for Node {
    fn next(&mut self) -> Coming<'_, Event> {
        Box::pin(async {
            loop {
                let (name, data) = self.event().await;
                // It may have tried to come back before there was somebody again.
                if name != "error" {
                    return Some((name, data));
                }
            }
        })
    }

    fn comes_back(&mut self) -> Coming<'_, ()> {
        // It says that it was cut off.
        Box::pin(async {
            let (name, why) = self.event().await;
            assert_eq!(name, "error", "{why}");
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

/// What a program writes.
pub(crate) struct Output {
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

/// Starts a program in the directory of the tests in JavaScript.
pub(crate) fn output_of(program: &str, arguments: &[&str]) -> Output {
    let js = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/js");
    let (child, output) = start(Command::new(program).args(arguments).current_dir(js));
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
