//! All rules of the core: keys, priorities, times-to-live, gaps by topic; no frames.

#![no_std]
#![no_main]

use sizes::{BATCH, Said, out};
use statusbus_core::Keyed;

type Full = Said<Keyed, true>;

fn read(batch: &mut Batch<Full, [Item<Full>; BATCH]>) {
    if let Some(gap) = batch.take_gap() {
        out(gap.total().total() as u8);
    }
    for handed in batch.iter() {
        handed.update.text().iter().for_each(|&word| out(word as u8));
    }
}

sizes::bus_by_hand!(Full, Full::new, read);
