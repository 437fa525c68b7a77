//! Two ways of delivering, whose results are the lines of a trace.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_time::Instant;
use embedded_io_async::{ErrorType, Write};
use statusbus_conformance::{Record, Shown};
use statusbus_core::wire::{self, Decoder, FRAME_MAX, Scope};
use statusbus_embassy::{
    BatchInfo, Buffer, FlushReason, Frames, Key, Losses, Message, Report, Status, Subject,
    Telemetry,
};

use crate::support::Task;

/// What the traces need, and no batch size that is smaller because of the buffer.
pub(crate) type Bus = Status<CriticalSectionRawMutex, Message<24, 12, 0, Key<12>>, 16, Reasons, 9>;
const BATCH: usize = 100;

#[derive(Clone, Copy)]
pub(crate) enum Delivery {
    /// By asking the runner.
    Batches,
    /// As frames, which a host decodes.
    Frames,
}

/// What was delivered and is not written down yet.
#[derive(Clone, Default)]
pub(crate) struct Log(Rc<RefCell<Vec<Told>>>);

enum Told {
    Gap { at: Instant, seq: u64, topics: Vec<(Option<String>, String, Losses)>, elsewhere: Losses },
    Batch { at: Instant, reason: FlushReason, updates: Vec<Update> },
}

struct Update {
    seq: u64,
    conversation: Option<String>,
    category: String,
    text: String,
    key: Option<String>,
}

thread_local! {
    /// Why batches with updates were due.
    static DUE: RefCell<Vec<FlushReason>> = const { RefCell::new(Vec::new()) };
}

/// Telemetry that reports why batches were due.
#[derive(Default)]
pub(crate) struct Reasons(Option<FlushReason>);

impl Telemetry for Reasons {
    fn polled(&mut self, batch: BatchInfo) {
        self.0 = Some(batch.reason).filter(|_| batch.size > 0);
    }
}

impl Report for Reasons {
    fn report(&mut self, heard: Self) {
        DUE.with_borrow_mut(|due| due.extend(heard.0));
    }
}

/// The task that delivers.
pub(crate) fn runner(status: &'static Bus, delivery: Delivery, log: &Log) -> Task<'static, ()> {
    DUE.take();
    let (log, mut buffer) = (log.clone(), Buffer::<_, BATCH>::new());
    match delivery {
        Delivery::Batches => Task::new(async move {
            let mut runner = status.runner(&mut buffer).expect("the only one");
            while let Some(mut batch) = runner.next().await {
                while let Some(entry) = batch.gap() {
                    let (mut topics, mut elsewhere) = (Vec::new(), Losses::default());
                    match entry.topic {
                        Some(topic) => {
                            let category = batch.category_name(topic.category()).to_owned();
                            topics.push((name(topic.subject()), category, entry.losses()));
                        }
                        None => elsewhere = entry.losses(),
                    }
                    log.gap(entry.seq, topics, elsewhere);
                    batch.confirm_loss();
                }
                let updates: Vec<Update> = batch
                    .updates()
                    .map(|update| Update {
                        seq: update.seq,
                        conversation: name(update.update.subject()),
                        category: batch.category_name(update.update.category()).into(),
                        text: update.update.text().into(),
                        key: update.update.key().map(Into::into),
                    })
                    .collect();
                log.batch(batch.reason(), updates);
                batch.delivered();
            }
        }),
        Delivery::Frames => Task::new(async move {
            let runner = status.runner(&mut buffer).expect("the only one");
            let decoder = Decoder::new([0; FRAME_MAX]);
            Frames::<_, 1_024>::sized(Host { log, decoder }, 0x5EED).run(runner).await;
        }),
    }
}

fn name(about: Subject<'_>) -> Option<String> {
    match about {
        Subject::System => None,
        Subject::Number(number) => Some(number.to_string()),
        Subject::Name(name) => Some(name.as_str().into()),
        Subject::Unchecked(name) => Some(name.into()),
    }
}

/// The host at the other end of the line.
struct Host {
    log: Log,
    decoder: Decoder<[u8; FRAME_MAX]>,
}

impl ErrorType for Host {
    type Error = Infallible;
}

impl Write for Host {
    async fn write(&mut self, mut bytes: &[u8]) -> Result<usize, Infallible> {
        let len = bytes.len();
        while let Some(frame) = self.decoder.feed(&mut bytes) {
            let mut updates = Vec::new();
            for record in frame.records() {
                match record {
                    wire::Record::Update(update) => {
                        assert!(!update.truncated && update.metadata.is_none());
                        updates.push(Update {
                            seq: update.seq,
                            conversation: update.conversation.map(|about| about.to_string()),
                            category: update.category.as_str().into(),
                            text: update.text.into(),
                            key: update.key.map(Into::into),
                        });
                    }
                    wire::Record::Loss(loss) => {
                        assert_eq!(loss.other, 0);
                        match loss.scope {
                            Scope::Bus => self.log.gap(loss.seq, Vec::new(), loss.losses),
                            Scope::Topic { conversation, category } => {
                                let conversation = conversation.map(|about| about.to_string());
                                let topic = (conversation, category.as_str().into(), loss.losses);
                                self.log.gap(loss.seq, vec![topic], Losses::default());
                            }
                        }
                    }
                    other => panic!("nobody wrote {other:?}"),
                }
            }
            if !updates.is_empty() {
                let due = DUE.take();
                let [reason] = due[..] else { panic!("a frame, but batches due: {due:?}") };
                self.log.batch(reason, updates);
            }
        }
        let counters = self.decoder.counters();
        assert_eq!(counters.bad(), 0, "{counters:?}");
        Ok(len)
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Log {
    fn gap(&self, seq: u64, more: Vec<(Option<String>, String, Losses)>, lost: Losses) {
        let mut log = self.0.borrow_mut();
        match log.last_mut() {
            // one that takes several frames
            Some(Told::Gap { seq: known, topics, elsewhere, .. }) if *known == seq => {
                topics.extend(more);
                elsewhere.add(&lost);
            }
            _ => {
                log.push(Told::Gap { at: Instant::now(), seq, topics: more, elsewhere: lost });
            }
        }
    }

    fn batch(&self, reason: FlushReason, updates: Vec<Update>) {
        if !updates.is_empty() {
            self.0.borrow_mut().push(Told::Batch { at: Instant::now(), reason, updates });
        }
    }

    pub(crate) fn write(&self, record: &mut Record<'_>) {
        let instant = |at: Instant| statusbus_core::Instant::from_micros(at.as_micros());
        for lines in self.0.take() {
            match lines {
                Told::Gap { at, seq, topics, elsewhere } => {
                    let mut total = elsewhere;
                    topics.iter().for_each(|(_, _, losses)| total.add(losses));
                    record.gap(instant(at), seq, &total);
                    for (conversation, category, losses) in &topics {
                        record.gap_topic(conversation.as_deref(), category, losses);
                    }
                    record.gap_elsewhere(&elsewhere);
                }
                Told::Batch { at, reason, updates } => {
                    record.batch(instant(at), reason, updates.len());
                    for update in &updates {
                        let shown = Shown {
                            conversation: update.conversation.as_deref(),
                            category: &update.category,
                            text: &update.text,
                            key: update.key.as_deref(),
                        };
                        record.update(update.seq, &shown);
                    }
                }
            }
        }
    }
}
