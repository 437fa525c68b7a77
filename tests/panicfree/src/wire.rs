//! Frames for a serial line: of a batch as it is, and from whatever comes in.

use statusbus_core::wire::{
    Body, CategoryName, Conversation, Decoder, Encoder, FRAME_MAX, Flaw, Missing, Record, Scope,
    Update,
};
use statusbus_core::{Batch, Categories, Category, ConversationName, Item, Priority};

use crate::Full;
use crate::input::{buffer, bytes, long, number, text, told, word};

/// Frames of a batch, and of what no batch holds, into a buffer of a size that nobody knows.
pub(crate) fn encode(batch: &Batch<Full, [Item<Full>; 16]>) {
    let mut categories: Categories<&str, 3> = Categories::new();
    for _ in 0..number() {
        told(categories.register(text()).is_ok().into());
    }
    let name = |&(number, category): &(u32, Category)| {
        (Some(Conversation::Number(number)), CategoryName::new(category, &categories))
    };
    let missing = Missing::of(batch.gap(), name).map(Record::from);
    let updates = batch.iter().map(|handed| {
        Record::from(Update {
            age_micros: handed.waited_micros(),
            conversation: conversation(),
            priority: Some(handed.priority),
            ttl_micros: Some(handed.ttl_left_micros()),
            ..any(&categories)
        })
    });
    let others = (0..number()).map(|_| Record::from(any(&categories)));
    let mut encoder = Encoder::new(long(), missing.chain(updates).chain(others));
    while let Some(frame) = encoder.next_frame(buffer()) {
        match frame {
            Ok(frame) => told(frame.iter().fold(0, |all, &byte| all ^ u32::from(byte))),
            Err(too_large) => {
                told(too_large.seq as u32);
                #[cfg(feature = "display")]
                crate::display::show(too_large);
            }
        }
        told(encoder.passed() as u32);
    }
}

fn any<'a>(categories: &'a Categories<&str, 3>) -> Update<'a> {
    let category = Category::from_index(number()).unwrap_or(Category::INFO);
    let category = match word() {
        0 => CategoryName::Registered(text()),
        1 => category.into(),
        _ => CategoryName::new(category, categories),
    };
    Update {
        age_micros: long(),
        conversation: conversation(),
        priority: Priority::ALL.get(number()).copied(),
        cut: word() == 0,
        key: (word() == 0).then(text),
        metadata: (word() == 0).then(text),
        ttl_micros: (word() == 0).then(long),
        ..Update::new(long(), category, text())
    }
}

fn conversation() -> Option<Conversation<'static>> {
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
        tell(frame.body);
    }
    if let Some(frame) = decoder.push(word() as u8) {
        told(frame.epoch as u32 ^ frame.seq as u32 ^ frame.next_seq() as u32);
        tell(frame.body);
    }
}

fn tell(body: Body<'_>) {
    match body {
        Body::Updates(updates) => {
            for update in updates {
                match update {
                    Ok(update) => tell_update(&update),
                    Err(refusal) => {
                        told(refusal.seq as u32 ^ refusal.reason().as_str().len() as u32);
                        told(matches!(refusal.flaw, Flaw::Utf8).into());
                        #[cfg(feature = "display")]
                        crate::display::show(refusal);
                    }
                }
            }
        }
        Body::Gap(gap) => {
            for missing in gap {
                told(missing.seq as u32 ^ missing.other as u32 ^ missing.losses.total() as u32);
                if let Scope::Topic { conversation, category } = missing.scope {
                    tell_topic(conversation, category);
                }
            }
        }
        _ => {}
    }
}

fn tell_update(update: &Update<'_>) {
    told(update.seq as u32 ^ update.text.len() as u32 ^ u32::from(update.cut));
    told(update.age().subsec_nanos() ^ update.ttl().map_or(0, |ttl| ttl.subsec_nanos()));
    told(update.key.map_or(0, str::len) as u32 ^ update.metadata.map_or(0, str::len) as u32);
    told(update.priority.map_or(0, |priority| priority as u32));
    tell_topic(update.conversation, update.category);
}

fn tell_topic(conversation: Option<Conversation<'_>>, category: CategoryName<'_>) {
    let categories: Categories<&str, 3> = Categories::new();
    told(category.as_str().len() as u32);
    told(category.category_in(&categories).map_or(0, Category::index) as u32);
    match conversation {
        None => told(0),
        Some(Conversation::Number(number)) => told(number),
        Some(Conversation::Name(name)) => told(name.as_str().len() as u32),
    }
    #[cfg(feature = "display")]
    if let Some(conversation) = conversation {
        crate::display::show(conversation);
    }
}
