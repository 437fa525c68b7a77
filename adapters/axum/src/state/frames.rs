//! Encoded frames that readers share.

mod cache;
mod held_bytes;
mod snapshot;

pub(crate) use cache::{FRAME_TARGET, Frame, FrameCache, Member};
pub(crate) use snapshot::Snapshot;
