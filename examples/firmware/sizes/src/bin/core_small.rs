//! The core's queue, batches, deadlines and ledger; no keys, no priorities, no frames.

#![no_std]
#![no_main]

use sizes::{BATCH, Said, out};
use statusbus_core::Unkeyed;

type Small = Said<Unkeyed, false>;

fn read(batch: &mut Batch<Small, [Item<Small>; BATCH]>) {
    for handed in batch.iter() {
        handed.update.text().iter().for_each(|&word| out(word as u8));
    }
}

sizes::bus_by_hand!(Small, Small::new, read);
