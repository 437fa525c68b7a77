//! Ending a connection of which not everything was read.
//!
//! A socket that is closed with bytes unread is reset, and a client that is still sending then gets an
//! error in place of the answer. So the server first closes its own direction, and reads on for a
//! while what it has no use for.

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

/// How long a client may take to read its answer and to close.
const TIME: Duration = Duration::from_secs(10);

/// Most bytes that are read from it meanwhile.
const MOST: usize = 16 * 1024 * 1024;

/// What a connection has received and nobody has read.
#[derive(Clone, Debug, Default)]
pub(super) struct Unread(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    /// A body was given up before its end.
    body: AtomicBool,
    /// Bytes have come that are no whole request yet.
    bytes: AtomicBool,
}

/// The body of a request. Dropped before its end, it is noted as unread.
pub(super) struct Watched {
    body: Incoming,
    has_ended: bool,
    unread: Unread,
}

/// Reads on after the answer.
pub(super) struct Linger {
    unread: Unread,
    left: usize,
    over: Option<Pin<Box<Sleep>>>,
}

impl Unread {
    /// Whether a body was given up before its end: the connection cannot go on.
    pub(super) fn has_body(&self) -> bool {
        self.0.body.load(Ordering::Relaxed)
    }

    /// Bytes have come.
    pub(super) fn receive(&self) {
        self.0.bytes.store(true, Ordering::Relaxed);
    }

    /// What has come was a whole request.
    fn end_request(&self) {
        self.0.bytes.store(false, Ordering::Relaxed);
    }

    fn is_there(&self) -> bool {
        self.has_body() || self.0.bytes.load(Ordering::Relaxed)
    }
}

impl Watched {
    pub(super) fn new(body: Incoming, unread: &Unread) -> Self {
        if body.is_end_stream() {
            unread.end_request();
        }
        Self { body, has_ended: false, unread: unread.clone() }
    }
}

impl Linger {
    pub(super) fn new(unread: Unread) -> Self {
        Self { unread, left: MOST, over: None }
    }

    /// Reads what comes, and ready when the client has closed, or has sent or taken too much. Ready
    /// at once if nothing is there and nothing is expected.
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
                Poll::Pending if !self.unread.is_there() => return Poll::Ready(()),
                Poll::Pending => {
                    let over = || Box::pin(tokio::time::sleep(TIME));
                    ready!(self.over.get_or_insert_with(over).as_mut().poll(cx));
                    return Poll::Ready(());
                }
            }
        }
    }
}

impl HttpBody for Watched {
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

impl Drop for Watched {
    fn drop(&mut self) {
        match self.has_ended || self.body.is_end_stream() {
            true => self.unread.end_request(),
            false => self.unread.0.body.store(true, Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt;
    use tokio::time::Instant;

    use super::*;

    /// How long it lingers on a connection.
    async fn lingers(unread: &Unread, mut stream: impl AsyncRead + Unpin) -> Duration {
        let (began, mut linger) = (Instant::now(), Linger::new(unread.clone()));
        poll_fn(|cx| linger.poll(&mut stream, cx)).await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn it_waits_only_if_something_is_expected_and_not_for_ever() {
        let unread = Unread::default();
        let (near, far) = tokio::io::duplex(1_000);
        assert_eq!(lingers(&unread, near).await, Duration::ZERO, "nothing is expected");
        drop(far);
        unread.receive();
        let (near, _far) = tokio::io::duplex(1_000);
        assert_eq!(lingers(&unread, near).await.as_secs(), TIME.as_secs());
        let (near, far) = tokio::io::duplex(1_000);
        drop(far);
        assert_eq!(lingers(&unread, near).await, Duration::ZERO, "it has closed");
    }

    #[tokio::test(start_paused = true)]
    async fn what_it_reads_is_bounded() {
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
        assert!((MOST..=MOST + 128 * 1024).contains(&sent), "{sent}");
    }
}
