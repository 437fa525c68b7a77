//! QEMU's `virt`: one hart, and the timer and software interrupt of its CLINT.

use crate::Register;

pub(crate) const NAME: &str = "virt";

const SOFT: Register = Register(0x0200_0000);

pub(crate) fn start() {
    // which cortex-m-rt does by itself
    crate::stack::paint();
    // SAFETY: enabling breaks no critical section: this is called before there is one
    unsafe {
        riscv::register::mie::set_msoft();
        riscv::interrupt::enable();
    }
}

#[inline]
pub(crate) fn interrupt() {
    SOFT.write(1);
    riscv::asm::fence();
}

pub(crate) fn acknowledge() {
    SOFT.write(0);
}
