//! The WebSocket of one connection. It carries what the [session](super::session) decides.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use futures_util::{Sink, SinkExt, Stream};
use tokio::time::{sleep_until, timeout, timeout_at};
use tungstenite::error::ProtocolError;

use super::channels::Ending;
use super::payload::Refusal;
use super::session::{Join, Session, SessionLimits, Told};
use crate::caller::Caller;
use crate::context::Context;
use crate::problem::Problem;

/// The largest message that is read, in bytes. What clients say is short.
const MESSAGE: usize = 64 * 1024;
/// What is read at once, in bytes: reserved for each connection.
const READ: usize = 4 * 1024;
/// What is collected before it is written, in bytes. A connection that does not take what it is
/// sent holds this and one frame.
const WRITE: usize = 16 * 1024;
/// How long a frame may take to be written until the client is given up.
const STUCK: Duration = Duration::from_secs(30);
/// How long a client has to take leave once it is told to.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long a decision may take: then phoenix.js has given up the join.
const DECISION: Duration = Duration::from_secs(10);

/// Answers the request and goes on over the socket; `held` is dropped when that ends.
pub(super) fn open(
    upgrade: WebSocketUpgrade,
    context: Arc<Context>,
    caller: Caller,
    held: impl Send + 'static,
) -> Response {
    upgrade
        .read_buffer_size(READ)
        .write_buffer_size(WRITE)
        .max_message_size(MESSAGE)
        .max_frame_size(MESSAGE)
        .on_upgrade(|socket| async move {
            let limits = SessionLimits::of(&context.limits);
            let (status, channels) = (context.status.clone(), Arc::clone(&context.channels));
            let session = Session::new(status, limits, channels, now());
            context.channels.open_socket();
            Connection { socket, session, context, caller, is_flushed: true }.run().await;
            drop(held);
        })
}

struct Connection {
    socket: WebSocket,
    session: Session,
    context: Arc<Context>,
    caller: Caller,
    is_flushed: bool,
}

/// What happens next on a connection.
enum Next {
    Heard(Option<Result<Message, axum::Error>>),
    Told(Told),
    /// It is time to look at the session again.
    Deadline,
    /// Whoever is connected has to go.
    Ended,
}

/// Why a connection ends.
enum End {
    /// The client has gone.
    Gone,
    /// The client does not take what it is sent.
    Stuck,
    /// The client takes its leave.
    Left,
    /// The client is told with this code, and why.
    Close(u16, &'static str),
    /// Likewise, and nothing can be read any more, as what came is no WebSocket's frame.
    Fail(u16, &'static str),
}

impl End {
    const fn why(&self) -> Ending {
        match self {
            Self::Gone => Ending::Gone,
            Self::Stuck => Ending::Slow,
            Self::Left => Ending::Left,
            Self::Close(close_code::AWAY, _) | Self::Fail(close_code::AWAY, _) => Ending::Silent,
            Self::Fail(close_code::SIZE, _) => Ending::TooLarge,
            Self::Fail(..) => Ending::Invalid,
            Self::Close(..) => Ending::Closing,
        }
    }
}

impl Connection {
    async fn run(mut self) {
        loop {
            let next = self.next().await;
            if let Err(end) = self.step(next).await {
                return self.end(end).await;
            }
        }
    }

    /// Waits for what happens next. What answers the client goes before what it says next, and
    /// that before what is new; when there is nothing new, what was written is sent.
    async fn next(&mut self) -> Next {
        let Self { socket, session, context, is_flushed, .. } = self;
        let wait = session.wait(now());
        let deadline =
            if wait.is_zero() { session.deadline() } else { session.deadline().min(now() + wait) };
        let mut deadline = pin!(sleep_until(deadline.into()));
        let mut ended = pin!(context.closing.ended());
        let mut socket = pin!(socket);
        poll_fn(|cx| {
            if ended.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Next::Ended);
            }
            if let Some(told) = session.answer() {
                return Poll::Ready(Next::Told(told));
            }
            if wait.is_zero()
                && let Poll::Ready(heard) = socket.as_mut().poll_next(cx)
            {
                return Poll::Ready(Next::Heard(heard));
            }
            if let Poll::Ready(told) = session.poll_told(cx) {
                return Poll::Ready(Next::Told(told));
            }
            if !*is_flushed && let Poll::Ready(flushed) = socket.as_mut().poll_flush(cx) {
                *is_flushed = true;
                if let Err(error) = flushed {
                    return Poll::Ready(Next::Heard(Some(Err(error))));
                }
            }
            deadline.as_mut().poll(cx).map(|()| Next::Deadline)
        })
        .await
    }

    async fn step(&mut self, next: Next) -> Result<(), End> {
        match next {
            Next::Heard(Some(Ok(message))) => {
                self.session.hear(now());
                match message {
                    Message::Text(text) => match self.session.receive(&text, now()) {
                        Some(join) => self.decide(join).await,
                        None => Ok(()),
                    },
                    Message::Binary(_) => {
                        self.session.receive_binary();
                        Ok(())
                    }
                    Message::Ping(_) | Message::Pong(_) => Ok(()),
                    Message::Close(_) => Err(End::Left),
                }
            }
            // A server that is as impatient ends the stream just then.
            Next::Heard(Some(Err(_))) if self.session.is_silent(now()) => {
                Err(End::Fail(close_code::AWAY, SILENT))
            }
            Next::Heard(Some(Err(error))) => Err(failure(error)),
            Next::Heard(None) => Err(End::Gone),
            Next::Told(Told::Frame(frame)) => self.write(frame).await,
            Next::Told(Told::Updates(updates)) => {
                let status = self.context.status.clone();
                for frame in updates.frames(&status) {
                    self.write(frame).await?;
                }
                Ok(())
            }
            Next::Told(Told::End) | Next::Ended => Err(RESTART),
            Next::Deadline if self.session.is_silent(now()) => {
                Err(End::Close(close_code::AWAY, SILENT))
            }
            Next::Deadline => {
                self.session.expire(now());
                Ok(())
            }
        }
    }

    /// Asks whether a client may join.
    async fn decide(&mut self, join: Join) -> Result<(), End> {
        let Self { context, caller, .. } = self;
        let decided = tokio::select! {
            () = context.closing.ended() => return Err(RESTART),
            decided = timeout(DECISION, context.decide(caller, join.reading.access())) => decided,
        };
        match decided {
            Ok(Ok(grant)) => self.session.admit(join, grant.ends().map(instant)),
            Ok(Err(denied)) => self.session.refuse(&join, refusal(&denied)),
            Err(_) => {
                let what = "whether you may could not be found out in time: join again";
                self.session.refuse(&join, Refusal::new("timeout", what));
            }
        }
        Ok(())
    }

    async fn write(&mut self, frame: String) -> Result<(), End> {
        self.is_flushed = false;
        let Self { socket, context, .. } = self;
        let mut feed = pin!(socket.feed(Message::Text(frame.into())));
        // Mostly there is room, and nobody needs a timer.
        if let Poll::Ready(fed) = poll_fn(|cx| Poll::Ready(feed.as_mut().poll(cx))).await {
            return fed.map_err(|_| End::Gone);
        }
        tokio::select! {
            biased;
            fed = timeout(STUCK, feed) => match fed {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(End::Gone),
                Err(_) => Err(End::Stuck),
            },
            () = context.closing.ended() => Err(RESTART),
        }
    }

    /// Takes leave.
    async fn end(mut self, end: End) {
        self.context.channels.end_socket(end.why());
        // Nobody waits for what it has not read.
        drop(self.session);
        let (close, is_readable) = match end {
            End::Gone | End::Stuck => return,
            End::Left => (None, true),
            End::Close(code, reason) => (Some((code, reason)), true),
            End::Fail(code, reason) => (Some((code, reason)), false),
        };
        let farewell = async {
            if let Some((code, reason)) = close {
                let reason = Utf8Bytes::from_static(reason);
                let frame = Message::Close(Some(CloseFrame { code, reason }));
                if self.socket.send(frame).await.is_err() {
                    return;
                }
            }
            // Until both have said that they close: going before would take the frame from the
            // client, and so would going while it still sends.
            match is_readable {
                true => while let Some(Ok(_)) = self.socket.recv().await {},
                false => std::future::pending().await,
            }
        };
        // Whoever does not answer is left all the same.
        let latest = tokio::time::Instant::now() + FAREWELL;
        let latest = self.context.closing.deadline().map_or(latest, |end| end.min(latest));
        let _ = timeout_at(latest, farewell).await;
    }
}

/// Not with 1000: then phoenix.js would not come back.
const SILENT: &str = "nothing was heard for too long";

/// The code by which phoenix.js, and others, come back.
const RESTART: End = End::Close(close_code::RESTART, "the server is closing: come back");

/// How a connection ends on which something else than a message came.
fn failure(error: axum::Error) -> End {
    match error.into_inner().downcast_ref::<tungstenite::Error>() {
        Some(tungstenite::Error::Capacity(_)) => {
            End::Fail(close_code::SIZE, "at most 64 KiB a message")
        }
        Some(tungstenite::Error::Utf8(_)) => End::Fail(close_code::INVALID, "text is UTF-8"),
        // Gone without leave, as clients do.
        Some(tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
            End::Gone
        }
        Some(tungstenite::Error::Protocol(_)) => {
            End::Fail(close_code::PROTOCOL, "this is no WebSocket frame")
        }
        _ => End::Gone,
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// When a time of the wall clock will be; now if it has been.
fn instant(ends: SystemTime) -> Instant {
    let rest = ends.duration_since(SystemTime::now()).unwrap_or_default();
    // Permissions for longer than a year need no timer.
    now() + rest.min(Duration::from_secs(366 * 24 * 60 * 60))
}

fn refusal(denied: &Problem) -> Refusal {
    Refusal::new(denied.reason(), denied.detail())
}
