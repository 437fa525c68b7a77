//! A client with one connection.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HeaderMap;
use hyper::http::request::Builder;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::api::{Seen, check_answer};
use super::{Source, within};

pub(crate) struct Client {
    address: SocketAddr,
    send: SendRequest<Full<Bytes>>,
}

/// A complete response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// The described operation, and the status.
    pub(crate) described: Option<(String, u16)>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The reason of a problem.
    pub(crate) fn reason(&self) -> (u16, String) {
        let json = self.json();
        assert!(json["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{json}");
        (self.status.as_u16(), json["reason"].as_str().unwrap_or_default().to_owned())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = within(TcpStream::connect(address)).await.expect("it listens");
        let (send, connection) = handshake(TokioIo::new(stream)).await.expect("HTTP");
        tokio::spawn(connection.with_upgrades());
        Self { address, send }
    }

    /// A request to this server.
    pub(crate) fn request(&self, method: &str, path: &str) -> Builder {
        Request::builder().method(method).uri(path).header("host", self.address.to_string())
    }

    pub(crate) async fn send(
        mut self,
        request: Builder,
        body: impl Into<Bytes>,
    ) -> Response<Incoming> {
        let request = request.body(Full::new(body.into())).expect("a request");
        within(self.send.send_request(request)).await.expect("an answer")
    }

    pub(crate) async fn answer(self, request: Builder, body: impl Into<Bytes>) -> Answer {
        let method = request.method_ref().cloned().unwrap_or_default();
        let address = request.uri_ref().map(ToString::to_string).unwrap_or_default();
        let response = self.send(request, body).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let goes_on = status == StatusCode::SWITCHING_PROTOCOLS
            || headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let text = if goes_on {
            String::new()
        } else {
            let body = within(response.into_body().collect()).await.expect("a body");
            String::from_utf8(body.to_bytes().into()).expect("text")
        };
        let described = check_answer(&Seen {
            method: method.as_str(),
            address: &address,
            status: status.as_u16(),
            headers: &headers,
            text: (!goes_on).then_some(&text),
        });
        Answer { status, headers, text, described }
    }

    pub(crate) async fn get(self, path: &str) -> Answer {
        let request = self.request("GET", path);
        self.answer(request, "").await
    }

    /// Opens an event stream, after an event if one is given.
    pub(crate) async fn events(self, path: &str, last: Option<&str>) -> Source {
        let mut request = self.request("GET", path);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = self.send(request, "").await;
        assert_eq!(response.status(), StatusCode::OK);
        Source::new(path, response)
    }
}
