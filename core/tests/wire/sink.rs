//! A sink behind a line: whatever is too large and wherever the line goes down, the ledger counts what
//! the host has received, and the gaps report the rest.

use statusbus_core::wire::{Conversation, Decoder, Encoder, LossRecord, Record, UpdateRecord};
use statusbus_core::{
    Accepted, Batch, Bus, Category, Config, Instant, Item, Overflow, Polled, SendOptions, Slot,
    Unkeyed, Update as _,
};

use crate::support::{EPOCH, Random};

struct Message {
    sensor: u32,
    text: String,
}

impl statusbus_core::Update for Message {
    type Topic = u32;
    type Keys = Unkeyed;
    const EMPTY: Self = Self { sensor: 0, text: String::new() };

    fn topic(&self) -> u32 {
        self.sensor
    }
}

type Sensors = Bus<Message, [Slot<Message>; 12], (), 7, 5>;
type Buffer = Batch<Message, [Item<Message>; 6]>;

/// A line, and the host at its end. After some frames it is down for one.
struct Line {
    decoder: Decoder<[u8; 128]>,
    frames_left: usize,
    updates: u64,
    missing: u64,
    /// The next position, how many positions are missing, and how many of those the device has reported
    /// as unsent.
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
        for record in frame.records() {
            match record {
                Record::Update(_) => self.updates += 1,
                Record::Loss(loss) => {
                    self.missing += loss.losses.total();
                    self.unsent += loss.losses.dropped.sink + loss.retold;
                }
                other => unreachable!("nobody wrote {other:?}"),
            }
        }
        Ok(())
    }
}

/// Sends a batch and settles it, as an adapter does.
fn send(bus: &mut Sensors, batch: &mut Buffer, line: &mut Line, now: Instant) {
    let sent = send_gap(bus, batch, line).and_then(|()| send_updates(bus, batch, line, now));
    match sent {
        Ok(()) => bus.settle(batch, Accepted::All, now),
        Err(passed) => bus.settle(batch, Accepted::First(passed), now),
    }
}

fn send_gap(bus: &mut Sensors, batch: &Buffer, line: &mut Line) -> Result<(), usize> {
    let mut buffer = [0; 74];
    let mut encoder = Encoder::new(EPOCH, &mut buffer);
    let names =
        |&sensor: &u32| (Some(Conversation::<&str>::Number(sensor)), Category::ENGINE.into());
    while let Some(gap) = bus.gap(batch) {
        let mut index = gap.confirmed();
        let first = index;
        while let Some(loss) = LossRecord::of(gap, index, names)
            && encoder.loss(&loss)
        {
            index += 1;
        }
        line.write(encoder.frame().unwrap()).map_err(|()| 0_usize)?;
        bus.confirm_losses(batch, index - first);
    }
    Ok(())
}

/// The error is the number of updates that passed before the line went down.
fn send_updates(
    bus: &mut Sensors,
    batch: &mut Buffer,
    line: &mut Line,
    now: Instant,
) -> Result<(), usize> {
    let mut buffer = [0; 72];
    let mut encoder = Encoder::new(EPOCH, &mut buffer);
    let (mut passed, mut added, mut behind) = (0_usize, 0, 0);
    loop {
        let next = batch.iter().find(|handed| handed.seq > behind);
        let fits = next.map(|handed| {
            let text = handed.update.text.as_str();
            let mut update = UpdateRecord::new(handed.seq, Category::ENGINE, text);
            update.age_micros = handed.waited_micros();
            update.conversation = Some(Conversation::Number(handed.update.sensor));
            (handed.seq, encoder.update(&update))
        });
        if let Some((seq, true)) = fits {
            (added, behind) = (added + 1, seq);
        } else if let Some(frame) = encoder.frame() {
            line.write(frame).map_err(|()| passed)?;
            (passed, added) = (passed + added, 0);
        } else if let Some((seq, _)) = fits {
            let message = bus.settle_one(batch, seq, now).expect("it is in the batch");
            assert!(message.text.len() > 30, "a short one fits: {}", message.topic());
            line.left_out += 1;
            (passed, behind) = (passed + 1, seq);
        } else {
            return Ok(());
        }
    }
}

#[test]
fn the_ledger_says_what_the_host_has_got() {
    let mut random = Random(11);
    let (mut downs, mut left_out) = (0, 0);
    for case in 0..2_000 {
        let (mut bus, mut batch) = (Sensors::new(), Buffer::new());
        let config = Config::new().with_overflow(Overflow::DropNewest);
        bus.reconfigure(config.with_batch_size(6).unwrap(), |_, _| {}, Instant::ZERO);
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
                let mut message =
                    Message { sensor: 1_000_000 + random.below(7) as u32, text: "x".repeat(len) };
                let _ = bus.push(&mut message, SendOptions::new(Category::ENGINE), || now);
            }
            while bus.poll(&mut batch, now) == Polled::Batch {
                send(&mut bus, &mut batch, &mut line, now);
            }
        }
        line.frames_left = usize::MAX;
        let end = Instant::from_millis(1_000);
        bus.close(end);
        while bus.poll(&mut batch, end) == Polled::Batch {
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
