//! What the tests on the target share.

#![no_std]

/// Where a program begins.
#[cfg(target_arch = "arm")]
pub use cortex_m_rt::entry;
/// Where a program begins.
#[cfg(target_arch = "riscv32")]
pub use riscv_rt::entry;

pub mod adapter;
#[cfg(feature = "ticks")]
pub mod cost;
#[cfg(feature = "ticks")]
pub mod sweep;
pub mod time;
