//! All rules of the core, and its batches as frames for a serial line.

#![no_std]
#![no_main]

use sizes::{BATCH, Said, out};
use statusbus_core::wire::{Conversation, Encoder, Missing, Record, Update};
use statusbus_core::{Category, Keyed};

type Full = Said<Keyed, true>;

fn read(batch: &mut Batch<Full, [Item<Full>; BATCH]>) {
    let name = |&(number, category): &(u32, Category)| {
        (Some(Conversation::Number(number)), category.into())
    };
    let updates = batch.iter().map(|handed| {
        let (number, category) = statusbus_core::Update::topic(handed.update);
        Record::from(Update {
            age_micros: handed.waited_micros(),
            conversation: Some(Conversation::Number(number)),
            priority: Some(handed.priority),
            ttl_micros: Some(handed.ttl_left_micros()),
            key: Some("key"),
            ..Update::new(handed.seq, category, "what is said, in 31 characters")
        })
    });
    let records = Missing::of(batch.gap(), name).map(Record::from).chain(updates);
    let (mut encoder, mut buffer) = (Encoder::new(0x5EED, records), [0; 128]);
    while let Some(frame) = encoder.next_frame(&mut buffer) {
        frame.unwrap_or_default().iter().copied().for_each(out);
    }
}

sizes::bus_by_hand!(Full, Full::new, read);
