//! Readers.

pub(crate) mod event;
mod reported;
pub(crate) mod subscription;
