//! Every call that the core offers, in any order.

use core::time::Duration;

use statusbus_core::{
    Batch, Bus, Categories, Category, CategorySet, Config, ConfigError, ConversationName,
    DetachedIter, Facts, Gap, Item, KeyMode, Leading, Loss, Losses, Outcome, Overflow, Place,
    Priority, Pushed, RefuseReason, Slot, Telemetry, TopicName,
};

use crate::input::{long, now, number, text, told, word};
use crate::said::Said;

/// Any call on a bus.
pub(crate) fn any<K, const RANKED: bool, S, T, B, const CATEGORIES: usize, const GAPS: usize>(
    bus: &mut Bus<Said<K, RANKED>, S, T, CATEGORIES, GAPS>,
    batch: &mut Batch<Said<K, RANKED>, B, GAPS>,
) where
    K: KeyMode,
    S: AsRef<[Slot<Said<K, RANKED>>]> + AsMut<[Slot<Said<K, RANKED>>]>,
    B: AsRef<[Item<Said<K, RANKED>>]> + AsMut<[Item<Said<K, RANKED>>]>,
    T: Telemetry,
{
    match number() {
        0 => {
            let update = Said::any();
            match bus.last_reading(&update) {
                Some(reading) => pushed(bus.push(update, reading)),
                None => pushed(bus.push(update, now())),
            }
        }
        1 => told(u32::from(bus.poll(batch, now()))),
        2 => told(u32::from(bus.poll_with(batch, |expired| expired.tell(), now()))),
        3 => told(bus.poll_at().map_or(0, |at| at.as_micros() as u32)),
        4 => bus.delivered(batch, now()),
        5 => bus.failed(batch, number(), now()),
        6 => {
            let mark = bus.flush(now());
            told(u32::from(bus.is_flushed(mark)) ^ u32::from(bus.flushed() > mark));
        }
        7 => bus.close(now()),
        8 => {
            let config = config(bus.config()).unwrap_or_default();
            let left = |update: Said<K, RANKED>, loss: Loss| {
                update.tell();
                told(loss.as_str().len() as u32);
            };
            bus.reconfigure(config, left, now());
        }
        9 => {
            let category = Category::from_index(number()).unwrap_or(Category::INFO);
            bus.reconfigure_category(category, priority(), (word() > 0).then(span));
        }
        10 => bus.set_categories(number()),
        11 => bus.refuse(RefuseReason::ALL.get(number()).copied().unwrap_or(RefuseReason::Full)),
        12 => {
            let ledger = bus.ledger();
            told(u32::from(ledger.is_balanced()) ^ ledger.refused.total() as u32);
            told(ledger.dropped.total() as u32 ^ ledger.sent as u32);
        }
        13 => {
            let depth = bus.depth();
            told(depth.queued as u32 ^ depth.peak as u32 ^ depth.oldest.subsec_nanos());
        }
        14 => told(u32::from(bus.take_wake()) ^ u32::from(bus.is_closed())),
        15 => told(u32::from(bus.is_drained()) ^ u32::from(bus.is_overflowing())),
        16 => told(bus.seq() as u32 ^ bus.capacity() as u32),
        17 => read(batch),
        18 => offer(bus),
        19 => {
            if let Some(left_out) = bus.failed_at(batch, long(), now()) {
                left_out.tell();
            }
        }
        _ => {
            let _ = bus.telemetry();
        }
    }
}

fn pushed<K: KeyMode, const RANKED: bool>(pushed: Pushed<Said<K, RANKED>>) {
    match pushed {
        Pushed::Queued => told(0),
        Pushed::Merged(old) => old.tell(),
        Pushed::Displaced(old, loss) => {
            old.tell();
            told(loss.as_str().len() as u32);
        }
        Pushed::Expired(new) => new.tell(),
        Pushed::Dropped(new, reason) => {
            new.tell();
            told(reason.as_str().len() as u32);
        }
        Pushed::Refused(new, reason) => {
            new.tell();
            told(reason.as_str().len() as u32);
        }
    }
}

fn offer<K, const RANKED: bool, S, T, const CATEGORIES: usize, const GAPS: usize>(
    bus: &mut Bus<Said<K, RANKED>, S, T, CATEGORIES, GAPS>,
) where
    K: KeyMode,
    S: AsRef<[Slot<Said<K, RANKED>>]> + AsMut<[Slot<Said<K, RANKED>>]>,
    T: Telemetry,
{
    let said = Said::any();
    let facts = Facts::of(&said);
    let mut place = if word() == 0 { Place::VACANT } else { Place::new(said) };
    match bus.offer(&mut place, facts, now) {
        Outcome::Queued | Outcome::Merged | Outcome::Expired => told(place.is_vacant().into()),
        Outcome::Displaced(loss) => told(loss.as_str().len() as u32),
        Outcome::Dropped(reason) => told(reason.as_str().len() as u32),
        Outcome::Refused(reason) => told(reason.as_str().len() as u32),
    }
    if let Some(back) = place.get() {
        back.tell();
    }
    if let Some(back) = place.get_mut() {
        back.change();
    }
    if let Some(back) = place.take() {
        back.tell();
    }
}

/// Takes a batch's updates away, with the items in which they lie, and settles it. Answers with
/// those items.
pub(crate) fn give_away<
    K,
    const RANKED: bool,
    S,
    T,
    B,
    const CATEGORIES: usize,
    const GAPS: usize,
>(
    bus: &mut Bus<Said<K, RANKED>, S, T, CATEGORIES, GAPS>,
    batch: &mut Batch<Said<K, RANKED>, B, GAPS>,
    items: B,
) -> B
where
    K: KeyMode,
    S: AsRef<[Slot<Said<K, RANKED>>]> + AsMut<[Slot<Said<K, RANKED>>]>,
    B: AsRef<[Item<Said<K, RANKED>>]> + AsMut<[Item<Said<K, RANKED>>]>,
    T: Telemetry,
{
    let (mut updates, receipt) = batch.detach(items);
    told(updates.len() as u32 ^ u32::from(updates.is_empty()) ^ updates.first_seq() as u32);
    if let Some(handed) = updates.get(number()) {
        handed.update.tell();
        told(handed.seq as u32);
    }
    let mut both = updates.iter();
    told(both.next().map_or(0, |handed| handed.seq as u32));
    told(both.clone().map(|handed| handed.waited_micros() as u32).sum());
    for handed in both.chain(DetachedIter::default()) {
        handed.update.tell();
    }
    for update in updates.iter_mut() {
        update.change();
    }
    match word() {
        0 => bus.settle(receipt, now()),
        _ => bus.settle_failed(receipt, number(), now()),
    }
    updates.into_items()
}

/// Any way of reading a batch.
fn read<K, const RANKED: bool, B, const GAPS: usize>(batch: &mut Batch<Said<K, RANKED>, B, GAPS>)
where
    K: KeyMode,
    B: AsRef<[Item<Said<K, RANKED>>]> + AsMut<[Item<Said<K, RANKED>>]>,
{
    match number() {
        0 => {
            for handed in batch.iter() {
                handed.update.tell();
                told(handed.seq as u32 ^ handed.waited().subsec_nanos());
                told(handed.waited_micros() as u32 ^ handed.priority as u32);
                told(handed.ttl_left().map_or(0, |left| left.subsec_nanos()));
            }
        }
        1 => {
            for handed in batch.drain().take(number()) {
                handed.update.tell();
            }
        }
        2 => {
            for topic in batch.topics() {
                told(topic.topic().0);
                for handed in topic.iter() {
                    handed.update.tell();
                }
            }
        }
        3 => {
            if let Some(gap) = batch.take_gap() {
                missing(&gap);
            }
        }
        4 => {
            if let Some(gap) = batch.gap() {
                missing(gap);
            }
        }
        _ => {
            told(batch.len() as u32 ^ batch.capacity() as u32 ^ u32::from(batch.is_empty()));
            told(batch.reason().as_str().len() as u32);
        }
    }
}

fn missing<const GAPS: usize>(gap: &Gap<(u32, Category), GAPS>) {
    told(gap.seq() as u32 ^ u32::from(gap.is_empty()));
    for ((conversation, category), losses) in gap.topics() {
        told(conversation ^ category.index() as u32);
        lost(losses);
    }
    lost(gap.elsewhere());
    let mut twice = gap.total();
    twice.add(&gap.total());
    lost(&twice);
}

fn lost(losses: &Losses) {
    told(losses.total() as u32 ^ u32::from(losses.is_empty()));
    for (loss, count) in losses.iter() {
        told(loss.as_str().len() as u32 ^ count as u32);
    }
}

pub(crate) fn config(config: Config) -> Result<Config, ConfigError> {
    let overflow = Overflow::from_name(text()).unwrap_or_default();
    told(overflow.as_str().len() as u32);
    let leading = if word() == 0 { Leading::Immediate } else { Leading::Delayed };
    let config = config.queue_limit(number())?.batch_size(number())?;
    Ok(config.flush_interval(span())?.overflow(overflow).leading(leading))
}

fn priority() -> Priority {
    let priority = Priority::from_name(text()).unwrap_or_default();
    told(priority.as_str().len() as u32);
    priority
}

fn span() -> Duration {
    let later = now() + Duration::new(long(), word() % 1_000_000_000);
    later - now()
}

/// Categories, conversations and topics.
pub(crate) fn names() {
    let mut categories: Categories<&str, 3> = Categories::new();
    for _ in 0..number() {
        told(categories.register(text()).map_or(0, |category| category.index() as u32));
    }
    told(categories.len() as u32 ^ u32::from(categories.is_empty()));
    let category = Category::from_index(number()).unwrap_or(Category::INFO);
    told(categories.name(category).map_or(0, str::len) as u32);
    told(ConversationName::new(text()).map_or(0, |name| name.as_str().len()) as u32);
    if let Ok(topic) = TopicName::parse(text(), &categories) {
        told(topic.category_in(&categories).map_or(0, Category::index) as u32);
        told(topic.conversation.is_some().into());
    }
    let set = CategorySet::NONE.with(category).without(Category::TOOL);
    let set = set.union(CategorySet::ALL).intersection(set);
    told(set.only().map_or(0, Category::index) as u32);
    told(
        categories.find(text()).map_or(0, Category::index) as u32
            ^ categories.names().count() as u32,
    );
    let set = set.contains(Category::ERROR) || set.is_empty();
    told(set.into());
    let all: CategorySet = (0..number()).filter_map(Category::from_index).collect();
    told(all.contains(category).into());
}
