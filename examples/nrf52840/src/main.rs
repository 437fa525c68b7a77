//! An nRF52840 DK that says how warm it is and what its button does: frames over the UART that its own
//! debugger carries to the computer, for `watch device`.

#![no_std]
#![no_main]

use cortex_m as _;
use defmt_rtt as _;
use embassy_executor::Spawner;
use embassy_nrf::bind_interrupts;
use embassy_nrf::gpio::{Input, Level, Output, OutputDrive, Pull};
use embassy_nrf::peripherals::{RNG, UARTE0};
use embassy_nrf::rng::{self, Rng};
use embassy_nrf::temp::{self, Temp};
use embassy_nrf::uarte::{self, UarteTx};
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_time::Timer;
use panic_probe as _;
use statusbus_embassy::{Buffer, Category, Frames, Key, Message, SYSTEM, Status};

/// 32 updates may wait: text up to 48 bytes, names up to 8, keys up to 8.
static STATUS: Status<CriticalSectionRawMutex, Message<48, 8, 0, Key<8>>, 32> = Status::new();

bind_interrupts!(struct Interrupts {
    UARTE0 => uarte::InterruptHandler<UARTE0>;
    RNG => rng::InterruptHandler<RNG>;
    TEMP => temp::InterruptHandler;
});

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let board = embassy_nrf::init(embassy_nrf::config::Config::default());

    // 115,200 baud, 8 bits, no parity, one stop bit
    let line = UarteTx::new(board.UARTE0, Interrupts, board.P0_06, uarte::Config::default());
    // a run of the device: whoever reads sees by it that positions start anew
    let mut epoch = [0; 8];
    Rng::new(board.RNG, Interrupts).fill_bytes(&mut epoch).await;
    spawner.spawn(defmt::unwrap!(report(line, u64::from_le_bytes(epoch))));

    spawner.spawn(defmt::unwrap!(temperature(Temp::new(board.TEMP, Interrupts))));
    spawner.spawn(defmt::unwrap!(button(Input::new(board.P0_11, Pull::Up))));

    STATUS.engine(SYSTEM, "started");
    let mut led = Output::new(board.P0_13, Level::High, OutputDrive::Standard);
    loop {
        led.toggle();
        Timer::after_millis(500).await;
    }
}

/// Hands everything on.
#[embassy_executor::task]
async fn report(line: UarteTx<'static>, epoch: u64) {
    let mut buffer = Buffer::<_, 8>::new();
    if let Ok(runner) = STATUS.runner(&mut buffer) {
        Frames::new(line, epoch).run(runner).await;
    }
}

/// The temperature of the chip, twice a second. It has a key: of those that wait, the last one counts.
#[embassy_executor::task]
async fn temperature(mut sensor: Temp<'static>) {
    loop {
        let quarters = sensor.read().await.to_bits();
        let text = format_args!("{}.{:02} degrees", quarters / 4, (quarters % 4).abs() * 25);
        STATUS.update("chip", Category::INFO, text).key("warmth").send();
        Timer::after_millis(500).await;
    }
}

/// Button 1 of the DK.
#[embassy_executor::task]
async fn button(mut pin: Input<'static>) {
    let mut pressed = 0_u32;
    loop {
        pin.wait_for_falling_edge().await;
        pressed = pressed.wrapping_add(1);
        STATUS.tool("button", format_args!("pressed {pressed} times"));
        // until it no longer bounces
        Timer::after_millis(30).await;
    }
}
