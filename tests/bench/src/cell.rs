//! The work of one measurement: who reads which topics, and in which order they are written.

/// One row of the tables. With one topic, every subscriber reads it. With more, subscriber `i`
/// reads the topics `t` with `t % subscribers == i`, so that each message has one reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// How many read.
    pub subscribers: usize,
    /// How many topics are written to, each as often as any other.
    pub topics: usize,
    /// How many messages in a row go to the same topic.
    pub run: usize,
}

/// The rows of the tables.
pub const CELLS: [Cell; 6] = [
    Cell::new(1, 1, 1),
    Cell::new(10, 1, 1),
    Cell::new(1000, 1, 1),
    Cell::new(10, 100, 1),
    Cell::new(10, 10_000, 1),
    Cell::new(10, 10_000, 20),
];

/// Ten categories of the same priority, one for each subscriber of the cells with many topics.
const CATEGORIES: [&str; 10] = [
    "engine", "tool", "workflow", "info", "planning", "network", "storage", "review", "search",
    "build",
];

/// The next topic is this far ahead (a prime, so that it comes by all of them), which keeps a
/// batch from being sorted already.
const STRIDE: usize = 7919;

impl Cell {
    const fn new(subscribers: usize, topics: usize, run: usize) -> Self {
        assert!(
            topics == 1 || (subscribers <= CATEGORIES.len() && topics.is_multiple_of(subscribers))
        );
        Self { subscribers, topics, run }
    }

    /// The cell of this name, as [`Cell::name`] writes it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        CELLS.into_iter().find(|cell| cell.name() == name)
    }

    /// `10x100` for 10 subscribers and 100 topics, `10x10000r20` with 20 messages in a row.
    #[must_use]
    pub fn name(&self) -> String {
        let run = if self.run == 1 { String::new() } else { format!("r{}", self.run) };
        format!("{}x{}{run}", self.subscribers, self.topics)
    }

    /// How many subscribers get each message.
    #[must_use]
    pub const fn readers_per_message(&self) -> u64 {
        if self.topics == 1 { self.subscribers as u64 } else { 1 }
    }

    /// The subscribers of a topic.
    #[must_use]
    pub fn readers_of(&self, topic: usize) -> std::ops::Range<usize> {
        if self.topics == 1 {
            0..self.subscribers
        } else {
            topic % self.subscribers..topic % self.subscribers + 1
        }
    }

    /// The conversation of a topic. Ten topics share one, each with a category of its own.
    #[must_use]
    pub fn conversation(&self, topic: usize) -> String {
        format!("conv-{}", topic / self.subscribers)
    }

    /// The category of a topic: subscriber `i` reads exactly the topics of one category.
    #[must_use]
    pub fn category(&self, topic: usize) -> &'static str {
        CATEGORIES[topic % self.subscribers.min(CATEGORIES.len())]
    }

    /// The topics of the messages, in the order of sending, without end.
    pub fn order(self) -> impl Iterator<Item = usize> + Send {
        let stride = STRIDE % self.topics;
        let (mut topic, mut left) = (0, self.run);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_is_written_equally_often_and_in_runs() {
        for cell in CELLS {
            let mut written = vec![0; cell.topics];
            let order: Vec<_> = cell.order().take(cell.topics * cell.run * 2).collect();
            for run in order.chunks(cell.run) {
                assert!(run.iter().all(|topic| *topic == run[0]));
                written[run[0]] += run.len();
            }
            assert!(written.iter().all(|count| *count == cell.run * 2), "{}", cell.name());
        }
    }

    #[test]
    fn a_topic_is_a_conversation_and_a_category() {
        for cell in CELLS {
            let topics: std::collections::HashSet<_> =
                (0..cell.topics).map(|t| (cell.conversation(t), cell.category(t))).collect();
            assert_eq!(topics.len(), cell.topics);
        }
    }
}
