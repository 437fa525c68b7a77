//! Every call that the adapter offers.

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll};
use core::time::Duration;

use embassy_sync::blocking_mutex::raw::RawMutex;
use statusbus_embassy::{
    AnyMessage, Category, CategorySet, Config, ConversationName, Event, Hub, Key, Message, Outcome,
    Priority, RefuseReason, Report, Runner, SYSTEM, Selector, Status, Subject, Value,
};

use crate::input::{long, number, text, told, word};

/// Messages that have everything.
pub(crate) type Full = Message<64, 16, 48, Key<12>>;

/// Any call on a bus whose messages have everything.
pub(crate) fn any<M: RawMutex, const SLOTS: usize, T: Report, const C: usize, const GAPS: usize>(
    status: &Status<M, Full, SLOTS, T, C, GAPS>,
) {
    let category = Category::from_index(number()).unwrap_or(Category::INFO);
    let update = status
        .update(subject(), category, text())
        .key(text())
        .priority(text().parse::<Priority>().unwrap_or_default())
        .ttl(span())
        .metadata(text(), word() > 0)
        .metadata(text(), word())
        .metadata(text(), word() as i32)
        .metadata(text(), f32::from_bits(word()))
        .metadata(text(), text())
        .metadata(text(), Value::Decimal { digits: word() as i32, places: word() as u8 });
    match number() {
        0 => update.send(),
        1 => match update.try_send() {
            Ok(Outcome::Displaced(loss)) => told(loss.as_str().len() as u32),
            Ok(_) => told(1),
            Err(error) => told(error.outcome.is_queued().into()),
        },
        _ => plain(status),
    }
}

/// Any call on a bus.
pub(crate) fn plain<
    M: RawMutex,
    U: AnyMessage,
    const SLOTS: usize,
    T: Report,
    const C: usize,
    const GAPS: usize,
>(
    status: &Status<M, U, SLOTS, T, C, GAPS>,
) {
    let category = Category::from_index(number()).unwrap_or(Category::INFO);
    match number() {
        0 => status.engine(SYSTEM, text()),
        1 => status.tool(number() as u32, text()),
        2 => status.workflow(number() as u16, text()),
        3 => status.progress(number() as u8, text()),
        4 => status.error(text(), text()),
        5 => status.info(subject(), text()),
        6 => status.planning(subject(), text()),
        7 => status.send(subject(), category, text()),
        8 => status.refuse(RefuseReason::Full),
        9 => status.request_flush(),
        10 => status.close(),
        11 => told(status.reconfigure(config()) as u32),
        12 => status.reconfigure_category(category, Priority::Normal, Some(span())),
        13 => told(status.config().queue_limit() as u32),
        14 => told(status.ledger().is_balanced().into()),
        20 => told(status.shortened().texts ^ status.shortened().fields),
        15 => told(status.depth().peak as u32 ^ status.seq() as u32),
        16 => told(status.set_categories(&["a", "b"]).is_ok().into()),
        17 => told(status.category(text()).map_or(0, |category| category.index() as u32)),
        18 => told(status.category_name(category).map_or(0, |name| name.len() as u32)),
        #[cfg(feature = "display")]
        19 => status.info(SYSTEM, format_args!("{} {}", number(), text())),
        _ => {}
    }
}

/// Waits for what was sent.
pub(crate) fn wait<
    M: RawMutex,
    U: AnyMessage,
    const SLOTS: usize,
    T: Report,
    const C: usize,
    const GAPS: usize,
>(
    status: &Status<M, U, SLOTS, T, C, GAPS>,
    cx: &mut Context<'_>,
) {
    let mut flush = pin!(status.flush());
    while word() > 0 {
        told(flush.as_mut().poll(cx).is_ready().into());
    }
    let mut shutdown = pin!(status.shutdown(embassy_time::Duration::from_ticks(long())));
    while word() > 0 {
        if let Poll::Ready(ledger) = shutdown.as_mut().poll(cx) {
            told(ledger.sent as u32);
        }
    }
}

/// Any way of reading a batch.
pub(crate) fn take<M: RawMutex, const SLOTS: usize>(
    mut runner: Runner<'_, Status<M, Full, SLOTS>>,
    cx: &mut Context<'_>,
) {
    while word() > 0 {
        let mut next = pin!(runner.next());
        while word() > 0 {
            let Poll::Ready(Some(mut batch)) = next.as_mut().poll(cx) else { continue };
            while let Some(entry) = batch.gap() {
                told((entry.losses().total() ^ entry.missing()) as u32 ^ u32::from(entry.index));
                batch.confirm_loss();
            }
            for handed in batch.updates() {
                told(handed.waited_micros() as u32);
                told(handed.update.text().len() as u32 ^ u32::from(handed.update.is_cut()));
                told(handed.update.text_bytes().len() as u32);
                told(handed.update.key().map_or(0, str::len) as u32);
                told(handed.update.metadata().map_or(0, str::len) as u32);
                told(batch.category_name(Category::INFO).len() as u32);
            }
            batch.confirm_gap();
            batch.accept(long());
            told(batch.reject(long()).into());
            told(batch.age_micros() as u32 ^ batch.reason().as_str().len() as u32);
            let waited = core::future::poll_fn(|_| match word() {
                0 => Poll::Pending,
                _ => Poll::Ready(()),
            });
            told(pin!(batch.unless_given_up(pin!(waited))).poll(cx).is_ready().into());
            if word() > 0 {
                batch.delivered();
            }
        }
    }
}

/// A reader of a hub.
pub(crate) fn follow<M: RawMutex, const RING: usize, const READERS: usize>(
    hub: &Hub<M, Full, RING, READERS>,
    cx: &mut Context<'_>,
) {
    let selector =
        Selector::subject(subject()).with_categories(CategorySet::NONE.with(Category::INFO));
    let Ok(mut subscription) = hub.subscribe(selector) else { return };
    while word() > 0 {
        let mut next = pin!(subscription.next());
        match next.as_mut().poll(cx) {
            Poll::Ready(Some(Event::Update(received))) => {
                told(received.update.text().len() as u32 ^ received.age_micros() as u32);
            }
            Poll::Ready(Some(Event::Gap(entry))) => told(entry.losses().total() as u32),
            Poll::Ready(Some(Event::Lagged(missed))) => told(missed as u32),
            _ => {}
        }
    }
    told(subscription.unread() as u32 ^ hub.missed() as u32);
}

fn subject() -> Subject<'static> {
    match number() {
        0 => Subject::System,
        1 => Subject::Number(word()),
        2 => ConversationName::new(text()).map_or(Subject::System, Subject::Name),
        _ => Subject::Unchecked(text()),
    }
}

fn span() -> Duration {
    Duration::new(long(), word().min(999_999_999))
}

fn config() -> Config {
    let config = Config::new();
    let config = config.with_queue_limit(number()).unwrap_or(config);
    let config = config.with_batch_size(number()).unwrap_or(config);
    config.with_flush_interval(span()).unwrap_or(config)
}
