//! The silence monitor and the states of a run.

use core::time::Duration;

use statusbus_core::{RunState, SilenceMonitor};

use crate::input::{long, now, number, text, told};

pub(crate) fn any<const N: usize>(monitor: &mut SilenceMonitor<u16, N>) {
    let run = number() as u16;
    match number() {
        0 => {
            let every = Duration::from_micros(long());
            told(monitor.promise(run, every, now()).is_ok().into());
        }
        1 => told(monitor.heard(run, now()).into()),
        2 => monitor.wait(run),
        3 => monitor.resume(run, now()),
        4 => monitor.forget(run),
        5 => told(monitor.poll(now()).map_or(0, u32::from)),
        6 => told(monitor.poll_at().map_or(0, |at| at.as_micros() as u32)),
        _ => told(text().parse().is_ok_and(RunState::is_final).into()),
    }
}
