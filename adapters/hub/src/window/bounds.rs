//! How much is kept of what was delivered.

/// The bounds of what is kept. Each holds by updates and by bytes, whichever comes first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Of all conversations together, for readers to come to.
    pub(crate) window: Amount,
    /// Of each conversation, when it has left the window.
    pub(crate) history: Amount,
    /// Of each conversation's values that stand; the number is that of those with a key.
    pub(crate) retained: Amount,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Amount {
    pub(crate) updates: u64,
    /// What updates have allocated: longer texts, keys and metadata.
    pub(crate) bytes: u64,
}
