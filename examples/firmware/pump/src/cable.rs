//! The cable of the serial line, which can be pulled: the other end then takes nothing, as with flow
//! control.

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::watch::Watch;
use embedded_io_async::{ErrorType, Write};

static PLUGGED_IN: Watch<CriticalSectionRawMutex, bool, 1> = Watch::new_with(true);

/// A line at the end of the cable.
pub(crate) struct Cable<W>(pub(crate) W);

/// Pulls it, or plugs it in again.
pub(crate) fn plugged_in(is_so: bool) {
    PLUGGED_IN.sender().send(is_so);
}

impl<W: ErrorType> ErrorType for Cable<W> {
    type Error = W::Error;
}

impl<W: Write> Write for Cable<W> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, W::Error> {
        if let Some(mut plugged_in) = PLUGGED_IN.receiver() {
            plugged_in.get_and(|&is_so| is_so).await;
        }
        self.0.write(bytes).await
    }

    async fn flush(&mut self) -> Result<(), W::Error> {
        self.0.flush().await
    }
}
