//! A panic ends QEMU with status 101 and prints its place.

use core::fmt::Write;
use core::panic::PanicInfo;

#[panic_handler]
fn panicked(info: &PanicInfo<'_>) -> ! {
    let _ = writeln!(crate::console::Console, "{info}");
    crate::console::exit(101)
}
