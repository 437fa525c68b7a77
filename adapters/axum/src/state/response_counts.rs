//! Counters of responses by status code.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;

/// Responses by status code: one counter for each code that this crate sends, and one for all others.
#[derive(Debug, Default)]
pub(crate) struct ResponseCounts([AtomicU64; CODES.len() + 1]);

const CODES: [u16; 16] =
    [101, 200, 202, 304, 400, 401, 403, 404, 405, 408, 413, 414, 415, 426, 500, 503];

impl ResponseCounts {
    pub(crate) fn count(&self, status: StatusCode) {
        let known = CODES.iter().position(|&known| known == status.as_u16());
        if let Some(counter) = self.0.get(known.unwrap_or(CODES.len())) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (String, u64)> {
        let names = CODES.iter().map(u16::to_string).chain(["other".to_owned()]);
        names.zip(self.0.iter().map(|counter| counter.load(Ordering::Relaxed)))
    }
}
