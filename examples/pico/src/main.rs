//! A Raspberry Pi Pico that says how warm it is and what its button does: frames over UART 0, for
//! `watch device`.

#![no_std]
#![no_main]

use defmt_rtt as _;
use embassy_executor::Spawner;
use embassy_rp::adc::{self, Adc, Channel};
use embassy_rp::bind_interrupts;
use embassy_rp::clocks::RoscRng;
use embassy_rp::gpio::{Input, Level, Output, Pull};
use embassy_rp::peripherals::UART0;
use embassy_rp::uart::{self, BufferedInterruptHandler, BufferedUartTx};
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_time::Timer;
use panic_probe as _;
use static_cell::StaticCell;
use statusbus_embassy::{Buffer, Category, Frames, Key, Message, SYSTEM, Status};

/// 32 updates may wait: text up to 48 bytes, names up to 8, keys up to 8.
static STATUS: Status<CriticalSectionRawMutex, Message<48, 8, 0, Key<8>>, 32> = Status::new();

bind_interrupts!(struct Interrupts {
    UART0_IRQ => BufferedInterruptHandler<UART0>;
    ADC_IRQ_FIFO => adc::InterruptHandler;
});

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let board = embassy_rp::init(embassy_rp::config::Config::default());

    static OUT: StaticCell<[u8; 256]> = StaticCell::new();
    // 115,200 baud, 8 bits, no parity, one stop bit
    let config = uart::Config::default();
    let line =
        BufferedUartTx::new(board.UART0, Interrupts, board.PIN_0, OUT.init([0; 256]), config);
    // a run of the device: whoever reads sees by it that positions start anew
    let epoch = RoscRng.next_u64();
    spawner.spawn(defmt::unwrap!(report(line, epoch)));

    let adc = Adc::new(board.ADC, Interrupts, adc::Config::default());
    spawner
        .spawn(defmt::unwrap!(temperature(adc, Channel::new_temp_sensor(board.ADC_TEMP_SENSOR))));
    spawner.spawn(defmt::unwrap!(button(Input::new(board.PIN_15, Pull::Up))));

    STATUS.engine(SYSTEM, "started");
    let mut led = Output::new(board.PIN_25, Level::Low);
    loop {
        led.toggle();
        Timer::after_millis(500).await;
    }
}

/// Hands everything on.
#[embassy_executor::task]
async fn report(line: BufferedUartTx, epoch: u64) {
    let mut buffer = Buffer::<_, 8>::new();
    if let Ok(runner) = STATUS.runner(&mut buffer) {
        Frames::new(line, epoch).run(runner).await;
    }
}

/// The temperature of the chip, twice a second. It has a key: of those that wait, the last one counts.
#[embassy_executor::task]
async fn temperature(mut adc: Adc<'static, adc::Async>, mut sensor: Channel<'static>) {
    loop {
        match adc.read(&mut sensor).await {
            Ok(reading) => {
                // the datasheet's 27 - (volts - 0.706) / 0.001721, in tenths, in whole numbers
                let microvolts = i32::from(reading) * 3_300_000 / 4_096;
                let tenths = 270 - (microvolts - 706_000) * 10 / 1_721;
                let text = format_args!("{}.{} degrees", tenths / 10, (tenths % 10).abs());
                STATUS.update("chip", Category::INFO, text).key("warmth").send();
            }
            Err(_) => STATUS.error("chip", "the temperature cannot be read"),
        }
        Timer::after_millis(500).await;
    }
}

/// A button between GP15 and ground.
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
