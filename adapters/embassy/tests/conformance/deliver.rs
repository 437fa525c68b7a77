//! Two ways of delivering, whose results are the lines of a trace.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_time::Instant;
use embedded_io_async::{ErrorType, Write};
use statusbus_conformance::{Record, Shown};
use statusbus_core::wire::{Body, Decoder, FRAME_MAX, Scope};
use statusbus_embassy::{
    About, Buffer, FlushReason, Frames, HandedOn, Key, Losses, Message, Report, Status, Telemetry,
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

/// Telemetry that tells why batches were due.
#[derive(Default)]
pub(crate) struct Reasons(Option<FlushReason>);

impl Telemetry for Reasons {
    fn handed_on(&mut self, batch: HandedOn) {
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
                if let Some(gap) = batch.gap() {
                    let topics = gap.topics().iter().map(|(topic, losses)| {
                        let category = batch.category_name(topic.category());
                        (name(topic.about()), category.to_owned(), *losses)
                    });
                    log.gap(gap.seq(), topics.collect(), *gap.elsewhere());
                    batch.gap_told();
                }
                let updates: Vec<Update> = batch
                    .updates()
                    .map(|handed| Update {
                        seq: handed.seq,
                        conversation: name(handed.update.about()),
                        category: batch.category_name(handed.update.category()).into(),
                        text: handed.update.text().into(),
                        key: handed.update.key().map(Into::into),
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

fn name(about: About<'_>) -> Option<String> {
    match about {
        About::System => None,
        About::Number(number) => Some(number.to_string()),
        About::Name(name) => Some(name.as_str().into()),
        About::Unchecked(name) => Some(name.into()),
    }
}

/// Who reads the line.
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
            match frame.body {
                Body::Updates(updates) => {
                    let updates = updates.map(|update| {
                        let update = update.expect("nothing is wrong with it");
                        assert!(!update.cut && update.metadata.is_none());
                        Update {
                            seq: update.seq,
                            conversation: update.conversation.map(|about| about.to_string()),
                            category: update.category.as_str().into(),
                            text: update.text.into(),
                            key: update.key.map(Into::into),
                        }
                    });
                    let due = DUE.take();
                    let [reason] = due[..] else { panic!("a frame, but batches due: {due:?}") };
                    self.log.batch(reason, updates.collect());
                }
                Body::Gap(gap) => {
                    for missing in gap {
                        assert_eq!(missing.other, 0);
                        match missing.scope {
                            Scope::Bus => self.log.gap(missing.seq, Vec::new(), missing.losses),
                            Scope::Topic { conversation, category } => {
                                let conversation = conversation.map(|about| about.to_string());
                                let topic =
                                    (conversation, category.as_str().into(), missing.losses);
                                self.log.gap(missing.seq, vec![topic], Losses::default());
                            }
                        }
                    }
                }
                _ => panic!("a frame of another kind"),
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
        for told in self.0.take() {
            match told {
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
