//! All rules of the core: keys, priorities, TTLs, gaps by topic; no frames.

#![no_std]
#![no_main]

use sizes::{Stored, out};
use statusbus_core::Keyed;

type Full = Stored<Keyed, true>;

fn missing(bus: &Status, batch: &Buffer) -> u32 {
    bus.gap(batch).map_or(0, |gap| gap.missing()) as u32
}

fn pass_on(missing: u32, batch: &Buffer) {
    out(missing as u8);
    for entry in batch.iter() {
        entry.update.text().iter().for_each(|&word| out(word as u8));
    }
}

sizes::bus_by_hand!(Full, Full::new, missing, pass_on);
