//! What the handlers have in common.

use std::sync::Arc;

use statusbus_tokio::Status;

use crate::authorize::{Access, Authorize, Grant};
use crate::caller::Caller;
use crate::closing::Closing;
use crate::limits::Limits;
use crate::metrics::{Answers, Histogram};
use crate::origin::Origins;
use crate::phoenix::Channels;
use crate::problem::Problem;
use crate::publish::Room;
use crate::seats::Seats;
use crate::sse::Frames;

/// The state of every handler, behind an `Arc`.
pub(crate) struct Context {
    pub(crate) status: Status,
    pub(crate) authorize: Arc<dyn Authorize>,
    pub(crate) origins: Origins,
    pub(crate) limits: Limits,
    pub(crate) closing: Closing,
    /// Places for streams and sockets.
    pub(crate) seats: Arc<Seats>,
    pub(crate) frames: Arc<Frames>,
    pub(crate) channels: Arc<Channels>,
    /// Room for the bodies of requests.
    pub(crate) room: Room,
    pub(crate) answers: Answers,
    /// From when an update was said until it was written for its readers.
    pub(crate) latency: Histogram,
}

impl Context {
    /// Whether the caller may do this, and for how long.
    pub(crate) async fn decide(
        &self,
        caller: &Caller,
        access: Access<'_>,
    ) -> Result<Grant, Problem> {
        Ok(self.authorize.authorize(caller, access).await?)
    }

    /// Whether the caller may publish anything, from the head of its request alone.
    pub(crate) async fn admit_publisher(&self, caller: &Caller) -> Result<(), Problem> {
        Ok(self.authorize.admit_publisher(caller).await?)
    }

    /// Whether the caller may have what tells nothing of what is said: the page's own files, and
    /// whether the server lives.
    pub(crate) async fn admit(&self, caller: &Caller) -> Result<(), Problem> {
        Ok(self.authorize.admit(caller).await?)
    }
}
