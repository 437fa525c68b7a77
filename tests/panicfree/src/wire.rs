//! Frames for a serial line: of a batch as it is, and from whatever comes in.

use statusbus_core::wire::{
    CategoryName, Conversation, Decoder, Encoder, FRAME_MAX, Flaw, LossRecord, Record, RunRecord,
    Scope, UpdateRecord,
};
use statusbus_core::{
    Batch, Bus, Categories, Category, ConversationName, Item, Priority, RunState, Slot,
};

use crate::Full;
use crate::input::{buffer, bytes, long, number, text, told, word};
use crate::stored::Listener;

/// Frames of a batch, and of what no batch holds, into a buffer of a size that nobody knows.
pub(crate) fn encode(
    bus: &Bus<Full, [Slot<Full>; 32], Listener>,
    batch: &Batch<Full, [Item<Full>; 16]>,
) {
    let mut categories: Categories<&str, 3> = Categories::new();
    for _ in 0..number() {
        told(categories.register(text()).is_ok().into());
    }
    let name = |&(number, category): &(u32, Category)| {
        (Some(Conversation::Number(number)), CategoryName::new(category, &categories))
    };
    let mut encoder = Encoder::new(long(), buffer());
    if let Some(gap) = bus.gap(batch)
        && let Some(loss) = LossRecord::of(gap, number(), name)
    {
        told(encoder.loss(&loss).into());
    }
    for handed in batch.iter() {
        let mut update = any(&categories);
        update.seq = handed.seq;
        update.age_micros = handed.waited_micros();
        update.priority = Some(handed.priority);
        update.ttl_micros = Some(handed.ttl_left_micros());
        told(encoder.update(&update).into());
    }
    for _ in 0..number() {
        told(match word() {
            0 => encoder.update(&any(&categories)).into(),
            1 => encoder.loss(&any_loss(&categories)).into(),
            2 => encoder.run(&any_run()).into(),
            _ => encoder.is_empty().into(),
        });
        if let Some(frame) = encoder.frame() {
            told(frame.iter().fold(0, |all, &byte| all ^ u32::from(byte)));
        }
    }
}

fn any<'a>(categories: &'a Categories<&str, 3>) -> UpdateRecord<&'a str> {
    let mut update = UpdateRecord::new(long(), any_category(categories), text());
    update.age_micros = long();
    update.conversation = conversation();
    update.priority = Priority::ALL.get(number()).copied();
    update.truncated = word() == 0;
    update.key = (word() == 0).then(text);
    update.metadata = (word() == 0).then(text);
    update.ttl_micros = (word() == 0).then(long);
    (update.run, update.ends_run) = ((word() == 0).then(word), word() == 0);
    update
}

fn any_loss<'a>(categories: &'a Categories<&str, 3>) -> LossRecord<&'a str> {
    let mut loss = LossRecord::new(long(), word() as u16);
    if word() == 0 {
        let (conversation, category) = (conversation(), any_category(categories));
        loss.scope = Scope::Topic { conversation, category };
    }
    (loss.losses.expired, loss.other, loss.retold) = (long(), long(), long());
    loss
}

fn any_run() -> RunRecord<&'static str> {
    let state = RunState::ALL.get(number()).copied().unwrap_or(RunState::Failed);
    let mut run = RunRecord::new(long(), word(), state);
    run.conversation = conversation();
    run.parent = (word() == 0).then(word);
    run.promise_micros = (word() == 0).then(long);
    run.title = (word() == 0).then(text);
    run
}

fn any_category<'a>(categories: &'a Categories<&str, 3>) -> CategoryName<&'a str> {
    let category = Category::from_index(number()).unwrap_or(Category::INFO);
    match word() {
        0 => CategoryName::Registered(text()),
        1 => category.into(),
        _ => CategoryName::new(category, categories),
    }
}

fn conversation() -> Option<Conversation<&'static str>> {
    match word() {
        0 => None,
        1 => Some(Conversation::Number(word())),
        _ => ConversationName::new(text()).ok().map(Conversation::from),
    }
}

/// Anything that can come in, in any pieces.
pub(crate) fn decode() {
    let mut large = Decoder::new([0; FRAME_MAX]);
    let mut small = Decoder::new(buffer());
    loop {
        match number() {
            0 => pieces(&mut large),
            1 => pieces(&mut small),
            2 => large.reset(),
            3 => small.reset(),
            _ => break,
        }
    }
    told(large.counters().bad() as u32 ^ small.counters().frames as u32);
}

fn pieces<B: AsRef<[u8]> + AsMut<[u8]>>(decoder: &mut Decoder<B>) {
    let mut piece = bytes();
    while let Some(frame) = decoder.feed(&mut piece) {
        frame.records().for_each(tell);
    }
    if let Some(frame) = decoder.push(word() as u8) {
        told(frame.epoch as u32 ^ frame.seq as u32 ^ frame.next_seq() as u32 ^ frame.checksum());
        frame.records().for_each(tell);
    }
}

fn tell(record: Record<'_>) {
    match record {
        Record::Update(update) => tell_update(&update),
        Record::Refused(refusal) => {
            told(refusal.seq as u32 ^ refusal.reason().as_str().len() as u32);
            told(matches!(refusal.flaw, Flaw::Utf8).into());
            #[cfg(feature = "display")]
            crate::display::show(refusal);
        }
        Record::Loss(loss) => {
            told(loss.seq as u32 ^ loss.other as u32 ^ loss.losses.total() as u32);
            if let Scope::Topic { conversation, category } = loss.scope {
                tell_topic(conversation, category);
            }
        }
        Record::Run(run) => {
            told(run.run ^ run.state as u32 ^ run.seq as u32 ^ run.parent.unwrap_or(0));
            told(run.promise().map_or(0, |promise| promise.subsec_nanos()));
            told(run.title.map_or(0, str::len) as u32);
            tell_topic(run.conversation, Category::WORKFLOW.into());
        }
        _ => {}
    }
}

fn tell_update(update: &UpdateRecord<&str>) {
    told(update.seq as u32 ^ update.text.len() as u32 ^ u32::from(update.truncated));
    told(update.age().subsec_nanos() ^ update.ttl().map_or(0, |ttl| ttl.subsec_nanos()));
    told(update.key.map_or(0, str::len) as u32 ^ update.metadata.map_or(0, str::len) as u32);
    told(update.priority.map_or(0, |priority| priority as u32));
    told(update.run.unwrap_or(0) ^ u32::from(update.ends_run));
    tell_topic(update.conversation, update.category);
}

fn tell_topic(conversation: Option<Conversation<&str>>, category: CategoryName<&str>) {
    let categories: Categories<&str, 3> = Categories::new();
    told(category.as_str().len() as u32);
    told(category.category_in(&categories).map_or(0, Category::index) as u32);
    match conversation {
        None => told(0),
        Some(Conversation::Number(number)) => told(number),
        Some(Conversation::Name(name)) => told(name.len() as u32),
    }
    #[cfg(feature = "display")]
    if let Some(conversation) = conversation {
        crate::display::show(conversation);
    }
}
