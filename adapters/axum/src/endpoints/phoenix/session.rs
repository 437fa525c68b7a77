//! The state machine of one connection. Its input is the client's messages and the time, its output the
//! frames for the client.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::value::RawValue;
use statusbus_tokio::json;
use statusbus_tokio::{Event, Selector, Status};

use super::channel::Channel;
use super::message::{Frame, Message, MessageError, Ref, Reply};
use super::payload::{
    self, Available, CategoriesParams, Descriptions, JoinParams, Joined, Refusal, Subscribed,
    Subscriptions,
};
use super::push::{Address, Updates, id};
use super::token_bucket::TokenBucket;
use crate::request::SubscribeRequest;
use crate::state::{ChannelCounts, FrameCache, Limits};

/// Limits of one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionLimits {
    /// Maximum number of joined channels.
    pub(crate) channels: usize,
    /// Maximum number of changes to the categories of a channel, in any minute.
    pub(crate) changes: usize,
    /// Messages that are read without delay.
    pub(crate) burst: u32,
    /// Interval at which further messages are read.
    pub(crate) interval: Duration,
    /// Idle timeout: maximum time without a message of the client.
    pub(crate) idle_timeout: Duration,
}

impl SessionLimits {
    pub(crate) fn of(limits: &Limits) -> Self {
        let (channels, changes) = (limits.channels, limits.changes);
        // After a reconnect a client joins all its channels and sets their categories at once.
        let burst =
            u32::try_from(channels).unwrap_or(u32::MAX).saturating_mul(2).saturating_add(50);
        let (interval, idle_timeout) = (Duration::from_millis(20), Duration::from_secs(60));
        Self { channels, changes, burst, interval, idle_timeout }
    }
}

/// The state of one connection.
pub(crate) struct Session {
    status: Status,
    limits: SessionLimits,
    frames: Arc<FrameCache>,
    counts: Arc<ChannelCounts>,
    channels: Vec<Channel>,
    /// The channel that is polled first: round robin, so that no channel starves another.
    turn: usize,
    outputs: VecDeque<Output>,
    rate: TokenBucket,
    idle_at: Instant,
}

/// Output for the client.
#[derive(Debug)]
pub(crate) enum Output {
    /// One frame.
    Frame(String),
    /// Updates, each in a frame.
    Updates(Updates),
    /// The end: the bus has shut down, and all joined channels are read.
    End,
}

/// A request to join a channel. Respond with [`Session::admit`] or [`Session::refuse`].
#[must_use]
#[derive(Debug)]
pub(crate) struct JoinRequest {
    to: Address,
    reference: Ref,
    pub(crate) subscribe: SubscribeRequest,
}

impl Session {
    pub(crate) fn new(
        status: Status,
        limits: SessionLimits,
        frames: Arc<FrameCache>,
        counts: Arc<ChannelCounts>,
        now: Instant,
    ) -> Self {
        Self {
            status,
            limits,
            frames,
            counts,
            channels: Vec::new(),
            turn: 0,
            outputs: VecDeque::new(),
            rate: TokenBucket::new(limits.burst, limits.interval, now),
            idle_at: now + limits.idle_timeout,
        }
    }

    /// Records that the client has sent any frame: restarts the idle timeout and counts for the rate.
    pub(crate) fn record_activity(&mut self, now: Instant) {
        self.rate.take(now);
        self.idle_at = now + self.limits.idle_timeout;
    }

    /// Handles a message. A returned join request must be answered before any other output is sent.
    pub(crate) fn receive(&mut self, text: &str, now: Instant) -> Option<JoinRequest> {
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
                return self.join_request(message);
            }
            // The message belongs to an earlier join of the topic.
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
            (_, Some(known)) => self.handle_event(known, &message, now),
            (_, None) => self.refuse_topic(&message),
        }
        None
    }

    /// Refuses a binary frame: in this protocol they carry uploads only.
    pub(crate) fn receive_binary(&mut self) {
        let what = "binary frames are not supported: send JSON text";
        let refusal = Reply::Error(Refusal::new("invalid_message", what));
        self.reply(&Ref::None, &Ref::None, "phoenix", refusal);
    }

    /// Joins the channel, until `ends` if the permission is limited.
    pub(crate) fn admit(&mut self, join: JoinRequest, ends: Option<Instant>) {
        let JoinRequest { to, reference, subscribe } = join;
        let subscription = subscribe.subscribe(&self.status).open();
        let recovered = subscription.recovered();
        let SubscribeRequest { selector, categories, last } = subscribe;
        let conversation_id = payload::conversation_id(&selector).to_owned();
        let mut channel = Channel::new(
            to,
            selector,
            subscription,
            categories,
            self.limits.changes,
            &self.frames,
            &self.counts,
        );
        channel.ends = ends;
        let retained = if recovered { None } else { channel.retained_next() };
        let joined = Joined {
            conversation_id,
            available_categories: self.status.categories().names().collect(),
            subscribed_categories: payload::names(categories, &self.status),
            recovered: last.map(|_| recovered),
            last_event_id: retained.is_none().then(|| id(&self.status, channel.seq())),
        };
        let frame = channel.to.frame(&reference, "phx_reply", Reply::Ok(joined));
        self.outputs.push_back(Output::Frame(frame));
        self.outputs.extend(retained.map(Output::Updates));
        self.channels.push(channel);
    }

    /// Refuses the join.
    pub(crate) fn refuse(&mut self, join: &JoinRequest, refusal: Refusal) {
        self.counts.refuse_join();
        self.reply(&join.to.join_ref, &join.reference, &join.to.topic, Reply::Error(refusal));
    }

    /// A pending reply: it is sent before the next message is read.
    pub(crate) fn pending_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The next output for the client.
    pub(crate) fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<Output> {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return Poll::Ready(output);
            }
            let Some((turn, event)) = self.next_event(cx) else { return Poll::Pending };
            self.turn = turn + 1;
            match event {
                Some(event) => self.push_event(turn, event),
                None if self.channels.iter().all(Channel::is_at_end) => {
                    return Poll::Ready(Output::End);
                }
                None => {}
            }
        }
    }

    /// The next event of any channel, and the index of that channel.
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

    /// Ends the channels whose permission has expired. Clients then join again, and the join is authorized again.
    pub(crate) fn expire(&mut self, now: Instant) {
        let has_ended = |channel: &Channel| channel.ends.is_some_and(|ends| ends <= now);
        while let Some(ended) = self.channels.iter().position(has_ended) {
            let Channel { to, .. } = self.channels.remove(ended);
            let refusal = Refusal::new("unauthorized", "the permission has expired: join again");
            self.outputs.push_back(Output::Frame(to.frame(&to.join_ref, "phx_error", refusal)));
        }
    }

    /// Whether the idle timeout has passed.
    pub(crate) fn is_idle(&self, now: Instant) -> bool {
        self.idle_at <= now
    }

    /// The next deadline: the end of a permission, or the idle timeout.
    pub(crate) fn deadline(&self) -> Instant {
        let ends = self.channels.iter().filter_map(|channel| channel.ends);
        ends.fold(self.idle_at, Instant::min)
    }

    /// The delay before the next message may be read.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.rate.wait(now)
    }

    fn push_event(&mut self, turn: usize, event: Event) {
        let Some(channel) = self.channels.get_mut(turn) else {
            debug_assert!(false, "the event is of a joined channel");
            return;
        };
        if channel.categories.is_empty() {
            return;
        }
        match event {
            Event::Batch(batch) => {
                self.outputs.push_back(Output::Updates(channel.live(&batch, &self.status)));
            }
            Event::Retained(batch) => {
                self.outputs.extend(channel.retained(batch).map(Output::Updates));
            }
            Event::Gap(gap) => {
                let id = gap.resume.map(|seq| id(&self.status, seq));
                let frame = channel.to.gap((&gap).into(), id);
                self.outputs.push_back(Output::Frame(frame));
            }
            Event::Lagged(lagged) => {
                // All events of its position together: only the last frame has the id, because a client
                // that resumed from an earlier one would miss the rest.
                let (losses, retained) = channel.after_lag();
                let mut id = retained.is_none().then(|| id(&self.status, channel.seq()));
                let lagged = json::Gap::from(&lagged);
                let mut gaps = std::iter::once(lagged).chain(losses).peekable();
                while let Some(gap) = gaps.next() {
                    let id = if gaps.peek().is_none() { id.take() } else { None };
                    self.outputs.push_back(Output::Frame(channel.to.gap(gap, id)));
                }
                self.outputs.extend(retained.map(Output::Updates));
            }
            _ => debug_assert!(false, "every event has a frame"),
        }
    }

    /// Reads a request to join. Refuses an invalid one.
    fn join_request(&mut self, message: Message<'_>) -> Option<JoinRequest> {
        let Some(selector) = payload::selector(&message.topic) else {
            self.counts.refuse_join();
            self.refuse_topic(&message);
            return None;
        };
        let Message { join_ref, reference, topic, payload, .. } = message;
        let join_ref = join_ref.or(&reference);
        match selector.and_then(|selector| self.subscribe_request(selector, payload)) {
            Ok(subscribe) => {
                let to = Address { join_ref, topic: Arc::from(topic) };
                Some(JoinRequest { to, reference, subscribe })
            }
            Err(refusal) => {
                self.counts.refuse_join();
                self.reply(&join_ref, &reference, &topic, Reply::Error(refusal));
                None
            }
        }
    }

    /// The subscription that the params of a join describe.
    fn subscribe_request(
        &self,
        selector: Selector,
        params: &RawValue,
    ) -> Result<SubscribeRequest, Refusal> {
        let params = JoinParams::read(params)?;
        let names = params.categories.unwrap_or_default();
        let categories = payload::categories(&names, &self.status)?;
        let max = self.limits.channels;
        if self.channels.len() >= max {
            let message = format!("a connection has at most {max}: leave one first");
            return Err(Refusal::new("too many channels joined", message));
        }
        let last = params.last_event_id.map(|id| id.parse().ok());
        Ok(SubscribeRequest { selector, categories, last })
    }

    /// Handles an event of a joined channel.
    fn handle_event(&mut self, known: usize, message: &Message<'_>, now: Instant) {
        let Self { status, channels, outputs, .. } = self;
        let Some(channel) = channels.get_mut(known) else {
            debug_assert!(false, "the index is of a joined channel");
            return;
        };
        let (to, reference) = (channel.to.clone(), &message.reference);
        let mut retained = None;
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
                    retained = channel.add(categories, status);
                    subscribed(channel)
                });
                reply_frame(&to, reference, added)
            }
            "unsubscribe_categories" => {
                let removed = change(channel).map(|categories| {
                    channel.remove(categories);
                    subscribed(channel)
                });
                reply_frame(&to, reference, removed)
            }
            "get_subscriptions" => {
                let subscriptions = Subscriptions {
                    subscribed_categories: payload::names(channel.categories, status),
                    available_categories: status.categories().names().collect(),
                };
                reply_frame(&to, reference, Ok(subscriptions))
            }
            "get_available_categories" => {
                let available_categories = status.categories().names().collect();
                let available = Available { available_categories, descriptions: Descriptions };
                reply_frame(&to, reference, Ok(available))
            }
            _ => reply_frame::<Empty>(&to, reference, Err(Refusal::new("unknown_event", EVENTS))),
        };
        outputs.push_back(Output::Frame(frame));
        outputs.extend(retained.map(Output::Updates));
    }

    /// Closes a channel on the server's side.
    fn close(&mut self, known: usize) {
        if known < self.channels.len() {
            let Channel { to, .. } = self.channels.remove(known);
            // The client identifies its channels by this ref.
            let frame = to.frame(&to.join_ref, "phx_close", Empty {});
            self.outputs.push_back(Output::Frame(frame));
        }
    }

    /// Whether a message belongs to an earlier join of the topic. A message without a join ref belongs to
    /// the current one.
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
        self.outputs.push_back(Output::Frame(frame.write()));
    }
}

/// The events of a channel.
const EVENTS: &str = "a channel supports subscribe_categories, unsubscribe_categories, \
                      get_subscriptions, get_available_categories, phx_join and phx_leave";

/// An empty object.
#[derive(Serialize)]
struct Empty {}

fn reply_frame<R: Serialize>(to: &Address, reference: &Ref, reply: Result<R, Refusal>) -> String {
    match reply {
        Ok(response) => to.frame(reference, "phx_reply", Reply::Ok(response)),
        Err(refusal) => to.frame(reference, "phx_reply", Reply::Error(refusal)),
    }
}

#[cfg(test)]
mod tests;
