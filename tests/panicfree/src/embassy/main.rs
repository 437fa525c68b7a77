//! Calls everything that the adapter for embassy offers, with input that no compiler can know, and
//! holds the buses whose memory `scripts/panicfree.sh` looks at.

#![no_std]
#![no_main]

mod board;
mod calls;
#[path = "../input.rs"]
#[allow(dead_code)] // each program uses its part
mod input;

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Waker};

use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, NoopRawMutex};
use statusbus_embassy::{Buffer, Frames, Hub, Message, NoKey, Runner, Status, Unranked};

use crate::board::Line;
use crate::calls::Full;
use crate::input::{long, number, told};

type Small = Message<40, 0, 0, NoKey, Unranked>;

#[unsafe(no_mangle)]
static STATUS: Status<CriticalSectionRawMutex, Full, 32, (), 9> = Status::new();
#[unsafe(no_mangle)]
static BUS_OF_10000: Status<CriticalSectionRawMutex, Full, 10_000> = Status::new();
#[unsafe(no_mangle)]
static HUB: Hub<CriticalSectionRawMutex, Full, 8, 2> = Hub::new();
#[unsafe(no_mangle)]
static SMALL: Status<CriticalSectionRawMutex, Small, 32> = Status::new();

#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    let mut buffer = Buffer::<_, 16>::new();
    let mut small_buffer = Buffer::<_, 4>::new();
    let alone: Status<NoopRawMutex, Full, 3> = Status::new();
    let mut alone_buffer = Buffer::<_, 2>::new();
    let (Ok(runner), Ok(small_runner)) =
        (STATUS.runner(&mut buffer), SMALL.runner(&mut small_buffer))
    else {
        halt()
    };
    let mut frames = Frames::<_, 300>::sized(Line, long()).with_tee(&HUB);
    let mut frames = pin!(frames.run(runner));
    let mut hub_buffer = Buffer::<_, 4>::new();
    let Ok(hub_runner) = BUS_OF_10000.runner(&mut hub_buffer) else { halt() };
    let mut hub = pin!(HUB.run(hub_runner));
    let mut small = pin!(read(small_runner));
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        match number() {
            0 => calls::any(&STATUS),
            1 => calls::any(&BUS_OF_10000),
            2 => calls::plain(&SMALL),
            3 => told(frames.as_mut().poll(&mut cx).is_ready().into()),
            4 => told(small.as_mut().poll(&mut cx).is_ready().into()),
            5 => calls::wait(&STATUS, &mut cx),
            6 => {
                calls::any(&alone);
                if let Ok(runner) = alone.runner(&mut alone_buffer) {
                    calls::take(runner, &mut cx);
                }
            }
            7 => told(hub.as_mut().poll(&mut cx).is_ready().into()),
            8 => calls::follow(&HUB, &mut cx),
            _ => {}
        }
    }
}

/// A task of the application, which never ends.
async fn read(mut runner: Runner<'_, Status<CriticalSectionRawMutex, Small, 32>>) -> ! {
    loop {
        let Some(mut batch) = runner.next().await else { continue };
        for handed in batch.updates() {
            told(handed.update.text().len() as u32);
        }
        batch.reject(long());
        batch.accept(long());
    }
}

fn halt() -> ! {
    loop {
        told(0);
    }
}

/// Reached by whatever can panic: its name in the program gives that away.
#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    a_panic_is_reachable()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn a_panic_is_reachable() -> ! {
    halt()
}
