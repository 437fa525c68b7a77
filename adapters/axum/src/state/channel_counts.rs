//! Counters of Phoenix sockets and channels.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of all Phoenix sockets and their channels, since the start.
#[derive(Debug, Default)]
pub(crate) struct ChannelCounts {
    joined: AtomicU64,
    left: AtomicU64,
    refused: AtomicU64,
    opened: AtomicU64,
    ended: [AtomicU64; SocketEnd::ALL.len()],
}

/// Why a socket ended: a label of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketEnd {
    /// The client closed it.
    Left,
    /// The connection broke.
    Gone,
    /// The client did not read for too long.
    Slow,
    /// The client sent nothing for too long.
    Silent,
    /// The client sent a message over the size limit.
    TooLarge,
    /// The client sent an invalid WebSocket frame or invalid UTF-8.
    Invalid,
    /// The server shut down.
    Closing,
}

/// A joined channel, counted until it is dropped.
#[derive(Debug)]
pub(crate) struct JoinedChannel(Arc<ChannelCounts>);

impl ChannelCounts {
    pub(crate) fn join(self: &Arc<Self>) -> JoinedChannel {
        self.joined.fetch_add(1, Ordering::Relaxed);
        JoinedChannel(Arc::clone(self))
    }

    pub(crate) fn refuse_join(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn open_socket(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end_socket(&self, why: SocketEnd) {
        self.ended[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Channels that are joined now.
    pub(crate) fn now(&self) -> u64 {
        let left = self.left.load(Ordering::Relaxed);
        self.joined().saturating_sub(left)
    }

    /// Channels that were joined.
    pub(crate) fn joined(&self) -> u64 {
        self.joined.load(Ordering::Relaxed)
    }

    /// Join requests that were refused.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Sockets that are open now.
    pub(crate) fn sockets(&self) -> u64 {
        let ended: u64 = self.ended().map(|(_, count)| count).sum();
        self.opened().saturating_sub(ended)
    }

    /// Sockets that were opened.
    pub(crate) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Sockets that ended, by reason.
    pub(crate) fn ended(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let names = SocketEnd::ALL.map(SocketEnd::as_str).into_iter();
        names.zip(self.ended.iter().map(|count| count.load(Ordering::Relaxed)))
    }
}

impl SocketEnd {
    const ALL: [Self; 7] = [
        Self::Left,
        Self::Gone,
        Self::Slow,
        Self::Silent,
        Self::TooLarge,
        Self::Invalid,
        Self::Closing,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Gone => "gone",
            Self::Slow => "slow",
            Self::Silent => "silent",
            Self::TooLarge => "too_large",
            Self::Invalid => "invalid",
            Self::Closing => "closing",
        }
    }
}

impl Drop for JoinedChannel {
    fn drop(&mut self) {
        self.0.left.fetch_add(1, Ordering::Relaxed);
    }
}
