//! Every call that the core offers, in any order.

use core::time::Duration;

use statusbus_core::{
    Accepted, Batch, BatchIter, BatchUpdate, Bus, Categories, Category, CategorySet, Config,
    ConfigError, ConversationName, Dropped, FlushReason, Gap, Item, KeyMode, Leading, Loss, Losses,
    Outcome, Overflow, Polled, Priority, Receipt, RefuseReason, Refused, Slot, Telemetry,
    TopicName,
};

use crate::input::{long, now, number, text, told, word};
use crate::stored::Stored;

/// Any call on a bus.
pub(crate) fn any<K, const RANKED: bool, S, T, B, const CATEGORIES: usize, const GAPS: usize>(
    bus: &mut Bus<Stored<K, RANKED>, S, T, CATEGORIES, GAPS>,
    batch: &mut Batch<Stored<K, RANKED>, B>,
    receipt: &mut Option<Receipt>,
) where
    K: KeyMode,
    S: AsRef<[Slot<Stored<K, RANKED>>]> + AsMut<[Slot<Stored<K, RANKED>>]>,
    B: AsRef<[Item<Stored<K, RANKED>>]> + AsMut<[Item<Stored<K, RANKED>>]>,
    T: Telemetry,
{
    match number() {
        0 => {
            let mut update = Stored::any();
            let options = update.options();
            outcome(bus.push(&mut update, options, now));
            update.output();
        }
        1 => polled(bus.poll(batch, now())),
        2 => polled(bus.poll_part(batch, number(), |expired| expired.output(), now())),
        3 => told(bus.poll_at().map_or(0, |at| at.as_micros() as u32)),
        4 => bus.settle(batch, accepted(), now()),
        5 => bus.confirm_losses(batch, number()),
        6 => {
            let mark = bus.flush(now());
            told(u32::from(bus.is_flushed(mark)));
            told(u32::from(mark.is_reached_by(bus.flushed())));
        }
        7 => bus.close(now()),
        8 => {
            let config = config(bus.config()).unwrap_or_default();
            let left = |update: &mut Stored<K, RANKED>, loss: Loss| {
                update.output();
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
        18 => {
            if let Some(gap) = bus.gap(batch) {
                missing(gap);
            }
        }
        19 => {
            if let Some(dropped) = bus.settle_one(batch, long(), now()) {
                dropped.output();
                dropped.change();
            }
        }
        20 => {
            // The batch of the receipt before stays in flight.
            *receipt = Some(batch.take_receipt());
        }
        21 => {
            if let Some(receipt) = receipt.take() {
                bus.settle_receipt(receipt, accepted(), now());
            }
        }
        22 => batch.clear(),
        _ => {
            let _ = bus.telemetry();
        }
    }
}

/// Exchanges the items of a batch. Answers with those that it had.
pub(crate) fn exchange<U: statusbus_core::Update, B>(batch: &mut Batch<U, B>, items: B) -> B
where
    B: AsRef<[Item<U>]> + AsMut<[Item<U>]>,
{
    core::mem::replace(batch, Batch::with_items(items)).into_items()
}

pub(crate) fn accepted() -> Accepted {
    if word() == 0 { Accepted::All } else { Accepted::First(number()) }
}

pub(crate) fn polled(polled: Polled) {
    told(match polled {
        Polled::Wait(at) => at.map_or(0, |at| at.as_micros() as u32),
        Polled::More => 1,
        Polled::Batch => 2,
    });
}

pub(crate) fn outcome(outcome: Outcome) {
    told(outcome.is_queued().into());
    match outcome {
        Outcome::Displaced(loss) => told(loss.as_str().len() as u32),
        Outcome::Dropped(reason) => told(reason.as_str().len() as u32),
        Outcome::Refused(reason) => told(reason.as_str().len() as u32),
        Outcome::Queued | Outcome::Merged | Outcome::Expired => told(0),
        _ => told(1),
    }
}

/// Any way of reading a batch.
fn read<K, const RANKED: bool, B>(batch: &mut Batch<Stored<K, RANKED>, B>)
where
    K: KeyMode,
    B: AsRef<[Item<Stored<K, RANKED>>]> + AsMut<[Item<Stored<K, RANKED>>]>,
{
    match number() {
        0 => batch.iter().for_each(update),
        1 => {
            let mut both = batch.iter();
            both.next().map_or((), update);
            told(both.clone().map(|one| one.waited_micros() as u32).sum());
            both.chain(BatchIter::default()).for_each(update);
        }
        2 => batch.iter_from(number()).for_each(update),
        3 => batch.get(number()).map_or((), update),
        4 => batch.updates_mut().for_each(Stored::change),
        5 => {
            for one in &*batch {
                told(one.ttl_left_micros() as u32);
            }
        }
        _ => {
            told(batch.len() as u32 ^ batch.capacity() as u32 ^ u32::from(batch.is_empty()));
            told(batch.reason().as_str().len() as u32 ^ batch.first_seq() as u32);
            told(batch.gap_seq().map_or(0, |seq| seq as u32));
        }
    }
}

fn update<K, const RANKED: bool>(one: BatchUpdate<'_, Stored<K, RANKED>>) {
    one.update.output();
    told(one.seq as u32 ^ one.waited().subsec_nanos());
    told(one.waited_micros() as u32 ^ one.priority as u32);
    told(one.ttl_left().map_or(0, |left| left.subsec_nanos()));
}

pub(crate) fn missing<const GAPS: usize>(gap: &Gap<(u32, Category), GAPS>) {
    told(gap.seq() as u32 ^ gap.retold() as u32 ^ gap.confirmed() as u32);
    for ((conversation, category), losses) in gap.topics() {
        told(conversation ^ category.index() as u32);
        lost(&losses);
    }
    if let Some((topic, losses)) = gap.loss(number()) {
        told(topic.is_some().into());
        lost(&losses);
    }
    lost(&gap.elsewhere());
    let mut twice = gap.total();
    twice.add(&gap.total());
    lost(&twice);
    told(gap.missing() as u32);
}

fn lost(losses: &Losses) {
    told(losses.total() as u32 ^ u32::from(losses.is_empty()));
    for (loss, count) in losses.iter() {
        told(loss.as_str().len() as u32 ^ count as u32);
    }
}

pub(crate) fn config(config: Config) -> Result<Config, ConfigError> {
    let overflow = text().parse::<Overflow>().unwrap_or_default();
    told(overflow.as_str().len() as u32);
    let leading = text().parse::<Leading>().unwrap_or_default();
    told(leading.as_str().len() as u32);
    let config = config.with_queue_limit(number())?.with_batch_size(number())?;
    Ok(config.with_flush_interval(span())?.with_overflow(overflow).with_leading(leading))
}

pub(crate) fn priority() -> Priority {
    let priority = text().parse::<Priority>().unwrap_or_default();
    told(priority.as_str().len() as u32);
    priority
}

pub(crate) fn span() -> Duration {
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
    told((set.contains(Category::ERROR) || set.is_empty()).into());
    let all: CategorySet = (0..number()).filter_map(Category::from_index).collect();
    told(all.contains(category).into());
    for category in all | set {
        told(category.index() as u32);
    }
    if let (Ok(dropped), Ok(refused)) = (text().parse(), text().parse()) {
        told(Dropped::default().with_count(dropped, long()).count(dropped) as u32);
        told(Refused::default().with_count(refused, long()).count(refused) as u32);
    }
    told(text().parse::<FlushReason>().map_or(0, |reason| reason.as_str().len()) as u32);
    told(text().parse::<Loss>().map_or_else(|e| e.names().len(), |loss| loss.as_str().len()) as u32);
}
