//! The tasks of the station. Each sends updates and knows nothing of their readers.

use embassy_time::{Duration, Timer};
use statusbus_embassy::{Category, Priority};

use crate::STATUS;

/// The level of the tank, fifty times a second. It has a key: of those that wait, the last one is
/// handed on.
#[embassy_executor::task]
pub(crate) async fn tank() {
    for reading in 0_u32..500 {
        // it fills, with some water taken in between
        let level = (reading / 6 + 4 * u32::from(reading % 50 > 25)).min(95);
        STATUS
            .update("tank", Category::PROGRESS, format_args!("{level} %"))
            .key("level")
            .ttl(Duration::from_secs(1).into())
            .send();
        Timer::after_millis(20).await;
    }
    STATUS
        .update("tank", Category::PROGRESS, "full, 100 %")
        .key("level")
        .priority(Priority::High)
        .send();
}

/// The motor, now and then.
#[embassy_executor::task]
pub(crate) async fn motor() {
    STATUS.planning("pump", "fill the tank, then stop");
    STATUS.engine("pump", "self-test passed");
    Timer::after_millis(300).await;
    STATUS.tool("pump", "valve 1 opens");
    Timer::after_millis(400).await;
    for turns in [300, 600, 900, 1_200] {
        STATUS.engine("pump", format_args!("{turns} turns a minute"));
        Timer::after_millis(700).await;
    }
}

/// A new firmware, which comes in blocks and is written to the flash.
#[embassy_executor::task]
pub(crate) async fn update() {
    const BLOCKS: u32 = 96;
    STATUS.workflow("update", "version 2.1 is here, 96 KiB");
    for block in 0..=BLOCKS {
        STATUS
            .update(
                "update",
                Category::PROGRESS,
                format_args!("writing {} %", block * 100 / BLOCKS),
            )
            .key("image")
            .send();
        Timer::after_millis(90).await;
    }
    STATUS.workflow("update", "checking the signature");
    Timer::after_millis(500).await;
    STATUS
        .update("update", Category::PROGRESS, "done: version 2.1 starts with the next reset")
        .key("image")
        .priority(Priority::High)
        .send();
}

/// The update of the flow meter's interrupt.
pub(crate) fn pulse() {
    STATUS.info("flow", "10 litres");
}
