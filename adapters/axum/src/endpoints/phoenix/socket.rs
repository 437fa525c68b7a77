//! The WebSocket of one connection: I/O for the [session](super::session), which decides.

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

use super::payload::Refusal;
use super::session::{JoinRequest, Output, Session, SessionLimits};
use crate::access::Caller;
use crate::context::Context;
use crate::request::Problem;
use crate::state::SocketEnd;

/// Maximum size of a client's message, in bytes.
const MAX_MESSAGE: usize = 64 * 1024;
/// Size of the read buffer in bytes, allocated for each connection.
const READ_BUFFER: usize = 4 * 1024;
/// Size of the write buffer in bytes. A connection whose client does not read holds this and one frame.
const WRITE_BUFFER: usize = 16 * 1024;
/// Maximum time for writing a frame. Then the connection is aborted.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum time for the closing handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Maximum time for the decision about a join: phoenix.js abandons a join after it.
const DECISION_TIMEOUT: Duration = Duration::from_secs(10);

/// Accepts the upgrade and serves the socket. `held` is dropped when the socket has closed.
pub(super) fn open(
    upgrade: WebSocketUpgrade,
    context: Arc<Context>,
    caller: Caller,
    held: impl Send + 'static,
) -> Response {
    upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .on_upgrade(|socket| async move {
            let limits = SessionLimits::of(&context.limits);
            let session = Session::new(
                context.status.clone(),
                limits,
                Arc::clone(&context.channel_frames),
                Arc::clone(&context.channels),
                now(),
            );
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

/// The next event on a connection.
enum Next {
    Received(Option<Result<Message, axum::Error>>),
    Output(Output),
    /// A deadline of the session.
    Deadline,
    /// The server disconnects all clients.
    CutOff,
}

/// Why a connection ends.
enum End {
    /// The connection broke.
    Gone,
    /// The write timeout has passed.
    Stuck,
    /// The client closed it.
    Left,
    /// Closed with this code and reason.
    Close(u16, &'static str),
    /// Closed with this code and reason, without reading the client's answer, because its input is
    /// invalid.
    Fail(u16, &'static str),
}

impl End {
    const fn why(&self) -> SocketEnd {
        match self {
            Self::Gone => SocketEnd::Gone,
            Self::Stuck => SocketEnd::Slow,
            Self::Left => SocketEnd::Left,
            Self::Close(close_code::AWAY, _) | Self::Fail(close_code::AWAY, _) => SocketEnd::Silent,
            Self::Fail(close_code::SIZE, _) => SocketEnd::TooLarge,
            Self::Fail(..) => SocketEnd::Invalid,
            Self::Close(..) => SocketEnd::Closing,
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

    /// Waits for the next event. Replies precede the client's next message, and that precedes pushes.
    /// The socket is flushed when there is nothing else to write.
    async fn next(&mut self) -> Next {
        let Self { socket, session, context, is_flushed, .. } = self;
        let wait = session.wait(now());
        let deadline =
            if wait.is_zero() { session.deadline() } else { session.deadline().min(now() + wait) };
        let mut deadline = pin!(sleep_until(deadline.into()));
        let mut cut_off = pin!(context.shutdown.cut_off());
        let mut socket = pin!(socket);
        poll_fn(|cx| {
            if cut_off.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Next::CutOff);
            }
            if let Some(output) = session.pending_output() {
                return Poll::Ready(Next::Output(output));
            }
            if wait.is_zero()
                && let Poll::Ready(received) = socket.as_mut().poll_next(cx)
            {
                return Poll::Ready(Next::Received(received));
            }
            if let Poll::Ready(output) = session.poll_output(cx) {
                return Poll::Ready(Next::Output(output));
            }
            if !*is_flushed && let Poll::Ready(flushed) = socket.as_mut().poll_flush(cx) {
                *is_flushed = true;
                if let Err(error) = flushed {
                    return Poll::Ready(Next::Received(Some(Err(error))));
                }
            }
            deadline.as_mut().poll(cx).map(|()| Next::Deadline)
        })
        .await
    }

    async fn step(&mut self, next: Next) -> Result<(), End> {
        match next {
            Next::Received(Some(Ok(message))) => {
                self.session.record_activity(now());
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
            // The server's idle timeout, if it is as long, ends the connection at the same time.
            Next::Received(Some(Err(_))) if self.session.is_idle(now()) => {
                Err(End::Fail(close_code::AWAY, IDLE))
            }
            Next::Received(Some(Err(error))) => Err(failure(error)),
            Next::Received(None) => Err(End::Gone),
            Next::Output(Output::Frame(frame)) => self.write(frame).await,
            Next::Output(Output::Updates(updates)) => {
                let status = self.context.status.clone();
                for frame in updates.frames(&status) {
                    self.write(frame).await?;
                }
                Ok(())
            }
            Next::Output(Output::End) | Next::CutOff => Err(RESTART),
            Next::Deadline if self.session.is_idle(now()) => {
                Err(End::Close(close_code::AWAY, IDLE))
            }
            Next::Deadline => {
                self.session.expire(now());
                Ok(())
            }
        }
    }

    /// Decides a join.
    async fn decide(&mut self, join: JoinRequest) -> Result<(), End> {
        let Self { context, caller, .. } = self;
        let decided = tokio::select! {
            () = context.shutdown.cut_off() => return Err(RESTART),
            decided = timeout(DECISION_TIMEOUT, context.authorize(caller, join.subscribe.access())) => decided,
        };
        match decided {
            Ok(Ok(grant)) => self.session.admit(join, grant.ends().map(instant)),
            Ok(Err(denied)) => self.session.refuse(&join, refusal(&denied)),
            Err(_) => {
                let what = "the authorization took too long: join again";
                self.session.refuse(&join, Refusal::new("timeout", what));
            }
        }
        Ok(())
    }

    async fn write(&mut self, frame: String) -> Result<(), End> {
        self.is_flushed = false;
        let Self { socket, context, .. } = self;
        let mut feed = pin!(socket.feed(Message::Text(frame.into())));
        // A timer is needed only if the buffer is full.
        if let Poll::Ready(fed) = poll_fn(|cx| Poll::Ready(feed.as_mut().poll(cx))).await {
            return fed.map_err(|_| End::Gone);
        }
        tokio::select! {
            biased;
            fed = timeout(WRITE_TIMEOUT, feed) => match fed {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(End::Gone),
                Err(_) => Err(End::Stuck),
            },
            () = context.shutdown.cut_off() => Err(RESTART),
        }
    }

    /// Closes the socket.
    async fn end(mut self, end: End) {
        self.context.channels.end_socket(end.why());
        // A shutdown of the bus waits for open subscriptions.
        drop(self.session);
        let (close, is_readable) = match end {
            End::Gone | End::Stuck => return,
            End::Left => (None, true),
            End::Close(code, reason) => (Some((code, reason)), true),
            End::Fail(code, reason) => (Some((code, reason)), false),
        };
        let handshake = async {
            if let Some((code, reason)) = close {
                let reason = Utf8Bytes::from_static(reason);
                let frame = Message::Close(Some(CloseFrame { code, reason }));
                if self.socket.send(frame).await.is_err() {
                    return;
                }
            }
            // Waits for the client's close frame: a connection that is dropped earlier, or while the
            // client still sends, is reset, and the client loses the frame.
            if is_readable {
                while let Some(Ok(_)) = self.socket.recv().await {}
            } else {
                std::future::pending::<()>().await;
            }
        };
        let latest = tokio::time::Instant::now() + CLOSE_TIMEOUT;
        let latest = self.context.shutdown.deadline().map_or(latest, |end| end.min(latest));
        let _ = timeout_at(latest, handshake).await;
    }
}

/// The reason after an idle timeout. The code is not 1000, after which phoenix.js does not reconnect.
const IDLE: &str = "no message within the idle timeout";

/// phoenix.js and other clients reconnect after this code.
const RESTART: End = End::Close(close_code::RESTART, "the server is shutting down: reconnect");

/// The end of a connection after a read error.
fn failure(error: axum::Error) -> End {
    match error.into_inner().downcast_ref::<tungstenite::Error>() {
        Some(tungstenite::Error::Capacity(_)) => {
            End::Fail(close_code::SIZE, "a message has at most 64 KiB")
        }
        Some(tungstenite::Error::Utf8(_)) => End::Fail(close_code::INVALID, "text has to be UTF-8"),
        // Clients often disconnect without a closing handshake.
        Some(tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
            End::Gone
        }
        Some(tungstenite::Error::Protocol(_)) => {
            End::Fail(close_code::PROTOCOL, "the frame is invalid")
        }
        _ => End::Gone,
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Converts a time of the wall clock. A past time becomes now.
fn instant(ends: SystemTime) -> Instant {
    let rest = ends.duration_since(SystemTime::now()).unwrap_or_default();
    // Bounded, so that the sum stays in the range of the clock.
    now() + rest.min(Duration::from_secs(366 * 24 * 60 * 60))
}

fn refusal(denied: &Problem) -> Refusal {
    Refusal::new(denied.reason(), denied.detail())
}
