//! State that endpoints share: limits, counters, budgets and caches. Nothing here knows an endpoint.

mod body_budget;
#[cfg(feature = "phoenix")]
mod channel_counts;
#[cfg(feature = "server")]
mod connections;
mod frames;
mod histogram;
mod limits;
mod response_counts;
mod shutdown;
mod stream_limit;

pub(crate) use body_budget::BodyBudget;
#[cfg(feature = "phoenix")]
pub(crate) use channel_counts::{ChannelCounts, JoinedChannel, SocketEnd};
#[cfg(feature = "server")]
pub(crate) use connections::{ConnectionCounts, ConnectionPermit};
pub(crate) use frames::{FRAME_TARGET, Frame, FrameCache, Member, Snapshot};
pub(crate) use histogram::Histogram;
pub use limits::Limits;
pub(crate) use response_counts::ResponseCounts;
pub use shutdown::ShutdownHandle;
pub(crate) use stream_limit::{StreamLimit, StreamPermit};
