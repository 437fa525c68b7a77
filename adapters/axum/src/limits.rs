//! How much anybody may ask for.

/// How much anybody may ask for. Whoever asks for more is refused and told so; it is counted in
/// the metrics.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub(crate) streams: usize,
    pub(crate) body: usize,
    pub(crate) updates: usize,
    pub(crate) channels: usize,
    pub(crate) changes: usize,
}

impl Limits {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        let (streams, body, updates) = (10_000, 2 * 1024 * 1024, 1_000);
        Self { streams, body, updates, channels: 100, changes: 30 }
    }

    /// Most streams and sockets that are open at a time. Default 10,000.
    #[must_use]
    pub const fn streams(mut self, most: usize) -> Self {
        self.streams = most;
        self
    }

    /// The largest body of a request, in bytes. Default 2 MiB.
    #[must_use]
    pub const fn body(mut self, bytes: usize) -> Self {
        self.body = bytes;
        self
    }

    /// Most updates in a request. Default 1,000.
    #[must_use]
    pub const fn updates(mut self, most: usize) -> Self {
        self.updates = most;
        self
    }

    /// Most channels that a socket has joined at a time. Default 100.
    #[must_use]
    pub const fn channels(mut self, most: usize) -> Self {
        self.channels = most;
        self
    }

    /// Most changes of a channel's categories, in any minute. Default 30.
    #[must_use]
    pub const fn changes(mut self, most: usize) -> Self {
        self.changes = most;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}
