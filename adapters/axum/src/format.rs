//! Formats of event streams: `?format=`.
//!
//! An encoder turns updates into bytes and decides nothing else: selection, timing and order are the
//! same in every format. Texts are encoded in JSON, which has no raw line breaks, so that no text can
//! end a frame.

#[cfg(feature = "formats")]
mod ag_ui;
#[cfg(feature = "formats")]
mod ai_sdk;
#[cfg(feature = "formats")]
mod cloud_events;
mod encoder;
mod event_stream;
mod native;
#[cfg(feature = "formats")]
mod run_input;
mod selection;
#[cfg(test)]
#[cfg(feature = "formats")]
mod tests;
#[cfg(feature = "formats")]
mod value_id;

#[cfg(feature = "formats")]
pub(crate) use cloud_events::{BATCH as CLOUD_EVENTS_BATCH, batch as cloud_events_batch};
pub(crate) use encoder::{BusRef, Cause, Encoder, Recovered, StreamEnd, StreamInfo};
#[cfg(feature = "formats")]
pub(crate) use event_stream::nonce;
pub(crate) use event_stream::{heartbeat, retry_later};
#[cfg(feature = "formats")]
pub(crate) use run_input::RunInput;
pub(crate) use selection::Format;
