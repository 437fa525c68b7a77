//! An event stream, read as the HTML standard says ("interpreting an event stream").

use std::collections::VecDeque;

use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use serde_json::Value;

use super::api::{Form, check_event};
use super::within;

/// An event, or what stands between events.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Frame {
    Event { name: String, id: String, data: Value },
    Comment(String),
    Retry(u64),
}

/// The bytes of an event stream become frames.
#[derive(Default)]
pub(crate) struct Parser {
    rest: Vec<u8>,
    ready: VecDeque<Frame>,
    name: String,
    data: String,
    /// Of the event that is being read.
    id: String,
    /// Of the last event that was complete.
    pub(crate) last_id: String,
}

pub(crate) struct Source {
    pub(crate) headers: HeaderMap,
    form: Form,
    body: Incoming,
    parser: Parser,
}

impl Source {
    /// What was answered to who asked at this address.
    pub(crate) fn new(address: &str, response: Response<Incoming>) -> Self {
        let headers = response.headers().clone();
        let body = response.into_body();
        Self { headers, form: Form::asked(address), body, parser: Parser::default() }
    }

    /// The last event id, as an `EventSource` has it.
    pub(crate) fn last_id(&self) -> &str {
        &self.parser.last_id
    }

    /// What comes next; `None` when the stream has ended.
    pub(crate) async fn next_frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.parser.next() {
                if let Frame::Event { name, id, data } = &frame {
                    check_event(self.form, name, id, data);
                }
                return Some(frame);
            }
            let frame = within(self.body.frame()).await?.expect("the stream is not cut off");
            self.parser.take(&frame.into_data().expect("data"));
        }
    }

    /// The next event: its name and its data.
    pub(crate) async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Frame::Event { name, data, .. } = self.next_frame().await? {
                return Some((name, data));
            }
        }
    }

    /// The next event, which has this name.
    pub(crate) async fn expect(&mut self, expected: &str) -> Value {
        let (name, data) = self.next().await.expect("the stream goes on");
        assert_eq!(name, expected, "{data}");
        data
    }

    /// The first events of a new reader: that it is one, and the texts of the values that stand.
    pub(crate) async fn begins(&mut self) -> Vec<String> {
        assert_eq!(self.expect("ready").await["recovered"], false);
        texts(&self.expect("status").await)
    }

    /// That it goes on where it was.
    pub(crate) async fn recovers(&mut self) {
        assert_eq!(self.expect("ready").await["recovered"], true);
    }

    /// The next so many texts, of as many events as it takes.
    pub(crate) async fn read(&mut self, count: usize) -> Vec<String> {
        let mut all = Vec::new();
        while all.len() < count {
            all.extend(texts(&self.expect("status").await));
        }
        all
    }

    /// The texts up to the end of the stream.
    pub(crate) async fn rest(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        while let Some((name, data)) = self.next().await {
            assert_eq!(name, "status");
            all.extend(texts(&data));
        }
        all
    }
}

impl Parser {
    /// The next frame that is complete.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        self.ready.pop_front()
    }

    pub(crate) fn take(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        // A CR at the end may be half a line end; ours never are.
        while let Some(end) = self.rest.iter().position(|&byte| byte == b'\n' || byte == b'\r') {
            let mut line: Vec<u8> = self.rest.drain(..=end).collect();
            line.pop();
            self.line(&String::from_utf8(line).expect("UTF-8"));
        }
    }

    fn line(&mut self, line: &str) {
        if line.is_empty() {
            let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
            self.last_id.clone_from(&self.id);
            if let Some(data) = data.strip_suffix('\n') {
                // The end of a stream in the form of the AI SDK, which is no JSON.
                let data = match data {
                    "[DONE]" => data.into(),
                    data => serde_json::from_str(data).expect("JSON"),
                };
                self.ready.push_back(Frame::Event { name, id: self.last_id.clone(), data });
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => self.ready.push_back(Frame::Comment(value.to_owned())),
            "event" => value.clone_into(&mut self.name),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            "retry" => self.ready.push_back(Frame::Retry(value.parse().expect("a number"))),
            other => panic!("{other:?} is no field that we write"),
        }
    }
}

/// The texts of a `status` event.
pub(crate) fn texts(updates: &Value) -> Vec<String> {
    let updates = updates.as_array().expect("an array");
    updates.iter().map(|update| update["text"].as_str().expect("a text").to_owned()).collect()
}
