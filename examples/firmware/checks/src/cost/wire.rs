//! What the encoder of frames costs by itself.

use core::hint::black_box;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use statusbus_core::wire::{Conversation, Encoder, UpdateRecord};
use statusbus_core::{Category, Priority};

use super::Tell;
use super::bus::TEXT;
use super::lock::Ruler;

/// The frames of 16 updates with the texts of the other checks, in a buffer of 256 bytes.
#[inline(never)]
pub(super) fn all(tell: Tell) {
    let cost = CriticalSectionRawMutex::measure(|| {
        let mut buffer = [0; 256];
        let mut encoder = Encoder::new(black_box(1), &mut buffer);
        for seq in 1..=16 {
            let mut update = UpdateRecord::new(seq, Category::INFO, black_box(TEXT));
            update.age_micros = black_box(40_000);
            update.conversation = Some(Conversation::Number(black_box(7)));
            update.priority = Some(Priority::Normal);
            while !encoder.update(&update) && black_box(encoder.frame()).is_some() {}
        }
        let _ = black_box(encoder.frame());
    });
    tell(format_args!("encoder, 16 updates, {}", CriticalSectionRawMutex::UNIT), cost);
}
