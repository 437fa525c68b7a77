//! All rules of the core, and its batches as frames for a serial line.

#![no_std]
#![no_main]

use sizes::{Stored, out};
use statusbus_core::wire::{CategoryName, Conversation, Encoder, LossRecord, UpdateRecord};
use statusbus_core::{Category, Keyed, Update};

type Full = Stored<Keyed, true>;
type Names = (Option<Conversation<&'static str>>, CategoryName<&'static str>);

struct Bytes([u8; 128]);

impl Bytes {
    const fn new() -> Self {
        Self([0; 128])
    }
}

fn names(&(number, category): &(u32, Category)) -> Names {
    (Some(Conversation::Number(number)), category.into())
}

/// The losses are read with the frames, not with the batch.
fn missing(_: &Status, _: &Buffer) {}

fn pass_on((): (), batch: &Buffer) {
    // In a static, it takes 180 bytes of flash less than on the stack.
    let buffer = sizes::buffer!(Bytes);
    let mut encoder = Encoder::new(0x5EED, &mut buffer.0);
    for index in 0.. {
        // One loss at a time: the critical section stays short.
        let loss = with(|bus| LossRecord::of(bus.gap(batch)?, index, names)).flatten();
        let Some(loss) = loss else { break };
        while !encoder.loss(&loss) && take(&mut encoder) {}
    }
    for entry in batch {
        let (conversation, category) = names(&entry.update.topic());
        let text = "a text, in all 31 characters...";
        let mut update = UpdateRecord::new(entry.seq, category, text);
        update.age_micros = entry.waited_micros();
        update.conversation = conversation;
        update.priority = Some(entry.priority);
        update.ttl_micros = Some(entry.ttl_left_micros());
        update.key = Some("key");
        while !encoder.update(&update) && take(&mut encoder) {}
    }
    take(&mut encoder);
}

/// Writes a frame to the line; `false`: none is ready.
fn take(encoder: &mut Encoder<'_>) -> bool {
    let Some(frame) = encoder.frame() else { return false };
    frame.iter().copied().for_each(out);
    true
}

sizes::bus_by_hand!(Full, Full::new, missing, pass_on);
