//! What a board brings: the lock, the clock, a line.

use core::future::poll_fn;
use core::task::{Poll, Waker};

use embedded_io_async::{ErrorKind, ErrorType, Write};

use crate::input::{long, number, told, word};

struct Lock;
critical_section::set_impl!(Lock);

// SAFETY: there is one thread, and nothing interrupts it.
unsafe impl critical_section::Impl for Lock {
    unsafe fn acquire() -> bool {
        word() != 0
    }

    unsafe fn release(before: bool) {
        told(before.into());
    }
}

struct Clock;
embassy_time_driver::time_driver_impl!(static CLOCK: Clock = Clock);

impl embassy_time_driver::Driver for Clock {
    fn now(&self) -> u64 {
        long()
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        told(at as u32);
        waker.wake_by_ref();
    }
}

/// A line that may do anything.
pub(crate) struct Line;

impl ErrorType for Line {
    type Error = ErrorKind;
}

impl Write for Line {
    // Not written with `async`: what is looked for are the panics of the adapter.
    #[allow(clippy::manual_async_fn)]
    fn write(&mut self, bytes: &[u8]) -> impl Future<Output = Result<usize, ErrorKind>> {
        poll_fn(move |_| {
            bytes.iter().for_each(|&byte| told(byte.into()));
            match word() {
                0 => Poll::Pending,
                1 => Poll::Ready(Err(ErrorKind::Other)),
                _ => Poll::Ready(Ok(number())),
            }
        })
    }

    #[allow(clippy::manual_async_fn)]
    fn flush(&mut self) -> impl Future<Output = Result<(), ErrorKind>> {
        poll_fn(|_| match word() {
            0 => Poll::Pending,
            1 => Poll::Ready(Err(ErrorKind::Other)),
            _ => Poll::Ready(Ok(())),
        })
    }
}
