//! Updates: as they are sent, stored and read.

pub(crate) mod block;
pub(crate) mod message;
pub(crate) mod metadata;
pub(crate) mod text;
pub(crate) mod update;
pub(crate) mod view;
