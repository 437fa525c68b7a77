//! A connection that may not stand still for long.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::linger::{Linger, Unread};

/// Fails when for some time nothing could be read and nothing written. When it is shut down, it
/// lingers for the client to read its answer.
pub(super) struct Patient<S> {
    stream: S,
    unread: Unread,
    linger: Linger,
    is_shut_down: bool,
    patience: Duration,
    moved: Instant,
    /// Looks again whether it stands still, at the end of a span that began when it last looked: so
    /// what moves only notes when.
    look: Pin<Box<Sleep>>,
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S, patience: Duration, unread: Unread) -> Self {
        let look = Box::pin(tokio::time::sleep(patience));
        let (linger, moved) = (Linger::new(unread.clone()), Instant::now());
        Self { stream, unread, linger, is_shut_down: false, patience, moved, look }
    }

    /// What comes of a poll, once it is known whether something has moved.
    fn judge<T>(&mut self, poll: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        match poll {
            Poll::Ready(result) => {
                self.moved = Instant::now();
                Poll::Ready(result)
            }
            Poll::Pending => {
                ready!(self.poll_patience(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }

    /// Ready when it has stood still for too long.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.look.as_mut().poll(cx));
            let end = self.moved + self.patience;
            if end <= Instant::now() {
                return Poll::Ready(());
            }
            self.look.as_mut().reset(end);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
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
        self.judge(poll, cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(poll, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.judge(poll, cx)
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

    const PATIENCE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_is_cut_off() {
        let (near, _far) = tokio::io::duplex(10);
        let mut near = Patient::new(near, PATIENCE, Unread::default());
        near.write_all(b"0123456789").await.expect("there is room");
        let began = Instant::now();
        let error = near.write_all(b"more").await.expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_cut_off_unless_something_is_written_to_it() {
        let (near, mut far) = tokio::io::duplex(10);
        let mut near = Patient::new(near, PATIENCE, Unread::default());
        let began = Instant::now();
        let mut byte = [0];
        for _ in 0..5 {
            let read =
                tokio::time::timeout(PATIENCE - Duration::from_secs(1), near.read(&mut byte));
            assert!(read.await.is_err(), "nothing comes");
            near.write_all(b"x").await.expect("it is read");
            far.read_exact(&mut byte).await.expect("it was written");
        }
        let error = near.read(&mut byte).await.expect_err("nothing comes");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), 5 * 59 + 60);
    }
}
