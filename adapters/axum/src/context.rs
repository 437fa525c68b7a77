//! The state that all handlers share.

use std::sync::Arc;

use statusbus_tokio::Status;

use crate::access::{Access, Authorize, Caller, Grant};
use crate::request::{Origins, Problem};
#[cfg(feature = "phoenix")]
use crate::state::ChannelCounts;
use crate::state::{
    BodyBudget, FrameCache, Histogram, Limits, ResponseCounts, ShutdownHandle, StreamLimit,
};

/// The state of every handler, behind an `Arc`.
pub(crate) struct Context {
    pub(crate) status: Status,
    pub(crate) authorize: Arc<dyn Authorize>,
    pub(crate) origins: Origins,
    pub(crate) limits: Limits,
    pub(crate) shutdown: ShutdownHandle,
    pub(crate) streams: Arc<StreamLimit>,
    /// Frames of event streams.
    pub(crate) frames: Arc<FrameCache>,
    /// Payloads of Phoenix channels, one on each line.
    #[cfg(feature = "phoenix")]
    pub(crate) channel_frames: Arc<FrameCache>,
    #[cfg(feature = "phoenix")]
    pub(crate) channels: Arc<ChannelCounts>,
    pub(crate) bodies: BodyBudget,
    pub(crate) responses: ResponseCounts,
    /// Time from the sending of an update until it is encoded for event streams.
    pub(crate) latency: Histogram,
}

impl Context {
    /// Asks the authorization hook for a decision.
    pub(crate) async fn authorize(
        &self,
        caller: &Caller,
        access: Access<'_>,
    ) -> Result<Grant, Problem> {
        Ok(self.authorize.authorize(caller, access).await?)
    }

    /// Asks whether the caller may publish anything, from the head of its request alone.
    pub(crate) async fn admit_publisher(&self, caller: &Caller) -> Result<(), Problem> {
        Ok(self.authorize.admit_publisher(caller).await?)
    }

    /// Asks whether the caller may request what reveals no updates.
    pub(crate) async fn admit(&self, caller: &Caller) -> Result<(), Problem> {
        Ok(self.authorize.admit(caller).await?)
    }
}
