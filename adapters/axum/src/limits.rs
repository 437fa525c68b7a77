//! How much anybody may ask for.

/// How much anybody may ask for. Whoever asks for more is refused and told so; it is counted in
/// the metrics.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub(crate) streams: usize,
    pub(crate) body: usize,
    pub(crate) updates: usize,
}

impl Limits {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self { streams: 10_000, body: 2 * 1024 * 1024, updates: 1_000 }
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
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}
