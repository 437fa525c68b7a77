//! The format of statusbus: `ready`, then `status` with an array of updates, and `gap`.

use serde::Serialize;
use statusbus_tokio::Update;
use statusbus_tokio::json::{self, Epoch, Position};

use super::encoder::{BusRef, Cause, Encoder, Recovered, StreamEnd, StreamInfo};
use super::event_stream::{write_id, write_json, write_retry, write_text};

pub(super) struct Native;

/// The start of a stream: the epoch of its positions, and whether it resumed.
#[derive(Debug, Serialize)]
pub(super) struct Ready {
    epoch: Epoch,
    recovered: bool,
}

impl From<&StreamInfo> for Ready {
    fn from(stream: &StreamInfo) -> Self {
        Self { epoch: Epoch(stream.epoch), recovered: stream.recovered == Recovered::Yes }
    }
}

impl Encoder for Native {
    fn begin(&self, to: &mut Vec<u8>, stream: &StreamInfo) {
        write_retry(to);
        to.extend_from_slice(b"event: ready\ndata: ");
        write_json(to, &Ready::from(stream));
        to.extend_from_slice(b"\n\n");
    }

    fn updates_begin(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(b"event: status\ndata: [");
    }

    fn update(&self, to: &mut Vec<u8>, update: &Update<'_>, _: Cause, bus: BusRef<'_>) {
        if to.last() != Some(&b'[') {
            to.push(b',');
        }
        write_json(to, &json::Update::new(update, bus.categories));
    }

    fn updates_end(&self, to: &mut Vec<u8>, id: Position) {
        write_text(to, format_args!("]\nid: {id}\n\n"));
    }

    fn gap(&self, to: &mut Vec<u8>, id: Option<Position>, gap: &json::Gap) {
        to.extend_from_slice(b"event: gap\n");
        write_id(to, id);
        to.extend_from_slice(b"data: ");
        write_json(to, gap);
        to.extend_from_slice(b"\n\n");
    }

    fn end(&self, _: &mut Vec<u8>, _: &StreamInfo, _: StreamEnd) {}

    fn is_for_event_sources(&self) -> bool {
        true
    }
}
