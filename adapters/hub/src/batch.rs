//! Updates: as they are stored, and as they are read.

pub(crate) mod block;
pub(crate) mod details;
pub(crate) mod metadata;
pub(crate) mod names;
pub(crate) mod subject;
pub(crate) mod text;
pub(crate) mod update;
pub(crate) mod view;
