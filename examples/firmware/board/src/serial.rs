//! The first serial line, for writing.

use core::convert::Infallible;

use embedded_io_async::{ErrorType, Write};

/// The line's writer. On the Cortex-M boards its interrupt sends from a buffer of 64 bytes;
/// on `virt` each byte is written at once.
#[derive(Debug)]
pub struct Serial(());

impl Serial {
    /// The line, the first time.
    #[must_use]
    pub fn take() -> Option<Self> {
        use core::sync::atomic::{AtomicBool, Ordering};
        static TAKEN: AtomicBool = AtomicBool::new(false);
        critical_section::with(|_| {
            let is_free = !TAKEN.load(Ordering::Relaxed);
            TAKEN.store(true, Ordering::Relaxed);
            is_free.then_some(Self(()))
        })
    }
}

impl ErrorType for Serial {
    type Error = Infallible;
}

impl Write for Serial {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        Ok(way::write(bytes).await)
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        way::flush().await;
        Ok(())
    }
}

pub(crate) use hardware::start;
#[cfg(all(board = "microbit", feature = "time"))]
pub(crate) use way::look_again;

#[cfg(target_arch = "arm")]
mod way {
    use cortex_m::peripheral::NVIC;
    use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
    use embassy_sync::pipe::Pipe;
    use embassy_sync::signal::Signal;

    use super::hardware;
    use crate::chip::SERIAL_LINE;

    static WAITING: Pipe<CriticalSectionRawMutex, 64> = Pipe::new();
    static EMPTY: Signal<CriticalSectionRawMutex, ()> = Signal::new();

    pub(super) async fn write(bytes: &[u8]) -> usize {
        let count = WAITING.write(bytes).await;
        NVIC::pend(SERIAL_LINE);
        count
    }

    pub(super) async fn flush() {
        while !WAITING.is_empty() {
            EMPTY.wait().await;
        }
    }

    /// Asks for its interrupt. QEMU's nRF51 forgets it for a byte that the host was slow to take.
    #[cfg(all(board = "microbit", feature = "time"))]
    pub(crate) fn look_again() {
        NVIC::pend(SERIAL_LINE);
    }

    /// Its interrupt: something waits, or there is room again.
    #[unsafe(no_mangle)]
    extern "C" fn SERIAL() {
        hardware::acknowledge();
        let mut byte = [0];
        while hardware::has_room() {
            match WAITING.try_read(&mut byte) {
                Ok(1) => hardware::send(byte[0]),
                _ => return EMPTY.signal(()),
            }
        }
    }
}

#[cfg(target_arch = "riscv32")]
mod way {
    use super::hardware;

    pub(super) async fn write(bytes: &[u8]) -> usize {
        bytes.iter().for_each(|&byte| hardware::send(byte));
        bytes.len()
    }

    pub(super) async fn flush() {}
}

/// A PL011.
#[cfg(board = "lm3s6965evb")]
mod hardware {
    use crate::Register;

    const DATA: Register = Register(0x4000_C000);
    const FLAGS: Register = Register(0x4000_C018);
    const MASK: Register = Register(0x4000_C038);
    const CLEAR: Register = Register(0x4000_C044);
    const FULL: u32 = 1 << 5;
    const SENT: u32 = 1 << 5;

    pub(crate) fn start() {
        MASK.write(SENT);
    }
    pub(super) fn acknowledge() {
        CLEAR.write(SENT);
    }
    pub(super) fn has_room() -> bool {
        FLAGS.read() & FULL == 0
    }
    pub(super) fn send(byte: u8) {
        DATA.write(byte.into());
    }
}

/// ARM's CMSDK UART, which holds one byte.
#[cfg(board = "mps2_an386")]
mod hardware {
    use crate::Register;

    const DATA: Register = Register(0x4000_4000);
    const STATE: Register = Register(0x4000_4004);
    const CONTROL: Register = Register(0x4000_4008);
    const CLEAR: Register = Register(0x4000_400C);
    const DIVISOR: Register = Register(0x4000_4010);

    pub(crate) fn start() {
        DIVISOR.write(16);
        CONTROL.write(0b101); // sending, and its interrupt
    }
    pub(super) fn acknowledge() {
        CLEAR.write(1);
    }
    pub(super) fn has_room() -> bool {
        STATE.read() & 1 == 0
    }
    pub(super) fn send(byte: u8) {
        DATA.write(byte.into());
    }
}

/// The UART of an nRF51, which signals that a byte is sent.
#[cfg(board = "microbit")]
mod hardware {
    use core::sync::atomic::{AtomicBool, Ordering};

    use crate::Register;

    const START: Register = Register(0x4000_2008);
    const SENT: Register = Register(0x4000_211C);
    const INTERRUPTS: Register = Register(0x4000_2304);
    const ENABLE: Register = Register(0x4000_2500);
    const DATA: Register = Register(0x4000_251C);

    /// Whether a byte is on its way. Only the interrupt reads and writes it.
    static BUSY: AtomicBool = AtomicBool::new(false);

    pub(crate) fn start() {
        ENABLE.write(4);
        START.write(1);
        INTERRUPTS.write(1 << 7);
    }
    pub(super) fn acknowledge() {
        if SENT.read() != 0 {
            SENT.write(0);
            BUSY.store(false, Ordering::Relaxed);
        }
    }
    pub(super) fn has_room() -> bool {
        !BUSY.load(Ordering::Relaxed)
    }
    pub(super) fn send(byte: u8) {
        BUSY.store(true, Ordering::Relaxed);
        DATA.write(byte.into());
    }
}

/// An NS16550.
#[cfg(board = "virt")]
mod hardware {
    const DATA: *mut u8 = 0x1000_0000 as _;

    pub(crate) fn start() {}
    pub(super) fn send(byte: u8) {
        // SAFETY: it is that register; QEMU takes a byte at once
        unsafe { DATA.write_volatile(byte) };
    }
}
