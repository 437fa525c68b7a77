//! The core's queue, batches, deadlines and ledger; no keys, no priorities, no frames.

#![no_std]
#![no_main]

use sizes::{Stored, out};
use statusbus_core::Unkeyed;

type Small = Stored<Unkeyed, false>;

fn missing(_: &Status, _: &Buffer) {}

fn pass_on((): (), batch: &Buffer) {
    for entry in batch.iter() {
        entry.update.text().iter().for_each(|&word| out(word as u8));
    }
}

sizes::bus_by_hand!(Small, Small::new, missing, pass_on);
