//! The work of one measurement: which subscriber reads which topics, what is sent, and in which order.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// One row of the tables. With one topic, every subscriber reads it. With more topics than
/// subscribers, each topic has one reader; with fewer, each subscriber reads one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The number of subscribers.
    pub subscribers: usize,
    /// The number of topics, which are written to equally often.
    pub topics: usize,
    /// The number of messages in a row that go to the same topic.
    pub run: usize,
    /// The number of tasks that send.
    pub producers: usize,
    /// What is sent.
    pub work: Work,
}

/// What is sent, and what a peer has to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Texts of 40 bytes.
    Plain,
    /// Texts of 120 bytes.
    Long,
    /// Every fourth message has a key, and replaces a queued one with the same topic and key.
    Keyed,
    /// Every tenth message has metadata, and a TTL after which it is not delivered.
    Extra,
    /// The queue is full nearly all the time: the sender does not wait, and the oldest message is
    /// dropped and counted.
    Full,
    /// The sender has the conversation as a string, and the category, with each message.
    Named,
}

/// What a message has besides topic and text.
#[derive(Clone, Copy, Debug)]
pub enum Extra {
    /// A newer message with the same topic and key replaces a queued one.
    Key(&'static str),
    /// A JSON object, and how long the message is worth delivering.
    Metadata(&'static str, Duration),
}

/// The text of every message of 40 bytes.
pub const TEXT: &str = "fetching page 17 of 230 from the archive";
const _: () = assert!(TEXT.len() == 40);

const LONG_TEXT: &str = "fetching page 17 of 230 from the archive of the northern office, \
                         which answers slowly today: about 40 seconds remain now";
const _: () = assert!(LONG_TEXT.len() == 120);

/// The metadata of [`Work::Extra`].
pub const METADATA: &str = r#"{"tool":"search","page":17,"of":230}"#;

/// Long enough that no message expires while a measurement runs as it should.
const TTL: Duration = Duration::from_secs(600);

/// The capacity of the queue in [`Work::Full`].
pub const FULL_QUEUE: usize = 1000;

/// In [`Work::Full`], the sender yields each time it has sent this many messages.
pub const FULL_ROUND: u64 = 10 * FULL_QUEUE as u64;

/// The rows of the tables.
pub const CELLS: [Cell; 11] = [
    Cell::new(1, 1, 1),
    Cell::new(10, 1, 1),
    Cell::new(1000, 1, 1),
    Cell::new(10, 100, 1),
    Cell::new(10, 10_000, 1),
    Cell::new(10, 10_000, 20),
    Cell::new(10, 100, 1).with_work(Work::Long),
    Cell::new(10, 100, 1).with_work(Work::Keyed),
    Cell::new(10, 100, 1).with_work(Work::Extra),
    Cell::new(10, 100, 1).with_work(Work::Full),
    Cell::new(1, 100, 1).with_work(Work::Named),
];

/// Categories of the same priority.
const CATEGORIES: [&str; 10] = [
    "engine", "tool", "workflow", "info", "planning", "network", "storage", "review", "search",
    "build",
];

/// The distance to the next topic. A prime, so that every topic is visited; large, so that a
/// batch is not sorted already.
const STRIDE: usize = 7919;

impl Work {
    /// All kinds of work.
    pub const ALL: [Self; 6] =
        [Self::Plain, Self::Long, Self::Keyed, Self::Extra, Self::Full, Self::Named];

    const fn suffix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Long => "-long",
            Self::Keyed => "-keyed",
            Self::Extra => "-extra",
            Self::Full => "-full",
            Self::Named => "-named",
        }
    }

    /// The text of each message.
    #[must_use]
    pub const fn text(self) -> &'static str {
        if matches!(self, Self::Long) { LONG_TEXT } else { TEXT }
    }

    /// Whether a message has more than topic and text.
    #[must_use]
    pub const fn has_extras(self) -> bool {
        matches!(self, Self::Keyed | Self::Extra)
    }

    /// What the message of this number has besides its text.
    #[must_use]
    #[inline]
    pub const fn extra(self, number: u64) -> Option<Extra> {
        match self {
            Self::Keyed if number.is_multiple_of(4) => {
                Some(Extra::Key(if (number / 100).is_multiple_of(2) {
                    "download-1"
                } else {
                    "download-2"
                }))
            }
            Self::Extra if number % 10 == number / 10 % 10 => Some(Extra::Metadata(METADATA, TTL)),
            _ => None,
        }
    }

    /// Whether messages can be merged, expire or be dropped.
    #[must_use]
    pub const fn loses(self) -> bool {
        matches!(self, Self::Keyed | Self::Extra | Self::Full)
    }
}

impl Cell {
    /// Plain work of one producer.
    #[must_use]
    pub const fn new(subscribers: usize, topics: usize, run: usize) -> Self {
        Self { subscribers, topics, run, producers: 1, work: Work::Plain }
    }

    /// The same cell with other work.
    #[must_use]
    pub const fn with_work(mut self, work: Work) -> Self {
        self.work = work;
        self
    }

    /// The same cell with this many producers.
    #[must_use]
    pub const fn with_producers(mut self, producers: usize) -> Self {
        self.producers = producers;
        self
    }

    /// The cell of this name, as `Display` writes it. `None`: the name is invalid, or subscribers
    /// and topics do not divide each other.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let (size, work) = Work::ALL
            .into_iter()
            .filter(|work| *work != Work::Plain)
            .find_map(|work| Some((name.strip_suffix(work.suffix())?, work)))
            .unwrap_or((name, Work::Plain));
        let (size, producers) = size.split_once('p').unwrap_or((size, "1"));
        let (size, run) = size.split_once('r').unwrap_or((size, "1"));
        let (subscribers, topics) = size.split_once('x')?;
        let number = |text: &str| text.parse().ok().filter(|number: &usize| *number > 0);
        let cell = Self::new(number(subscribers)?, number(topics)?, number(run)?)
            .with_producers(number(producers)?)
            .with_work(work);
        let divides = cell.topics.is_multiple_of(cell.subscribers)
            || cell.subscribers.is_multiple_of(cell.topics);
        divides.then_some(cell)
    }

    /// Producers 1, 2, 4; subscribers 1, 10, 100, 1000; topics 1, 100, 10,000; runs of 1 and 20.
    /// With one topic all runs are the same.
    pub fn grid() -> impl Iterator<Item = Self> {
        [1, 2, 4].into_iter().flat_map(|producers| {
            [1, 10, 100, 1000].into_iter().flat_map(move |subscribers| {
                [(1, 1), (100, 1), (100, 20), (10_000, 1), (10_000, 20)].into_iter().map(
                    move |(topics, run)| {
                        Self::new(subscribers, topics, run).with_producers(producers)
                    },
                )
            })
        })
    }

    /// The number of subscribers that get each message.
    #[must_use]
    pub const fn readers_per_message(&self) -> u64 {
        let readers = self.subscribers / self.topics;
        if readers == 0 { 1 } else { readers as u64 }
    }

    /// The subscribers of a topic.
    #[must_use]
    pub const fn readers_of(&self, topic: usize) -> Range<usize> {
        let readers = self.readers_per_message() as usize;
        let first = topic * readers % self.subscribers;
        first..first + readers
    }

    /// Whether a subscriber reads one category of all conversations, instead of all of its
    /// conversations.
    #[must_use]
    pub const fn by_category(&self) -> bool {
        self.topics > 1 && self.subscribers <= CATEGORIES.len()
    }

    /// The conversation of a topic.
    #[must_use]
    pub fn conversation(&self, topic: usize) -> String {
        let (subscriber, own) = (topic % self.subscribers, topic / self.subscribers);
        let number = if self.by_category() {
            own
        } else if self.topics > self.subscribers {
            subscriber + own / CATEGORIES.len() * self.subscribers
        } else {
            topic
        };
        format!("conv-{number}")
    }

    /// The category of a topic.
    #[must_use]
    pub const fn category(&self, topic: usize) -> &'static str {
        let (subscriber, own) = (topic % self.subscribers, topic / self.subscribers);
        CATEGORIES[if self.by_category() { subscriber } else { own % CATEGORIES.len() }]
    }

    /// The topics of the messages of a producer, in the order of sending, without end.
    pub fn order(self, producer: usize) -> impl Iterator<Item = usize> + Send {
        let stride = STRIDE % self.topics;
        let (mut topic, mut left) = (producer * self.topics / self.producers, self.run);
        std::iter::repeat_with(move || {
            let current = topic;
            left -= 1;
            if left == 0 {
                left = self.run;
                topic += stride;
                if topic >= self.topics {
                    topic -= self.topics;
                }
            }
            current
        })
    }
}

/// `10x100` for 10 subscribers and 100 topics, `10x10000r20` with 20 messages in a row to a topic,
/// `10x100p2` with 2 producers, `10x100-keyed` with other work.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.subscribers, self.topics)?;
        if self.run > 1 {
            write!(f, "r{}", self.run)?;
        }
        if self.producers > 1 {
            write!(f, "p{}", self.producers)?;
        }
        f.write_str(self.work.suffix())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    fn cells() -> impl Iterator<Item = Cell> {
        CELLS.into_iter().chain(Cell::grid())
    }

    #[test]
    fn every_topic_is_written_equally_often_and_in_runs() {
        for cell in cells() {
            let mut written = vec![0; cell.topics];
            let order: Vec<_> = cell.order(0).take(cell.topics * cell.run * 2).collect();
            for run in order.chunks(cell.run) {
                assert!(run.iter().all(|topic| *topic == run[0]));
                written[run[0]] += run.len();
            }
            assert!(written.iter().all(|count| *count == cell.run * 2), "{cell}");
        }
    }

    #[test]
    fn a_topic_is_a_conversation_and_a_category() {
        for cell in cells() {
            let topics: HashSet<_> =
                (0..cell.topics).map(|t| (cell.conversation(t), cell.category(t))).collect();
            assert_eq!(topics.len(), cell.topics, "{cell}");
        }
    }

    #[test]
    fn readers_of_a_category_or_of_a_conversation_are_those_of_its_topics() {
        for cell in cells() {
            let mut readers = HashMap::new();
            let mut deliveries = 0;
            for topic in 0..cell.topics {
                let key = if cell.by_category() {
                    cell.category(topic).to_owned()
                } else {
                    cell.conversation(topic)
                };
                let of_topic = cell.readers_of(topic);
                deliveries += of_topic.len() as u64;
                assert_eq!(*readers.entry(key).or_insert(of_topic.clone()), of_topic, "{cell}");
            }
            assert_eq!(deliveries, cell.topics as u64 * cell.readers_per_message());
        }
    }

    #[test]
    fn a_name_is_parsed_as_it_is_written() {
        for cell in cells() {
            assert_eq!(Cell::named(&cell.to_string()), Some(cell));
        }
        assert_eq!(Cell::named("3x100"), None);
        assert_eq!(Cell::named("0x1"), None);
    }

    #[test]
    fn one_message_in_four_has_a_key_and_one_in_ten_metadata() {
        for (work, share) in [(Work::Plain, 0), (Work::Keyed, 250), (Work::Extra, 100)] {
            let with = (0..1000).filter(|number| work.extra(*number).is_some()).count();
            assert_eq!(with, share, "{work:?}");
        }
    }
}
