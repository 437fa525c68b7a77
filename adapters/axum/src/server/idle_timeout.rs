//! A connection with an idle timeout.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::linger::{Linger, Unread};

/// A stream that fails with `TimedOut` after a span in which nothing could be read or written. When it
/// is shut down, it lingers so that the client can read its response.
pub(super) struct IdleTimeout<S> {
    stream: S,
    unread: Unread,
    linger: Linger,
    is_shut_down: bool,
    timeout: Duration,
    /// The time of the last progress.
    last_progress: Instant,
    /// Expires one timeout after the last check. Progress only updates `last_progress` and leaves the
    /// timer alone, because resetting it for each read and write is expensive.
    timer: Pin<Box<Sleep>>,
}

impl<S> IdleTimeout<S> {
    pub(super) fn new(stream: S, timeout: Duration, unread: Unread) -> Self {
        Self {
            stream,
            linger: Linger::new(unread.clone()),
            unread,
            is_shut_down: false,
            timeout,
            last_progress: Instant::now(),
            timer: Box::pin(tokio::time::sleep(timeout)),
        }
    }

    /// Applies the timeout to the result of a poll.
    fn apply<T>(&mut self, poll: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        match poll {
            Poll::Ready(result) => {
                self.last_progress = Instant::now();
                Poll::Ready(result)
            }
            Poll::Pending => {
                ready!(self.poll_timeout(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }

    /// Ready when the timeout has passed since the last progress.
    fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let end = self.last_progress + self.timeout;
            if end <= Instant::now() {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(end);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for IdleTimeout<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.unread.receive();
        }
        self.apply(poll, cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for IdleTimeout<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.apply(poll, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.apply(poll, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, linger, is_shut_down, .. } = &mut *self;
        if !*is_shut_down {
            ready!(Pin::new(&mut *stream).poll_shutdown(cx))?;
            *is_shut_down = true;
        }
        linger.poll(stream, cx).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_read_times_out() {
        let (near, _far) = tokio::io::duplex(10);
        let mut near = IdleTimeout::new(near, TIMEOUT, Unread::default());
        near.write_all(b"0123456789").await.expect("the buffer has space");
        let began = Instant::now();
        let error = near.write_all(b"more").await.expect_err("the peer does not read");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_times_out_after_the_last_write() {
        let (near, mut far) = tokio::io::duplex(10);
        let mut near = IdleTimeout::new(near, TIMEOUT, Unread::default());
        let began = Instant::now();
        let mut byte = [0];
        for _ in 0..5 {
            let read = tokio::time::timeout(TIMEOUT - Duration::from_secs(1), near.read(&mut byte));
            assert!(read.await.is_err(), "no input");
            near.write_all(b"x").await.expect("it is read");
            far.read_exact(&mut byte).await.expect("it was written");
        }
        let error = near.read(&mut byte).await.expect_err("no input");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), 5 * 59 + 60);
    }
}
