//! Our own form: `ready`, then `status` with an array of updates, and `gap`.

use serde::Serialize;
use statusbus_tokio::Update;
use statusbus_tokio::json::{self, Epoch, Position};

use super::{
    Bus, Ending, Form, Kind, Recovered, Run, write_id, write_json, write_retry, write_text,
};

pub(super) struct Native;

/// Where a stream goes on.
#[derive(Debug, Serialize)]
pub(super) struct Ready {
    epoch: Epoch,
    recovered: bool,
}

impl From<&Run> for Ready {
    fn from(run: &Run) -> Self {
        Self { epoch: Epoch(run.epoch), recovered: run.recovered == Recovered::Yes }
    }
}

impl Form for Native {
    fn begin(&self, to: &mut Vec<u8>, run: &Run) {
        write_retry(to);
        to.extend_from_slice(b"event: ready\ndata: ");
        write_json(to, &Ready::from(run));
        to.extend_from_slice(b"\n\n");
    }

    fn updates_begin(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(b"event: status\ndata: [");
    }

    fn update(&self, to: &mut Vec<u8>, update: &Update<'_>, _: Kind, bus: Bus<'_>) {
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

    fn end(&self, _: &mut Vec<u8>, _: &Run, _: Ending) {}

    fn is_for_event_sources(&self) -> bool {
        true
    }
}
