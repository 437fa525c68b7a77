//! Lingering close: ending a connection with unread input.
//!
//! Closing a socket with unread bytes resets it, and a client that is still sending then gets an error
//! instead of the response. So the server first closes its own direction, then reads and discards
//! input for a while.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::HttpBody;
use hyper::body::{Bytes, Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Sleep;

/// Maximum time for the client to read its response and to close.
const LINGER_TIME: Duration = Duration::from_secs(10);

/// Maximum number of bytes that are discarded.
const MAX_DISCARDED: usize = 16 * 1024 * 1024;

/// Whether a connection has unread input. Shared by its stream and the bodies of its requests.
#[derive(Clone, Debug, Default)]
pub(super) struct Unread(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    /// A body was dropped before its end.
    body: AtomicBool,
    /// Bytes of an incomplete request have arrived.
    bytes: AtomicBool,
}

/// The body of a request. Dropping it before its end marks the connection.
pub(super) struct TrackedBody {
    body: Incoming,
    has_ended: bool,
    unread: Unread,
}

/// Reads and discards input after the last response.
pub(super) struct Linger {
    unread: Unread,
    left: usize,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Unread {
    /// Whether a body was dropped before its end. The connection cannot be reused then.
    pub(super) fn has_body(&self) -> bool {
        self.0.body.load(Ordering::Relaxed)
    }

    /// Records received bytes.
    pub(super) fn receive(&self) {
        self.0.bytes.store(true, Ordering::Relaxed);
    }

    /// Records that the received request is complete.
    fn end_request(&self) {
        self.0.bytes.store(false, Ordering::Relaxed);
    }

    fn any(&self) -> bool {
        self.has_body() || self.0.bytes.load(Ordering::Relaxed)
    }
}

impl TrackedBody {
    pub(super) fn new(body: Incoming, unread: &Unread) -> Self {
        if body.is_end_stream() {
            unread.end_request();
        }
        Self { body, has_ended: false, unread: unread.clone() }
    }
}

impl Linger {
    pub(super) fn new(unread: Unread) -> Self {
        Self { unread, left: MAX_DISCARDED, deadline: None }
    }

    /// Discards input. Ready when the client has closed, or has reached the limit of bytes or of time;
    /// immediately if no input is unread.
    pub(super) fn poll<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let mut scratch = [0; 8 * 1024];
        loop {
            let mut piece = ReadBuf::new(&mut scratch);
            match Pin::new(&mut *stream).poll_read(cx, &mut piece) {
                Poll::Ready(Ok(())) if !piece.filled().is_empty() => {
                    self.unread.receive();
                    self.left = self.left.saturating_sub(piece.filled().len());
                    if self.left == 0 {
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending if !self.unread.any() => return Poll::Ready(()),
                Poll::Pending => {
                    let deadline = || Box::pin(tokio::time::sleep(LINGER_TIME));
                    ready!(self.deadline.get_or_insert_with(deadline).as_mut().poll(cx));
                    return Poll::Ready(());
                }
            }
        }
    }
}

impl HttpBody for TrackedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.has_ended |= frame.is_none();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for TrackedBody {
    fn drop(&mut self) {
        if self.has_ended || self.body.is_end_stream() {
            self.unread.end_request();
        } else {
            self.unread.0.body.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt;
    use tokio::time::Instant;

    use super::*;

    /// The time that a connection lingers.
    async fn lingers(unread: &Unread, mut stream: impl AsyncRead + Unpin) -> Duration {
        let (began, mut linger) = (Instant::now(), Linger::new(unread.clone()));
        poll_fn(|cx| linger.poll(&mut stream, cx)).await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn it_lingers_only_with_unread_input_and_for_a_bounded_time() {
        let unread = Unread::default();
        let (near, far) = tokio::io::duplex(1_000);
        assert_eq!(lingers(&unread, near).await, Duration::ZERO, "no unread input");
        drop(far);
        unread.receive();
        let (near, _far) = tokio::io::duplex(1_000);
        assert_eq!(lingers(&unread, near).await.as_secs(), LINGER_TIME.as_secs());
        let (near, far) = tokio::io::duplex(1_000);
        drop(far);
        assert_eq!(lingers(&unread, near).await, Duration::ZERO, "the client has closed");
    }

    #[tokio::test(start_paused = true)]
    async fn the_discarded_input_is_bounded() {
        let (near, mut far) = tokio::io::duplex(64 * 1024);
        let sender = tokio::spawn(async move {
            let mut sent = 0;
            while far.write_all(&[b'x'; 64 * 1024]).await.is_ok() {
                sent += 64 * 1024;
            }
            sent
        });
        let unread = Unread::default();
        unread.receive();
        assert_eq!(lingers(&unread, near).await, Duration::ZERO);
        let sent = sender.await.expect("it does not panic");
        assert!((MAX_DISCARDED..=MAX_DISCARDED + 128 * 1024).contains(&sent), "{sent}");
    }
}
