//! A pump station, as an example of firmware with a status bus: tasks at different rates and an
//! interrupt send updates, which leave over the serial line as frames; the log (defmt) is apart.
//!
//! In some eleven seconds it goes through a device's life: work, an overload, a cable that is pulled, a
//! shutdown. `scripts/firmware.sh run` shows it.

#![no_std]
#![no_main]

mod cable;
mod station;

use core::panic::PanicInfo;

use board::serial::Serial;
use defmt_semihosting as _;
use embassy_executor::Spawner;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_time::{Duration, Instant, Timer};
use statusbus_embassy::{Buffer, Frames, Key, Ledger, Log, Message, Status};

use crate::cable::{Cable, plugged_in};

/// 32 slots: text up to 48 bytes, names up to 8, keys up to 8. Overflow is logged when it starts and ends,
/// not each loss.
static STATUS: Status<CriticalSectionRawMutex, Message<48, 8, 0, Key<8>>, 32, Log> =
    Status::with_telemetry(Log::new());

board::soft_interrupt!(station::pulse);

/// Delivers everything.
#[embassy_executor::task]
async fn report(line: Serial) {
    // This run of the device: in a real one a random number, or a counter in flash.
    let epoch = 1;
    let mut buffer = Buffer::<_, 8>::new();
    match STATUS.runner(&mut buffer) {
        Ok(runner) => Frames::new(Cable(line), epoch).run(runner).await,
        Err(error) => defmt::panic!("{}", defmt::Display2Format(&error)),
    }
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    board::start();
    defmt::info!("pump station on {=str}", board::NAME);
    let line = defmt::unwrap!(Serial::take());
    spawner.spawn(defmt::unwrap!(report(line)));
    spawner.spawn(defmt::unwrap!(station::motor()));
    spawner.spawn(defmt::unwrap!(station::tank()));
    spawner.spawn(defmt::unwrap!(station::update()));

    work().await;
    overload().await;
    pull_the_cable().await;
    work().await;
    end().await
}

/// Four seconds with some interrupts of the flow meter.
async fn work() {
    for _ in 0..16 {
        Timer::after_millis(250).await;
        board::interrupt();
    }
}

/// More than the bus can hold, and faster than the line takes it: lower priorities are dropped, counted,
/// and reported as gaps.
async fn overload() {
    defmt::info!("overload: 200 updates at once, for 32 slots");
    STATUS.engine("pump", "diagnosis begins");
    for line in 0..200 {
        STATUS.info("pump", format_args!("diagnosis, line {line}"));
    }
    STATUS.error("pump", "bearing 2 is warm: 71 degrees");
    Timer::after_millis(200).await;
    log("after the overload", &STATUS.ledger());
}

/// The line takes nothing: the tasks are not held up, and what waits too long is counted.
async fn pull_the_cable() {
    defmt::info!("the cable is pulled for 2.5 s");
    plugged_in(false);
    for second in 0..5 {
        STATUS.info("pump", format_args!("{second} half seconds without a cable"));
        Timer::after_millis(500).await;
    }
    plugged_in(true);
    defmt::info!("the cable is back");
    Timer::after_millis(200).await;
    log("after the cable", &STATUS.ledger());
}

/// Every loss is counted.
async fn end() -> ! {
    STATUS.engine("pump", "stops");
    STATUS.flush().await;
    Timer::after_millis(100).await;
    // everything is delivered, and only this task waits
    defmt::assert_eq!(board::time::next_alarm(), None, "idle, and a timer is armed");
    STATUS.workflow("pump", "done: the tank is full");
    let before = Instant::now();
    let ledger = STATUS.shutdown(Duration::from_secs(1)).await;
    log("at the end", &ledger);
    defmt::info!("{}", ledger);
    defmt::info!("shutdown took {} ms", before.elapsed().as_millis());
    defmt::info!("stack at its deepest: {} bytes", board::stack::deepest());
    let is_exact = ledger.is_balanced() && ledger.queued + ledger.in_flight == 0;
    board::console::exit(if is_exact { 0 } else { 3 })
}

fn log(when: &str, ledger: &Ledger) {
    let (sent, delivered, dropped) = (ledger.sent, ledger.delivered, ledger.dropped.total());
    defmt::info!("{=str}: {} sent, {} delivered, {} dropped", when, sent, delivered, dropped);
}

/// Called by defmt after it has logged a panic of its own.
#[defmt::panic_handler]
fn defmt_panicked() -> ! {
    board::console::exit(101)
}

#[panic_handler]
fn panicked(info: &PanicInfo<'_>) -> ! {
    defmt::error!("{}", defmt::Display2Format(info));
    board::console::exit(101)
}
