//! A parser of event streams, after the HTML standard ("interpreting an event stream").

use std::collections::VecDeque;

use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use serde_json::Value;

use super::api::{Form, check_event};
use super::within;

/// An event, or a comment or field between events.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Frame {
    Event { name: String, id: String, data: Value },
    Comment(String),
    Retry(u64),
}

/// Splits the bytes of an event stream into frames.
#[derive(Default)]
pub(crate) struct Parser {
    rest: Vec<u8>,
    ready: VecDeque<Frame>,
    name: String,
    data: String,
    /// The id of the incomplete event.
    id: String,
    /// The id of the last complete event.
    pub(crate) last_id: String,
}

pub(crate) struct Source {
    pub(crate) headers: HeaderMap,
    form: Form,
    body: Incoming,
    parser: Parser,
}

impl Source {
    /// The stream in a response to a request for this address.
    pub(crate) fn new(address: &str, response: Response<Incoming>) -> Self {
        let headers = response.headers().clone();
        let body = response.into_body();
        Self { headers, form: Form::asked(address), body, parser: Parser::default() }
    }

    /// The last event id, as in `EventSource`.
    pub(crate) fn last_id(&self) -> &str {
        &self.parser.last_id
    }

    /// The next frame, `None` at the end of the stream.
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

    /// Reads the first events of a new reader. Returns the texts of the retained values.
    pub(crate) async fn begins(&mut self) -> Vec<String> {
        assert_eq!(self.expect("ready").await["recovered"], false);
        texts(&self.expect("status").await)
    }

    /// Reads the first event of a reader that resumed.
    pub(crate) async fn recovers(&mut self) {
        assert_eq!(self.expect("ready").await["recovered"], true);
    }

    /// The next `count` texts, from as many events as needed.
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
        // A final CR could be half of a line end. This server sends no CR.
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
                // The end of a stream in the AI SDK's format, which is not JSON.
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
