//! What the channels of all sockets have in common.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sse::Frames;

/// What the channels of all sockets have in common: payloads that are written once for all of them,
/// and what is counted.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    /// The payloads of a batch, one on each line.
    pub(crate) payloads: Arc<Frames>,
    joined: AtomicU64,
    left: AtomicU64,
    refused: AtomicU64,
    opened: AtomicU64,
    ended: [AtomicU64; Ending::ALL.len()],
}

/// Why a socket has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The client took its leave.
    Left,
    /// The client has gone without.
    Gone,
    /// It did not take what it was sent, for too long.
    Slow,
    /// It said nothing for too long.
    Silent,
    /// It sent a message that was too large.
    TooLarge,
    /// It sent what is no WebSocket's frame, or no text.
    Invalid,
    /// The server closes.
    Closing,
}

/// A channel that is joined, until it is dropped.
#[derive(Debug)]
pub(super) struct Joined(Arc<Channels>);

impl Channels {
    pub(super) fn join(self: &Arc<Self>) -> Joined {
        self.joined.fetch_add(1, Ordering::Relaxed);
        Joined(Arc::clone(self))
    }

    pub(super) fn refuse_join(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn open_socket(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn end_socket(&self, why: Ending) {
        self.ended[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Joined now.
    pub(crate) fn now(&self) -> u64 {
        let left = self.left.load(Ordering::Relaxed);
        self.joined().saturating_sub(left)
    }

    /// Ever joined.
    pub(crate) fn joined(&self) -> u64 {
        self.joined.load(Ordering::Relaxed)
    }

    /// Wishes to join that were refused.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Sockets that are open.
    pub(crate) fn sockets(&self) -> u64 {
        let ended: u64 = self.ended().map(|(_, count)| count).sum();
        self.opened().saturating_sub(ended)
    }

    /// Sockets that were opened.
    pub(crate) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Sockets that have ended, by why.
    pub(crate) fn ended(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let names = Ending::ALL.map(Ending::as_str).into_iter();
        names.zip(self.ended.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    /// Payloads of batches: how many were written, and how many a channel got ready-made.
    pub(crate) fn payloads(&self) -> (u64, u64) {
        (self.payloads.encoded(), self.payloads.shared())
    }
}

impl Ending {
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

impl Drop for Joined {
    fn drop(&mut self) {
        self.0.left.fetch_add(1, Ordering::Relaxed);
    }
}
