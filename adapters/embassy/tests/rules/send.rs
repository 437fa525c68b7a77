//! What is refused where it is sent.

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use statusbus_embassy::{
    Category, Config, ConversationName, DropReason, Key, Loss, Message, Outcome, Overflow,
    Priority, RefuseReason, SYSTEM, Status,
};

use crate::support::Time;
use crate::{balanced, small};

const INVALID: Outcome = Outcome::Refused(RefuseReason::Invalid);

type Keyed = Status<CriticalSectionRawMutex, Message<16, 8, 0, Key<6>>, 2>;

#[test]
fn an_invalid_name_is_refused_by_itself_and_counted() {
    let (_time, status) = (Time::begin(), small());
    for name in ["", "a:b", "*", "system", "a\n"] {
        status.info(name, "refused");
        let refused = status.update(name, Category::INFO, "refused").try_send();
        assert_eq!(refused.expect_err(name).outcome, INVALID);
    }
    status.info("a name longer than 16 bytes", "refused");
    status.info("16 bytes exactly", "taken");
    let ledger = balanced(status);
    assert_eq!((ledger.sent, ledger.queued), (12, 1));
    assert_eq!((ledger.refused.invalid, ledger.refused.too_large), (10, 1));
}

#[test]
fn a_conversation_is_a_name_a_number_or_the_system() {
    let (_time, status) = (Time::begin(), small());
    const PUMP: ConversationName<'static> = match ConversationName::new("pump") {
        Ok(name) => name,
        Err(_) => unreachable!(),
    };
    status.info(PUMP, "by a name that is checked already");
    status.info(7_u8, "by number");
    status.info(7_u16, "by number");
    status.info(7_u32, "by number");
    status.info(SYSTEM, "system-wide");
    assert_eq!(balanced(status).queued, 5);
}

#[test]
fn keys_that_are_empty_or_too_long_are_refused() {
    let _time = Time::begin();
    let status = Keyed::new();
    let try_key = |key| status.update(SYSTEM, Category::INFO, "text").key(key).try_send();
    let too_large = Outcome::Refused(RefuseReason::TooLarge);
    assert_eq!(try_key("sevenxx").expect_err("7 bytes").outcome, too_large);
    assert_eq!(try_key("").expect_err("empty").outcome, INVALID);
    assert_eq!(try_key("sixxxx"), Ok(Outcome::Queued));
    assert_eq!(try_key("sixxxx"), Ok(Outcome::Merged));
    let ledger = balanced(&status);
    assert_eq!((ledger.queued, ledger.coalesced), (1, 1));
    assert_eq!((ledger.refused.too_large, ledger.refused.invalid), (1, 1));
}

#[test]
fn keys_belong_to_a_conversation_and_a_category() {
    let _time = Time::begin();
    let status: Status<CriticalSectionRawMutex, Message<16, 8, 0, Key<6>>, 16> = Status::new();
    for _ in 0..2 {
        status.update("a", Category::INFO, "text").key("k").send();
        status.update("b", Category::INFO, "text").key("k").send();
        status.update("a", Category::TOOL, "text").key("k").send();
        status.update("a", Category::INFO, "text").key("l").send();
        status.update(7_u8, Category::INFO, "text").key("k").send();
        status.update(SYSTEM, Category::INFO, "text").key("k").send();
        status.update("a", Category::INFO, "no key").send();
    }
    let ledger = balanced(&status);
    assert_eq!((ledger.queued, ledger.coalesced), (8, 6));
}

#[test]
fn try_send_returns_what_became_of_the_update() {
    let _time = Time::begin();
    let status = Keyed::new();
    let try_send = |text, priority, ttl| {
        let draft = status.update(SYSTEM, Category::INFO, text).priority(priority);
        match ttl {
            None => draft.try_send(),
            Some(ttl) => draft.ttl(ttl).try_send(),
        }
    };
    let zero = Some(core::time::Duration::ZERO);
    assert_eq!(try_send("a", Priority::Normal, None), Ok(Outcome::Queued));
    assert_eq!(try_send("b", Priority::Normal, None), Ok(Outcome::Queued));
    let outranked = try_send("c", Priority::Low, None).expect_err("it is full");
    assert_eq!(outranked.outcome, Outcome::Dropped(DropReason::Outranked));
    let expired = try_send("d", Priority::High, zero).expect_err("it is full");
    assert_eq!(expired.outcome, Outcome::Expired);
    let evicted = Loss::Dropped(DropReason::Evicted);
    assert_eq!(try_send("e", Priority::High, None), Ok(Outcome::Displaced(evicted)));
    status.reconfigure(status.config().with_overflow(Overflow::Reject));
    let full = try_send("f", Priority::High, None).expect_err("it is full");
    assert_eq!(full.outcome, Outcome::Refused(RefuseReason::Full));
    assert!(full.to_string().starts_with("the queue is full"));
    status.close();
    let closed = try_send("g", Priority::High, None).expect_err("it is closed");
    assert_eq!(closed.outcome, Outcome::Refused(RefuseReason::Closed));
    status.info(SYSTEM, "h");
    let ledger = balanced(&status);
    assert_eq!((ledger.sent, ledger.queued, ledger.refused.total()), (8, 2, 3));
}

#[test]
fn refusals_of_the_application_are_counted() {
    let (_time, status) = (Time::begin(), small());
    status.refuse(RefuseReason::Unauthorized);
    let ledger = balanced(status);
    assert_eq!((ledger.sent, ledger.refused.unauthorized), (1, 1));
}

#[test]
fn a_category_that_the_bus_does_not_have_is_refused() {
    let (_time, status) = (Time::begin(), small());
    let own = Category::from_index(7).expect("below 32");
    status.send(SYSTEM, own, "nobody knows it");
    assert_eq!(balanced(status).refused.unknown_category, 1);
    assert_eq!(Config::new(), Config::default());
}
