//! The formats that a client can request.

use super::encoder::Encoder;
use super::native::Native;
#[cfg(feature = "formats")]
use super::{ag_ui::AgUi, ai_sdk::AiSdk, cloud_events::CloudEvents};
use crate::access::Caller;
use crate::request::Problem;

/// A format that a client can request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    /// The format of statusbus.
    #[default]
    Native,
    /// The UI message stream of the AI SDK.
    #[cfg(feature = "formats")]
    AiSdk,
    /// Events of AG-UI.
    #[cfg(feature = "formats")]
    AgUi,
    /// CloudEvents in JSON.
    #[cfg(feature = "formats")]
    CloudEvents,
}

impl Format {
    /// The formats of event streams, in the order in which error texts list them.
    pub(crate) const STREAMS: &[Self] = &[
        Self::Native,
        #[cfg(feature = "formats")]
        Self::AiSdk,
        #[cfg(feature = "formats")]
        Self::AgUi,
        #[cfg(feature = "formats")]
        Self::CloudEvents,
    ];

    /// The formats of retained values.
    pub(crate) const RETAINED: &[Self] = &[
        Self::Native,
        #[cfg(feature = "formats")]
        Self::CloudEvents,
    ];

    /// The format that `format` in the query requests, among `available` ones.
    ///
    /// # Errors
    /// `unknown_format`: none of them has that name.
    pub(crate) fn requested(caller: &Caller, available: &[Self]) -> Result<Self, Problem> {
        let Some(requested) = caller.parameter("format") else { return Ok(Self::default()) };
        let found = available.iter().find(|format| format.name() == requested);
        found.copied().ok_or_else(|| {
            let names = available.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ");
            let detail = format!("the format {requested:?} is unknown: choose among {names}");
            Problem::bad_request("unknown_format", detail)
        })
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Native => "statusbus",
            #[cfg(feature = "formats")]
            Self::AiSdk => "ai-sdk",
            #[cfg(feature = "formats")]
            Self::AgUi => "ag-ui",
            #[cfg(feature = "formats")]
            Self::CloudEvents => "cloudevents",
        }
    }

    /// The encoder of the format.
    pub(crate) fn encoder(self) -> &'static dyn Encoder {
        match self {
            Self::Native => &Native,
            #[cfg(feature = "formats")]
            Self::AiSdk => &AiSdk,
            #[cfg(feature = "formats")]
            Self::AgUi => &AgUi,
            #[cfg(feature = "formats")]
            Self::CloudEvents => &CloudEvents,
        }
    }
}
