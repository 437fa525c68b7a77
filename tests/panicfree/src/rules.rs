//! Every call that the rules offer to a queue, in any order.

use core::ops::ControlFlow;

use statusbus_core::{
    BatchHead, Candidate, Category, Merge, Outcome, Overflowed, Priority, Receipt, RefuseReason,
    Rules, Terms,
};

use crate::calls::{accepted, config, missing, outcome, polled, priority, span};
use crate::input::{long, now, number, told, word};
use crate::stored::{Listener, Stored};

type Topic = (u32, Category);

/// A queue that stores the terms of one update.
pub(crate) struct Queue {
    rules: Rules<Topic, Listener, 12, 4>,
    head: BatchHead,
    receipt: Option<Receipt>,
    terms: Option<Terms>,
}

impl Queue {
    pub(crate) fn new() -> Self {
        let config = config(Default::default()).unwrap_or_default();
        Self {
            rules: Rules::new(number(), config, number(), Listener::new()),
            head: BatchHead::new(),
            receipt: None,
            terms: None,
        }
    }

    /// Any call.
    pub(crate) fn any(&mut self) {
        match number() {
            0 => self.push(),
            1 => self.poll(),
            2 => self.settle(),
            3 => self.change(),
            4 => self.show(),
            _ => {
                if let Some(by) = self.rules.advance(now())
                    && let Some(terms) = &mut self.terms
                {
                    let mut arrival = terms.arrival();
                    arrival.shift(by);
                    terms.shift(by);
                }
            }
        }
    }

    fn push(&mut self) {
        let rules = &mut self.rules;
        let topic = topic();
        if word() == 0 {
            told(rules.plain_categories().len() as u32 ^ rules.priorities() as u32);
            let free = rules.free();
            rules.join(number().min(free));
            self.terms = Some(Terms::plain(rules.arrival(), Priority::Normal));
            return;
        }
        let options = Stored::<statusbus_core::Keyed, true>::any().options();
        let terms = match rules.admit(&options, |rules| _ = rules.advance(now())) {
            Ok(terms) => terms,
            Err(refused) => return outcome(refused),
        };
        if let Some(queued) = self.terms {
            match rules.merge(&terms, queued.priority()) {
                Merge::Apart => told(0),
                Merge::InPlace => self.terms = Some(terms),
                Merge::AtEnd => rules.exchanged(&terms, Some(terms.arrival())),
            }
        }
        if !rules.is_full() {
            return rules.joined(&terms);
        }
        match rules.overflow(&terms, &topic) {
            Overflowed::Out(lost) => outcome(lost),
            Overflowed::For(which) => {
                candidate(which);
                let queued = self.terms.as_ref().map(|queued| (queued, &topic));
                let became: Outcome = rules.displace(which, (&terms, &topic), queued);
                outcome(became);
                if became.is_queued() {
                    rules.exchanged(&terms, None);
                }
            }
        }
        self.terms = Some(terms);
    }

    fn poll(&mut self) {
        let Self { rules, head, .. } = self;
        let part = match rules.poll(head, number()) {
            ControlFlow::Continue(part) => part,
            ControlFlow::Break(result) => return polled(result),
        };
        let Some(terms) = &self.terms else { return polled(rules.finish(head, part)) };
        told(u32::from(rules.is_expired(terms)) ^ part.room(head) as u32);
        rules.expired(head, &topic(), Some(terms.arrival()));
        rules.left(head, number(), terms.arrival(), None);
        let waited = terms.arrival().micros_until(rules.began());
        told(waited as u32 ^ terms.ttl_left_micros(waited) as u32);
        polled(rules.finish(head, part));
    }

    fn settle(&mut self) {
        let Self { rules, head, receipt, .. } = self;
        match number() {
            0 => rules.settle_one(head, &topic()),
            1 => *receipt = Some(head.take_receipt()),
            2 => {
                if let Some(receipt) = receipt.take() {
                    rules.settle_receipt(receipt, accepted());
                }
            }
            3 => rules.confirm_losses(long(), number()),
            4 => {
                if let Some(gap) = rules.gap(long()) {
                    missing(gap);
                }
            }
            _ => {
                let mark = rules.flush();
                told(u32::from(rules.is_flushed(mark)));
                told(u32::from(mark.is_reached_by(rules.flushed())));
            }
        }
    }

    fn change(&mut self) {
        let rules = &mut self.rules;
        match number() {
            0 => rules.close(),
            1 => {
                let config = config(rules.config()).unwrap_or_default();
                rules.reconfigure(config, number());
                while let Some(which) = rules.excess() {
                    candidate(which);
                    let Some(terms) = &self.terms else { break };
                    told(rules.shrunk(terms, &topic(), None).as_str().len() as u32);
                }
            }
            2 => {
                let category = Category::from_index(number()).unwrap_or(Category::INFO);
                rules.reconfigure_category(category, priority(), (word() > 0).then(span));
            }
            3 => rules.set_categories(number()),
            4 => rules.limit_batch_size(word() as u16),
            _ => {
                rules.refuse(RefuseReason::ALL.get(number()).copied().unwrap_or(RefuseReason::Full))
            }
        }
    }

    fn show(&mut self) {
        let Self { rules, head, .. } = self;
        let depth = rules.depth();
        told(depth.queued as u32 ^ depth.peak as u32 ^ depth.oldest.subsec_nanos());
        told(rules.ledger().sent as u32 ^ rules.counters().map(|count| count as u32).sum::<u32>());
        told(u32::from(rules.take_wake()) ^ u32::from(rules.is_closed()));
        told(u32::from(rules.is_drained()) ^ u32::from(rules.is_overflowing()));
        told(rules.seq() as u32 ^ rules.len() as u32 ^ u32::from(rules.is_empty()));
        told(rules.poll_at().map_or(0, |at| at.as_micros() as u32));
        told(head.len() as u32 ^ head.first_seq() as u32 ^ u32::from(head.is_empty()));
        told(head.gap_seq().unwrap_or(0) as u32 ^ head.reason().as_str().len() as u32);
        told(u32::from(head.is_whole()) ^ u32::from(head.is_in_flight()));
        let _ = rules.telemetry();
    }
}

fn topic() -> Topic {
    (word(), Category::from_index(number()).unwrap_or(Category::INFO))
}

fn candidate(candidate: Candidate) {
    told(match candidate {
        Candidate::Oldest => 0,
        Candidate::Newest => 1,
        Candidate::Evicted => 2,
    });
}
