//! Runs: the names of their states, and the silence monitor.

use core::time::Duration;

use statusbus_core::{Instant, RunState, SilenceMonitor, TooManyPromises};

const SECOND: u64 = 1_000_000;
const HOUR: u64 = 3_600 * SECOND;
const DAY: u64 = 24 * HOUR;

type Monitor = SilenceMonitor<u32, 4>;

fn at(micros: u64) -> Instant {
    Instant::from_micros(micros)
}

/// A monitor with run 1, which promises to be heard from every 30 s, at second 0.
fn promised() -> Monitor {
    let mut monitor = Monitor::new();
    promise(&mut monitor, 1, 30 * SECOND, 0);
    monitor
}

fn promise(monitor: &mut Monitor, run: u32, every: u64, now: u64) {
    monitor.promise(run, Duration::from_micros(every), at(now)).expect("room for the promise");
}

/// All runs that become stalled at `now`, in the order in which they are yielded.
fn stalled<const N: usize>(monitor: &mut SilenceMonitor<u32, N>, now: u64) -> Vec<u32> {
    core::iter::from_fn(|| monitor.poll(at(now))).collect()
}

#[test]
fn each_state_has_a_name_that_is_parsed_again() {
    let names = ["running", "waiting", "stalled", "succeeded", "failed", "cancelled"];
    assert_eq!(RunState::ALL.map(RunState::as_str), names);
    for state in RunState::ALL {
        assert_eq!(state.to_string().parse(), Ok(state));
    }
    assert_eq!(format!("{:>8}|", RunState::Failed), "  failed|");
}

#[test]
fn an_unknown_state_is_answered_with_the_names() {
    for name in ["", "Running", "running ", "done"] {
        let error = name.parse::<RunState>().expect_err("not a state");
        assert_eq!(
            error.to_string(),
            "there is no such run state: choose among running, waiting, stalled, succeeded, failed, cancelled"
        );
    }
}

#[test]
fn a_run_ends_in_one_of_three_states() {
    let ends: Vec<_> = RunState::ALL.into_iter().filter(|state| state.is_final()).collect();
    assert_eq!(ends, [RunState::Succeeded, RunState::Failed, RunState::Cancelled]);
}

#[test]
fn a_run_that_breaks_its_promise_becomes_stalled_once() {
    let mut monitor = promised();
    assert_eq!(monitor.poll_at(), Some(at(30 * SECOND)));
    assert_eq!(stalled(&mut monitor, 30 * SECOND - 1), [0_u32; 0]);
    assert_eq!(stalled(&mut monitor, 30 * SECOND), [1]);
    assert_eq!(monitor.poll_at(), None);
    assert_eq!(stalled(&mut monitor, DAY), [0_u32; 0]);
}

#[test]
fn a_sign_of_life_counts_from_its_own_time() {
    let mut monitor = promised();
    assert!(!monitor.heard(1, at(29 * SECOND)));
    assert_eq!(stalled(&mut monitor, 58 * SECOND), [0_u32; 0]);
    assert_eq!(monitor.poll_at(), Some(at(59 * SECOND)));
    assert_eq!(stalled(&mut monitor, 59 * SECOND), [1]);
}

#[test]
fn a_stalled_run_is_running_again_with_its_next_sign_of_life() {
    let mut monitor = promised();
    assert_eq!(stalled(&mut monitor, 31 * SECOND), [1]);
    assert!(monitor.heard(1, at(40 * SECOND)));
    assert!(!monitor.heard(1, at(41 * SECOND)), "it is running already");
    assert_eq!(monitor.poll_at(), Some(at(71 * SECOND)));
    assert_eq!(stalled(&mut monitor, 71 * SECOND), [1]);
}

#[test]
fn a_late_sign_of_life_before_the_poll_leaves_the_run_running() {
    let mut monitor = promised();
    assert!(!monitor.heard(1, at(100 * SECOND)));
    assert_eq!(stalled(&mut monitor, 100 * SECOND), [0_u32; 0]);
    assert_eq!(monitor.poll_at(), Some(at(130 * SECOND)));
}

#[test]
fn a_waiting_run_never_stalls() {
    let mut monitor = promised();
    monitor.wait(1);
    assert_eq!(monitor.poll_at(), None);
    assert_eq!(stalled(&mut monitor, 50 * DAY), [0_u32; 0]);
    assert!(!monitor.heard(1, at(50 * DAY)));
    assert_eq!(monitor.poll_at(), None, "heard from, it goes on waiting");
    monitor.resume(1, at(51 * DAY));
    assert_eq!(monitor.poll_at(), Some(at(51 * DAY + 30 * SECOND)));
    assert_eq!(stalled(&mut monitor, 51 * DAY + 30 * SECOND), [1]);
}

#[test]
fn a_stalled_run_may_wait_and_resume() {
    let mut monitor = promised();
    assert_eq!(stalled(&mut monitor, 30 * SECOND), [1]);
    monitor.wait(1);
    assert!(!monitor.heard(1, at(31 * SECOND)), "it is not stalled any more");
    monitor.resume(1, at(40 * SECOND));
    assert_eq!(stalled(&mut monitor, 70 * SECOND), [1]);
    monitor.resume(1, at(80 * SECOND));
    assert!(!monitor.heard(1, at(81 * SECOND)), "resumed, it is running already");
    assert_eq!(monitor.poll_at(), Some(at(111 * SECOND)));
}

#[test]
fn a_forgotten_run_does_not_stall() {
    let mut monitor = promised();
    promise(&mut monitor, 2, 40 * SECOND, 0);
    monitor.forget(1);
    assert_eq!(monitor.poll_at(), Some(at(40 * SECOND)));
    assert_eq!(stalled(&mut monitor, DAY), [2]);
    monitor.forget(2);
    assert!(!monitor.heard(2, at(DAY)), "a run that has ended is not running again");
}

#[test]
fn runs_without_a_promise_are_ignored() {
    let mut monitor = promised();
    monitor.wait(9);
    monitor.resume(9, at(1));
    monitor.forget(9);
    assert!(!monitor.heard(9, at(2)));
    assert_eq!(monitor.poll_at(), Some(at(30 * SECOND)));
}

#[test]
fn a_second_promise_replaces_the_first() {
    let mut monitor = promised();
    promise(&mut monitor, 1, 5 * SECOND, 10 * SECOND);
    assert_eq!(monitor.poll_at(), Some(at(15 * SECOND)));
    assert_eq!(stalled(&mut monitor, 15 * SECOND), [1]);
    promise(&mut monitor, 1, 60 * SECOND, 20 * SECOND);
    assert_eq!(monitor.poll_at(), None, "stalled until it is heard from");
    assert!(monitor.heard(1, at(20 * SECOND)));
    assert_eq!(monitor.poll_at(), Some(at(80 * SECOND)));
    monitor.wait(1);
    promise(&mut monitor, 1, SECOND, 21 * SECOND);
    assert_eq!(monitor.poll_at(), None, "waiting until it is resumed");
}

#[test]
fn the_longest_overdue_run_is_yielded_first() {
    let mut monitor = Monitor::new();
    promise(&mut monitor, 1, 20 * SECOND, 0);
    promise(&mut monitor, 3, 10 * SECOND, 0);
    promise(&mut monitor, 2, 10 * SECOND, 0);
    promise(&mut monitor, 4, 40 * SECOND, 0);
    assert_eq!(stalled(&mut monitor, 30 * SECOND), [2, 3, 1]);
    assert_eq!(monitor.poll_at(), Some(at(40 * SECOND)));
}

#[test]
fn a_full_monitor_refuses_and_is_unchanged() {
    let mut monitor = Monitor::new();
    for run in [40, 10, 30, 20] {
        promise(&mut monitor, run, u64::from(run) * SECOND, 0);
    }
    let refused = monitor.promise(25, Duration::from_secs(1), at(0));
    assert_eq!(refused, Err(TooManyPromises));
    promise(&mut monitor, 30, 15 * SECOND, 0); // known: takes no room
    assert_eq!(stalled(&mut monitor, 60 * SECOND), [10, 30, 20, 40]);
    monitor.forget(40);
    promise(&mut monitor, 25, SECOND, 60 * SECOND);
    assert_eq!(stalled(&mut monitor, 61 * SECOND), [25]);
}

#[test]
fn a_monitor_without_room_refuses() {
    let mut monitor: SilenceMonitor<u32, 0> = SilenceMonitor::new();
    assert_eq!(monitor.promise(1, Duration::from_secs(1), at(0)), Err(TooManyPromises));
    assert_eq!(monitor.poll(at(DAY)), None);
    assert_eq!(monitor.poll_at(), None);
}

#[test]
fn a_jump_forward_counts_as_silence() {
    for jump in [HOUR, 72 * 60 * SECOND, 50 * DAY] {
        for start in [0, 1_700_000_000 * SECOND] {
            let mut monitor = Monitor::new();
            promise(&mut monitor, 1, 30 * SECOND, start);
            promise(&mut monitor, 2, jump + SECOND, start);
            monitor.promise(3, Duration::MAX, at(start)).expect("room");
            assert_eq!(stalled(&mut monitor, start + jump), [1], "{jump}");
            assert_eq!(monitor.poll_at(), Some(at(start + jump + SECOND)), "{jump}");
            assert!(monitor.heard(1, at(start + jump)), "{jump}");
            assert_eq!(stalled(&mut monitor, start + jump + 30 * SECOND), [2, 1], "{jump}");
        }
    }
}

#[test]
fn a_promise_longer_than_a_jump_is_kept() {
    for jump in [HOUR, 72 * 60 * SECOND, 50 * DAY] {
        let mut monitor = Monitor::new();
        promise(&mut monitor, 1, jump + 1, 5);
        assert_eq!(stalled(&mut monitor, 5 + jump), [0_u32; 0], "{jump}");
        assert_eq!(stalled(&mut monitor, 5 + jump + 1), [1], "{jump}");
    }
}

#[test]
fn a_clock_that_stops_breaks_no_promise() {
    let mut monitor = promised();
    monitor.heard(1, at(7 * SECOND));
    for _ in 0..1_000 {
        assert_eq!(stalled(&mut monitor, 7 * SECOND), [0_u32; 0]);
    }
    assert_eq!(monitor.poll_at(), Some(at(37 * SECOND)));
}

#[test]
fn a_clock_that_goes_back_neither_breaks_a_promise_nor_extends_it() {
    for back in [HOUR, 72 * 60 * SECOND, 50 * DAY] {
        let start = 100 * DAY;
        let mut monitor = Monitor::new();
        promise(&mut monitor, 1, 30 * SECOND, start);
        assert_eq!(stalled(&mut monitor, start + 10 * SECOND), [0_u32; 0]);
        let set_back = start - back;
        assert_eq!(stalled(&mut monitor, set_back), [0_u32; 0], "{back}");
        assert_eq!(monitor.poll_at(), Some(at(set_back + 20 * SECOND)), "{back}");
        assert_eq!(stalled(&mut monitor, set_back + 20 * SECOND - 1), [0_u32; 0], "{back}");
        assert_eq!(stalled(&mut monitor, set_back + 20 * SECOND), [1], "{back}");
    }
}

#[test]
fn an_overdue_promise_has_its_deadline_in_the_past() {
    let mut monitor = promised();
    promise(&mut monitor, 2, 300 * SECOND, 100 * SECOND);
    assert_eq!(monitor.poll_at(), Some(at(30 * SECOND)));
}

#[test]
fn spans_are_rounded_up_to_a_microsecond() {
    for (span, deadline) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2)] {
        let mut monitor = Monitor::new();
        monitor.promise(1, Duration::from_nanos(span), at(0)).expect("room");
        assert_eq!(monitor.poll_at(), Some(at(deadline)), "{span} ns");
        assert_eq!(stalled(&mut monitor, 0), [0_u32; 0], "{span} ns");
        assert_eq!(stalled(&mut monitor, deadline), [1], "{span} ns");
    }
}

#[test]
fn at_the_end_of_time_every_promise_is_broken() {
    let mut monitor = Monitor::new();
    promise(&mut monitor, 1, SECOND, u64::MAX - SECOND + 1);
    assert_eq!(monitor.poll_at(), Some(at(u64::MAX)), "saturates");
    monitor.heard(1, at(u64::MAX - 1));
    assert_eq!(monitor.poll_at(), Some(at(u64::MAX)), "saturates");
    assert_eq!(stalled(&mut monitor, u64::MAX - 1), [0_u32; 0]);
    assert_eq!(stalled(&mut monitor, u64::MAX), [1]);
    for reading in [0, 5, u64::MAX] {
        assert!(monitor.heard(1, at(reading)));
        assert_eq!(stalled(&mut monitor, reading), [1], "{reading}");
    }
}

#[test]
fn the_memory_is_fixed() {
    assert_eq!(size_of::<SilenceMonitor<u32, 8>>() - size_of::<SilenceMonitor<u32, 0>>(), 8 * 32);
}

/// What each run has promised, as a list in which every step of the clock lengthens each silence.
#[derive(Default)]
struct Naive {
    runs: Vec<(u32, u64, State)>,
    reading: u64,
}

enum State {
    Silent(u64),
    Waiting,
    Stalled,
}

impl Naive {
    fn advance(&mut self, now: u64) {
        let step = now.saturating_sub(self.reading);
        self.reading = now;
        for (_, _, state) in &mut self.runs {
            if let State::Silent(span) = state {
                *span += step;
            }
        }
    }

    fn run(&mut self, run: u32) -> Option<&mut (u32, u64, State)> {
        self.runs.iter_mut().find(|(id, ..)| *id == run)
    }

    fn promise(&mut self, run: u32, every: u64, room: usize) -> bool {
        let full = self.runs.len() == room;
        match self.run(run) {
            Some((_, known, state)) => {
                *known = every;
                if let State::Silent(span) = state {
                    *span = 0;
                }
                true
            }
            None if full => false,
            None => {
                self.runs.push((run, every, State::Silent(0)));
                true
            }
        }
    }

    fn heard(&mut self, run: u32) -> bool {
        let Some((_, _, state)) = self.run(run) else { return false };
        match state {
            State::Waiting => false,
            State::Silent(span) => {
                *span = 0;
                false
            }
            State::Stalled => {
                *state = State::Silent(0);
                true
            }
        }
    }

    fn set(&mut self, run: u32, new: State) {
        if let Some((_, _, state)) = self.run(run) {
            *state = new;
        }
    }

    fn stalled(&mut self) -> Vec<u32> {
        let mut broken = Vec::new();
        for (run, every, state) in &mut self.runs {
            if let State::Silent(span) = state
                && *span >= *every
            {
                broken.push((*span - *every, *run));
                *state = State::Stalled;
            }
        }
        broken.sort_by_key(|&(overdue, run)| (core::cmp::Reverse(overdue), run));
        broken.into_iter().map(|(_, run)| run).collect()
    }

    fn next(&self) -> Option<Instant> {
        let left = self.runs.iter().filter_map(|(_, every, state)| match state {
            State::Silent(span) => Some(i128::from(*every) - i128::from(*span)),
            State::Waiting | State::Stalled => None,
        });
        let reading = i128::from(self.reading) + left.min()?;
        Some(at(reading.max(0) as u64))
    }
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (bits ^ (bits >> 31)) % bound
    }
}

#[test]
fn random_operations_agree_with_a_naive_model() {
    const ROOM: usize = 5;
    let mut stalls = 0;
    let mut returns = 0;
    let mut refusals = 0;
    let cases = if cfg!(miri) { 10 } else { 2_000 };
    for seed in 0..cases {
        let mut random = Random(seed);
        let mut monitor: SilenceMonitor<u32, ROOM> = SilenceMonitor::new();
        let mut naive = Naive::default();
        let mut now = random.below(100) * DAY;
        for _ in 0..100 {
            now = match random.below(16) {
                0 => now.saturating_sub(random.below(60 * DAY)),
                1 => now + [HOUR, 72 * 60 * SECOND, 50 * DAY][random.below(3) as usize],
                2..6 => now,
                _ => now + random.below(20 * SECOND),
            };
            let run = random.below(8) as u32;
            let operation = random.below(8);
            // `wait` and `forget` take no reading.
            if !matches!(operation, 3 | 5) {
                naive.advance(now);
            }
            match operation {
                0 => {
                    let every = 1 + random.below(40 * SECOND);
                    let taken = monitor.promise(run, Duration::from_micros(every), at(now));
                    assert_eq!(taken.is_ok(), naive.promise(run, every, ROOM), "seed {seed}");
                    refusals += usize::from(taken.is_err());
                }
                1 | 2 => {
                    let running = monitor.heard(run, at(now));
                    assert_eq!(running, naive.heard(run), "seed {seed}");
                    returns += usize::from(running);
                }
                3 => {
                    monitor.wait(run);
                    naive.set(run, State::Waiting);
                }
                4 => {
                    monitor.resume(run, at(now));
                    naive.set(run, State::Silent(0));
                }
                5 => {
                    monitor.forget(run);
                    naive.runs.retain(|(id, ..)| *id != run);
                }
                _ => {
                    let found = stalled(&mut monitor, now);
                    stalls += found.len();
                    assert_eq!(found, naive.stalled(), "seed {seed}");
                }
            }
            assert_eq!(monitor.poll_at(), naive.next(), "seed {seed}");
        }
    }
    // Each kind of answer was compared often.
    assert!(cfg!(miri) || (stalls > 1_000 && returns > 1_000 && refusals > 1_000));
}
