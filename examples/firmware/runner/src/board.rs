//! What QEMU calls the boards.

/// A board, and how QEMU is started with it.
#[derive(Clone, Copy)]
pub(crate) struct Board {
    pub(crate) machine: &'static str,
    pub(crate) qemu: &'static str,
    pub(crate) more: &'static [&'static str],
}

const ARM: &str = "qemu-system-arm";

const BOARDS: &[Board] = &[
    Board { machine: "lm3s6965evb", qemu: ARM, more: &[] },
    Board { machine: "mps2-an386", qemu: ARM, more: &[] },
    Board { machine: "microbit", qemu: ARM, more: &[] },
    Board { machine: "virt", qemu: "qemu-system-riscv32", more: &["-bios", "none"] },
];

impl Board {
    pub(crate) fn named(name: &str) -> Option<Self> {
        BOARDS.iter().find(|board| board.machine == name).copied()
    }
}
