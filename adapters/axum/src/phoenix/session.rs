//! One connection, as a plain state machine: it is told what the client said and what time it is,
//! and is asked what the client is to be told.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::value::RawValue;
use statusbus_tokio::json;
use statusbus_tokio::{Event, Selector, Status};

use super::channel::Channel;
use super::channels::Channels;
use super::message::{Frame, Message, MessageError, Ref, Reply};
use super::pace::Pace;
use super::payload::{
    self, Available, CategoriesParams, Descriptions, JoinParams, Joined, Refusal, Subscribed,
    Subscriptions,
};
use super::push::{Address, Updates, id};
use crate::limits::Limits;
use crate::request::Reading;

/// What one connection may do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionLimits {
    /// Most channels that it may have joined at a time.
    pub(crate) channels: usize,
    /// Most changes of a channel's categories a minute, in any minute.
    pub(crate) changes: usize,
    /// Messages that are read at once.
    pub(crate) burst: u32,
    /// How long it then takes until the next one is read.
    pub(crate) pace: Duration,
    /// How long the client may be silent.
    pub(crate) silence: Duration,
}

impl SessionLimits {
    pub(crate) fn of(limits: &Limits) -> Self {
        let (channels, changes) = (limits.channels, limits.changes);
        // A client with all its channels rejoins and chooses categories in one go.
        let burst =
            u32::try_from(channels).unwrap_or(u32::MAX).saturating_mul(2).saturating_add(50);
        let (pace, silence) = (Duration::from_millis(20), Duration::from_secs(60));
        Self { channels, changes, burst, pace, silence }
    }
}

/// The state of one connection.
pub(crate) struct Session {
    status: Status,
    limits: SessionLimits,
    /// What the channels of all sockets have in common.
    all: Arc<Channels>,
    channels: Vec<Channel>,
    /// The channel that is looked at first: each in its turn, so that none waits for another.
    turn: usize,
    told: VecDeque<Told>,
    pace: Pace,
    silent_at: Instant,
}

/// What the client is to be told next.
#[derive(Debug)]
pub(crate) enum Told {
    /// One frame.
    Frame(String),
    /// Updates, each a frame.
    Updates(Updates),
    /// That is all: the bus was shut down, and everything that was joined is read.
    End,
}

/// A channel that a client wants to join, if it may. Answer with [`Session::admit`] or
/// [`Session::refuse`].
#[must_use]
#[derive(Debug)]
pub(crate) struct Join {
    to: Address,
    reference: Ref,
    pub(crate) reading: Reading,
}

impl Session {
    pub(crate) fn new(
        status: Status,
        limits: SessionLimits,
        all: Arc<Channels>,
        now: Instant,
    ) -> Self {
        Self {
            status,
            limits,
            all,
            channels: Vec::new(),
            turn: 0,
            told: VecDeque::new(),
            pace: Pace::new(limits.burst, limits.pace, now),
            silent_at: now + limits.silence,
        }
    }

    /// The client has sent something, whatever it is.
    pub(crate) fn hear(&mut self, now: Instant) {
        self.pace.count(now);
        self.silent_at = now + self.limits.silence;
    }

    /// The client has sent a message. If that is a wish to join, it waits for an answer; tell
    /// nothing else before.
    pub(crate) fn receive(&mut self, text: &str, now: Instant) -> Option<Join> {
        let message = match Message::parse(text) {
            Ok(message) => message,
            Err(error) => {
                self.refuse_message(&error);
                return None;
            }
        };
        if (&*message.topic, &*message.event) == ("phoenix", "heartbeat") {
            self.reply(&Ref::None, &message.reference, &message.topic, Reply::Ok(Empty {}));
            return None;
        }
        let known = self.channels.iter().position(|channel| *channel.to.topic == *message.topic);
        match (&*message.event, known) {
            ("phx_join", known) => {
                if let Some(known) = known {
                    self.close(known);
                }
                return self.wish(message);
            }
            // The client has left, or this is of a join before the last one.
            (_, Some(known)) if self.is_stale(known, &message) => {}
            ("phx_leave", known) => {
                let Message { join_ref, reference, topic, .. } = &message;
                let join_ref = known
                    .and_then(|known| self.channels.get(known))
                    .map_or_else(|| join_ref.clone(), |channel| channel.to.join_ref.clone());
                self.reply(&join_ref, reference, topic, Reply::Ok(Empty {}));
                if let Some(known) = known {
                    self.close(known);
                }
            }
            (_, Some(known)) => self.ask(known, &message, now),
            (_, None) => self.refuse_topic(&message),
        }
        None
    }

    /// The client has sent bytes: the binary form of the protocol, which only carries uploads.
    pub(crate) fn receive_binary(&mut self) {
        let what = "binary frames are not read: send JSON text";
        let refusal = Reply::Error(Refusal::new("invalid_message", what));
        self.reply(&Ref::None, &Ref::None, "phoenix", refusal);
    }

    /// Lets a client join, until then if the permission ends.
    pub(crate) fn admit(&mut self, join: Join, ends: Option<Instant>) {
        let Join { to, reference, reading } = join;
        let subscription = reading.subscribe(&self.status).open();
        let recovered = subscription.recovered();
        let Reading { selector, categories, last } = reading;
        let conversation_id = payload::conversation_id(&selector).to_owned();
        let changes = self.limits.changes;
        let mut channel = Channel::new(to, selector, subscription, categories, changes, &self.all);
        channel.ends = ends;
        let standing = if recovered { None } else { channel.standing_next() };
        let joined = Joined {
            conversation_id,
            available_categories: self.status.categories().names().collect(),
            subscribed_categories: payload::names(categories, &self.status),
            recovered: last.map(|_| recovered),
            last_event_id: standing.is_none().then(|| id(&self.status, channel.seq())),
        };
        let frame = channel.to.frame(&reference, "phx_reply", Reply::Ok(joined));
        self.told.push_back(Told::Frame(frame));
        self.told.extend(standing.map(Told::Updates));
        self.channels.push(channel);
    }

    /// Does not let a client join.
    pub(crate) fn refuse(&mut self, join: &Join, refusal: Refusal) {
        self.all.refuse_join();
        self.reply(&join.to.join_ref, &join.reference, &join.to.topic, Reply::Error(refusal));
    }

    /// What answers the client: it goes out before more is read.
    pub(crate) fn answer(&mut self) -> Option<Told> {
        self.told.pop_front()
    }

    /// What the client is to be told next.
    pub(crate) fn poll_told(&mut self, cx: &mut Context<'_>) -> Poll<Told> {
        loop {
            if let Some(told) = self.told.pop_front() {
                return Poll::Ready(told);
            }
            let Some((turn, event)) = self.next_event(cx) else { return Poll::Pending };
            self.turn = turn + 1;
            match event {
                Some(event) => self.tell(turn, event),
                None if self.channels.iter().all(Channel::is_at_end) => {
                    return Poll::Ready(Told::End);
                }
                None => {}
            }
        }
    }

    /// The next event of any channel, and of which one.
    fn next_event(&mut self, cx: &mut Context<'_>) -> Option<(usize, Option<Event>)> {
        let count = self.channels.len();
        (0..count).map(|step| (self.turn + step) % count).find_map(|turn| {
            let channel = self.channels.get_mut(turn).filter(|channel| !channel.is_at_end())?;
            match channel.poll_next(cx) {
                Poll::Ready(event) => Some((turn, event)),
                Poll::Pending => None,
            }
        })
    }

    /// Ends the channels whose permission has ended. Clients then join again, and are asked again.
    pub(crate) fn expire(&mut self, now: Instant) {
        let has_ended = |channel: &Channel| channel.ends.is_some_and(|ends| ends <= now);
        while let Some(ended) = self.channels.iter().position(has_ended) {
            let Channel { to, .. } = self.channels.remove(ended);
            let refusal = Refusal::new("unauthorized", "the permission has ended: join again");
            self.told.push_back(Told::Frame(to.frame(&to.join_ref, "phx_error", refusal)));
        }
    }

    /// Whether the client has said nothing for too long.
    pub(crate) fn is_silent(&self, now: Instant) -> bool {
        self.silent_at <= now
    }

    /// When to look again: a permission ends, or the client has been silent for too long.
    pub(crate) fn deadline(&self) -> Instant {
        let ends = self.channels.iter().filter_map(|channel| channel.ends);
        ends.fold(self.silent_at, Instant::min)
    }

    /// How long to wait before reading what the client says next.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.pace.wait(now)
    }

    fn tell(&mut self, turn: usize, event: Event) {
        let Some(channel) = self.channels.get_mut(turn) else { return };
        if channel.categories.is_empty() {
            return;
        }
        match event {
            Event::Batch(batch) => {
                self.told.push_back(Told::Updates(channel.live(&batch, &self.status)));
            }
            Event::Retained(batch) => self.told.extend(channel.standing(batch).map(Told::Updates)),
            Event::Gap(gap) => {
                let id = gap.resume.map(|seq| id(&self.status, seq));
                let frame = channel.to.gap((&gap).into(), id);
                self.told.push_back(Told::Frame(frame));
            }
            Event::Lagged(lagged) => {
                // All of its position at once: the last frame has the id, since a client that resumed
                // before it would not get the rest.
                let (losses, standing) = channel.behind_lag();
                let mut id = standing.is_none().then(|| id(&self.status, channel.seq()));
                let lagged = json::Gap::from(&lagged);
                let mut gaps = std::iter::once(lagged).chain(losses).peekable();
                while let Some(gap) = gaps.next() {
                    let id = if gaps.peek().is_none() { id.take() } else { None };
                    self.told.push_back(Told::Frame(channel.to.gap(gap, id)));
                }
                self.told.extend(standing.map(Told::Updates));
            }
        }
    }

    /// Reads a wish to join.
    fn wish(&mut self, message: Message<'_>) -> Option<Join> {
        let Some(selector) = payload::selector(&message.topic) else {
            self.all.refuse_join();
            self.refuse_topic(&message);
            return None;
        };
        let Message { join_ref, reference, topic, payload, .. } = message;
        let join_ref = join_ref.or(&reference);
        match selector.and_then(|selector| self.reading(selector, payload)) {
            Ok(reading) => {
                let to = Address { join_ref, topic: Arc::from(topic) };
                Some(Join { to, reference, reading })
            }
            Err(refusal) => {
                self.all.refuse_join();
                self.reply(&join_ref, &reference, &topic, Reply::Error(refusal));
                None
            }
        }
    }

    /// What a channel is to read.
    fn reading(&self, selector: Selector, params: &RawValue) -> Result<Reading, Refusal> {
        let params = JoinParams::read(params)?;
        let names = params.categories.unwrap_or_default();
        let categories = payload::categories(&names, &self.status)?;
        let most = self.limits.channels;
        if self.channels.len() >= most {
            let message = format!("a connection has at most {most}: leave one first");
            return Err(Refusal::new("too many channels joined", message));
        }
        let last = params.last_event_id.map(|id| id.parse().ok());
        Ok(Reading { selector, categories, last })
    }

    /// Answers what is asked of a channel.
    fn ask(&mut self, known: usize, message: &Message<'_>, now: Instant) {
        let Self { status, channels, told, .. } = self;
        let Some(channel) = channels.get_mut(known) else { return };
        let (to, reference) = (channel.to.clone(), &message.reference);
        let mut standing = None;
        let change = |channel: &mut Channel| {
            let CategoriesParams { categories } = CategoriesParams::read(message.payload)?;
            let categories = payload::categories(&categories, status)?;
            channel.count_change(now)?;
            Ok(categories)
        };
        let subscribed = |channel: &Channel| Subscribed {
            subscribed: payload::names(channel.categories, status),
        };
        let frame = match &*message.event {
            "subscribe_categories" => {
                let added = change(channel).map(|categories| {
                    standing = channel.add(categories, status);
                    subscribed(channel)
                });
                answer(&to, reference, added)
            }
            "unsubscribe_categories" => {
                let removed = change(channel).map(|categories| {
                    channel.remove(categories);
                    subscribed(channel)
                });
                answer(&to, reference, removed)
            }
            "get_subscriptions" => {
                let subscriptions = Subscriptions {
                    subscribed_categories: payload::names(channel.categories, status),
                    available_categories: status.categories().names().collect(),
                };
                answer(&to, reference, Ok(subscriptions))
            }
            "get_available_categories" => {
                let available_categories = status.categories().names().collect();
                let available = Available { available_categories, descriptions: Descriptions };
                answer(&to, reference, Ok(available))
            }
            _ => answer::<Empty>(&to, reference, Err(Refusal::new("unknown_event", EVENTS))),
        };
        told.push_back(Told::Frame(frame));
        told.extend(standing.map(Told::Updates));
    }

    /// Closes a channel from this side.
    fn close(&mut self, known: usize) {
        if known < self.channels.len() {
            let Channel { to, .. } = self.channels.remove(known);
            // The client tells its channels apart by this ref.
            let frame = to.frame(&to.join_ref, "phx_close", Empty {});
            self.told.push_back(Told::Frame(frame));
        }
    }

    /// Whether a message is of an earlier join of a channel. None is of the one that is.
    fn is_stale(&self, known: usize, message: &Message<'_>) -> bool {
        let current = self.channels.get(known).map(|channel| &channel.to.join_ref);
        !message.join_ref.is_none() && current != Some(&message.join_ref)
    }

    fn refuse_message(&mut self, error: &MessageError) {
        let refusal = Reply::Error(Refusal::new("invalid_message", error.to_string()));
        self.reply(&Ref::None, &Ref::None, "phoenix", refusal);
    }

    fn refuse_topic(&mut self, message: &Message<'_>) {
        let what = match message.event.as_str() {
            "phx_join" => "a topic is status:{conversation} or status:system",
            _ => "join the topic first",
        };
        let Message { join_ref, reference, topic, .. } = message;
        let refusal = Reply::Error(Refusal::new("unmatched topic", what));
        self.reply(join_ref, reference, topic, refusal);
    }

    fn reply<R: Serialize>(
        &mut self,
        join_ref: &Ref,
        reference: &Ref,
        topic: &str,
        payload: Reply<R>,
    ) {
        let frame = Frame { join_ref, reference, topic, event: "phx_reply", payload };
        self.told.push_back(Told::Frame(frame.write()));
    }
}

/// What a channel understands.
const EVENTS: &str = "a channel understands subscribe_categories, unsubscribe_categories, \
                      get_subscriptions, get_available_categories, phx_join and phx_leave";

/// An object with nothing in it.
#[derive(Serialize)]
struct Empty {}

fn answer<R: Serialize>(to: &Address, reference: &Ref, answer: Result<R, Refusal>) -> String {
    match answer {
        Ok(response) => to.frame(reference, "phx_reply", Reply::Ok(response)),
        Err(refusal) => to.frame(reference, "phx_reply", Reply::Error(refusal)),
    }
}

#[cfg(test)]
mod tests;
