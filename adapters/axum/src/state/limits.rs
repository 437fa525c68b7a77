//! Limits of what clients may request.

/// Limits of what clients may request. A request beyond a limit is refused with an error that names
/// the limit, and counted in `/metrics`.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub(crate) streams: usize,
    pub(crate) body: usize,
    pub(crate) updates: usize,
    #[cfg(feature = "phoenix")]
    pub(crate) channels: usize,
    #[cfg(feature = "phoenix")]
    pub(crate) changes: usize,
}

impl Limits {
    /// The default limits.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            streams: 10_000,
            body: 2 * 1024 * 1024,
            updates: 1_000,
            #[cfg(feature = "phoenix")]
            channels: 100,
            #[cfg(feature = "phoenix")]
            changes: 30,
        }
    }

    /// Maximum number of open event streams and sockets together. Default 10,000. Further ones are
    /// answered with 503 `crowded`; 0 refuses all.
    #[must_use]
    pub const fn with_streams(mut self, max: usize) -> Self {
        self.streams = max;
        self
    }

    /// Maximum size of a request body in bytes. Default 2 MiB. A larger body is answered with 413
    /// `too_large`. All bodies together may take 64 MiB, or four times this limit if that is more.
    #[must_use]
    pub const fn with_body(mut self, bytes: usize) -> Self {
        self.body = bytes;
        self
    }

    /// Maximum number of updates in a publish request. Default 1,000. A request with more of them is
    /// answered with 413 `too_large`, and none of them is published.
    #[must_use]
    pub const fn with_updates(mut self, max: usize) -> Self {
        self.updates = max;
        self
    }

    /// Maximum number of joined channels per socket. Default 100. Further joins get an error reply.
    #[cfg(feature = "phoenix")]
    #[must_use]
    pub const fn with_channels(mut self, max: usize) -> Self {
        self.channels = max;
        self
    }

    /// Maximum number of changes to the categories of a channel, in any span of a minute. Default 30.
    /// Further changes get an error reply with `retry_after_ms`.
    #[cfg(feature = "phoenix")]
    #[must_use]
    pub const fn with_changes(mut self, max: usize) -> Self {
        self.changes = max;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}
