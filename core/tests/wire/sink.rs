//! A sink behind a line: whatever is too large and wherever the line goes down, the ledger says what
//! the host has got, and the gaps say the rest.

use statusbus_core::wire::{Body, Conversation, Decoder, Encoder, Missing, Update};
use statusbus_core::{
    Batch, Bus, Category, Config, Instant, Item, Overflow, Slot, Unkeyed, Update as _,
};

use crate::support::{EPOCH, Random};

struct Message {
    sensor: u32,
    text: String,
}

impl statusbus_core::Update for Message {
    type Topic = u32;
    type Keys = Unkeyed;

    fn topic(&self) -> u32 {
        self.sensor
    }

    fn category(&self) -> Category {
        Category::ENGINE
    }
}

type Sensors = Bus<Message, [Slot<Message>; 12], (), 7, 5>;
type Buffer = Batch<Message, [Item<Message>; 6], 5>;

/// A line, and the host at its end. After some frames it is down for one.
struct Line {
    decoder: Decoder<[u8; 128]>,
    frames_left: usize,
    updates: u64,
    missing: u64,
    /// The position that comes next, how many did not come, and how many of those the device says it
    /// could not send.
    next: u64,
    holes: u64,
    unsent: u64,
    /// How often it was down, and how many updates were left out.
    downs: usize,
    left_out: usize,
}

impl Line {
    fn write(&mut self, mut frame: &[u8]) -> Result<(), ()> {
        let Some(left) = self.frames_left.checked_sub(1) else {
            (self.frames_left, self.downs) = (5, self.downs + 1);
            return Err(());
        };
        self.frames_left = left;
        let frame = self.decoder.feed(&mut frame).expect("a whole frame");
        self.holes += frame.seq.saturating_sub(self.next);
        self.next = frame.next_seq();
        match frame.body {
            Body::Updates(updates) => self.updates += updates.map(Result::unwrap).count() as u64,
            Body::Gap(gap) => {
                for missing in gap {
                    self.missing += missing.losses.total();
                    self.unsent += missing.losses.dropped.sink + missing.retold;
                }
            }
            _ => unreachable!("this version knows of no other"),
        }
        Ok(())
    }
}

/// What the module's documentation shows.
fn send(bus: &mut Sensors, batch: &mut Buffer, line: &mut Line, now: Instant) {
    let sent = send_gap(batch, line).and_then(|()| send_updates(bus, batch, line, now));
    match sent {
        Ok(()) => bus.delivered(batch, now),
        Err(passed) => bus.failed(batch, passed, now),
    }
}

fn send_gap(batch: &mut Buffer, line: &mut Line) -> Result<(), usize> {
    let name = |&sensor: &u32| (Some(Conversation::Number(sensor)), Category::ENGINE.into());
    let mut encoder = Encoder::new(EPOCH, Missing::of(batch.gap(), name));
    let mut buffer = [0; 74];
    let (written, result) = loop {
        let so_far = encoder.losses();
        let Some(frame) = encoder.next_frame(&mut buffer) else { break (so_far, Ok(())) };
        if line.write(frame.unwrap()).is_err() {
            break (so_far, Err(0));
        }
    };
    drop(encoder);
    batch.confirm_losses(written);
    result
}

fn send_updates(
    bus: &mut Sensors,
    batch: &mut Buffer,
    line: &mut Line,
    now: Instant,
) -> Result<(), usize> {
    let (mut passed, mut behind) = (0, 0);
    loop {
        let rest = batch.iter().filter(|handed| handed.seq > behind);
        let updates = rest.map(|handed| Update {
            age_micros: handed.waited_micros(),
            conversation: Some(Conversation::Number(handed.update.sensor)),
            ..Update::new(handed.seq, Category::ENGINE, &handed.update.text)
        });
        let (mut encoder, mut buffer) = (Encoder::new(EPOCH, updates), [0; 72]);
        let too_large = loop {
            let so_far = passed + encoder.passed();
            match encoder.next_frame(&mut buffer) {
                None => return Ok(()),
                Some(Ok(frame)) => line.write(frame).map_err(|()| so_far)?,
                Some(Err(too_large)) => break too_large,
            }
        };
        passed += encoder.passed();
        drop(encoder);
        behind = too_large.seq;
        let message = bus.failed_at(batch, behind, now).expect("it is in the batch");
        assert!(message.text.len() > 30, "a short one fits: {}", message.topic());
        line.left_out += 1;
    }
}

#[test]
fn the_ledger_says_what_the_host_has_got() {
    let mut random = Random(11);
    let (mut downs, mut left_out) = (0, 0);
    for case in 0..2_000 {
        let (mut bus, mut batch) = (Sensors::new(), Buffer::new());
        let config = Config::new().overflow(Overflow::DropNewest);
        bus.reconfigure(config.batch_size(6).unwrap(), |_, _| {}, Instant::ZERO);
        let mut line = Line {
            decoder: Decoder::new([0; 128]),
            frames_left: case % 9,
            updates: 0,
            missing: 0,
            next: 1,
            holes: 0,
            unsent: 0,
            downs: 0,
            left_out: 0,
        };
        for ms in 0..40 {
            let now = Instant::from_millis(10 * ms);
            for _ in 0..random.below(5) {
                let len = if random.one_in(4) { 90 } else { random.below(30) };
                let message =
                    Message { sensor: 1_000_000 + random.below(7) as u32, text: "x".repeat(len) };
                let _ = bus.push(message, now);
            }
            while bus.poll(&mut batch, now) {
                send(&mut bus, &mut batch, &mut line, now);
            }
        }
        line.frames_left = usize::MAX;
        let end = Instant::from_millis(1_000);
        bus.close(end);
        while bus.poll(&mut batch, end) {
            send(&mut bus, &mut batch, &mut line, end);
        }
        let ledger = bus.ledger();
        assert!(bus.is_drained() && ledger.is_balanced(), "{ledger:?}");
        assert_eq!(line.updates, ledger.delivered, "case {case}");
        assert_eq!(line.updates + line.missing, ledger.sent, "case {case}: {ledger:?}");
        // Every position that did not come is accounted for.
        assert_eq!((line.holes, line.next), (line.unsent, bus.seq() + 1), "case {case}");
        (downs, left_out) = (downs + line.downs, left_out + line.left_out);
    }
    assert!(downs > 1_000 && left_out > 1_000, "{downs} {left_out}");
}
