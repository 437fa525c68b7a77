//! What stands: each conversation with its state and the current value of each of its keys.

use std::borrow::Cow;
use std::time::Duration;

use statusbus_tokio::{Category, Priority, Update};

use crate::meaning;

/// Most conversations, and keys of each, that are remembered: a person sees fewer at once.
const CONVERSATIONS: usize = 64;
const KEYS: usize = 32;

/// For how long a value that has come to its end is still shown.
const LINGER: Duration = Duration::from_millis(1_500);

/// What stands, in bounded memory. Times are from the start of the view.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// The conversation that is never forgotten.
    home: Option<String>,
    /// In the order in which they were first seen.
    conversations: Vec<Standing>,
    /// Conversations that had to go for others.
    pub(super) forgotten: u64,
    /// Nothing more comes: what is not over by now is left as it is.
    pub(super) ended: bool,
}

/// A conversation as it stands.
#[derive(Debug)]
pub(super) struct Standing {
    /// `None`: the whole system.
    pub(super) name: Option<String>,
    pub(super) state: State,
    /// What it said last, other than by a key.
    pub(super) text: String,
    pub(super) category: Category,
    pub(super) first: Duration,
    pub(super) last: Duration,
    /// When its end was said, if it is over.
    pub(super) over: Option<Duration>,
    /// Updates of category `error` that were not the end.
    pub(super) errors: u64,
    pub(super) rate: Rate,
    /// In the order in which they were first seen.
    values: Vec<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Active,
    Done,
    Failed,
}

/// The current value of a key.
#[derive(Debug)]
pub(super) struct Value {
    category: Category,
    pub(super) key: String,
    pub(super) text: String,
    /// 0 to 1.
    pub(super) fraction: Option<f32>,
    pub(super) last: Duration,
    /// Since when it has come to its end.
    over: Option<Duration>,
    /// It is one: what a single line counts may be anything.
    confirmed: bool,
}

/// An update as the board takes it.
#[derive(Clone, Debug)]
pub(super) struct Seen<'a> {
    pub(super) conversation: Option<&'a str>,
    pub(super) category: Category,
    pub(super) text: &'a str,
    pub(super) key: Option<&'a str>,
    pub(super) priority: Priority,
    pub(super) fraction: Option<f32>,
    /// The key of the value that ends with it.
    pub(super) replaces: Option<Cow<'a, str>>,
}

impl<'a> From<&Update<'a>> for Seen<'a> {
    fn from(update: &Update<'a>) -> Self {
        let metadata = update.metadata();
        let metadata = metadata.and_then(|json| serde_json::from_str::<Metadata<'_>>(json).ok());
        let metadata = metadata.unwrap_or_default();
        Self {
            conversation: update.conversation(),
            category: update.category(),
            text: update.text(),
            key: update.key(),
            priority: update.priority(),
            fraction: metadata.fraction.filter(|fraction| (0.0..=1.0).contains(fraction)),
            replaces: metadata.replaces,
        }
    }
}

/// What the metadata of an update says about values.
#[derive(Default, serde::Deserialize)]
struct Metadata<'a> {
    fraction: Option<f32>,
    #[serde(borrow)]
    replaces: Option<Cow<'a, str>>,
}

impl Seen<'_> {
    /// The value that it sets: its key, or what its text counts; and how far that has come.
    fn value(&self) -> Option<(Cow<'_, str>, Option<f32>)> {
        let counted = || match self.category {
            Category::PROGRESS => meaning::progress(self.text),
            _ => None,
        };
        match (self.key, self.fraction) {
            (Some(key), Some(fraction)) => Some((key.into(), Some(fraction))),
            (Some(key), None) => Some((key.into(), counted().map(|(_, fraction)| fraction))),
            (None, _) => counted().map(|(key, fraction)| (key.into(), Some(fraction))),
        }
    }
}

impl Board {
    pub(super) fn new(home: Option<String>) -> Self {
        Self { home, ..Self::default() }
    }

    /// Takes an update in. Answers whether it is the last of its key.
    pub(super) fn take(&mut self, seen: Seen<'_>, now: Duration) -> bool {
        let standing = self.standing(seen.conversation, now);
        standing.last = now;
        standing.rate.count(now);
        let goes_on = seen.priority < Priority::High;
        standing.errors += u64::from(seen.category == Category::ERROR && goes_on);
        if let Some(key) = &seen.replaces {
            standing.values.retain(|value| value.key != **key);
        }
        if let Some((key, fraction)) = seen.value()
            && (seen.key.is_some() || goes_on)
        {
            standing.reopen();
            return standing.set(&key, fraction, &seen, now);
        }
        if !seen.text.is_empty() {
            seen.text.clone_into(&mut standing.text);
            standing.category = seen.category;
        }
        if seen.priority == Priority::High {
            standing.state =
                if seen.category == Category::ERROR { State::Failed } else { State::Done };
            standing.over = Some(now);
            // What has not come to its end by now never will.
            standing.values.clear();
        } else {
            standing.reopen();
        }
        false
    }

    /// Forgets values that came to their end some time ago.
    pub(super) fn settle(&mut self, now: Duration) {
        for standing in &mut self.conversations {
            standing.values.retain(|value| value.over.is_none_or(|over| now <= over + LINGER));
        }
    }

    /// Whether it is the one that is never forgotten.
    pub(super) fn is_home(&self, standing: &Standing) -> bool {
        standing.name.is_some() && standing.name == self.home
    }

    /// What stands, in the order in which it was first seen.
    pub(super) fn conversations(&self) -> &[Standing] {
        &self.conversations
    }

    fn standing(&mut self, name: Option<&str>, now: Duration) -> &mut Standing {
        let known = self.conversations.iter().position(|known| known.name.as_deref() == name);
        let index = known.unwrap_or_else(|| {
            let all = &self.conversations;
            if all.len() >= CONVERSATIONS
                && let Some(idle) =
                    least_recent(all, |known| !self.is_home(known), |known| known.last)
            {
                self.conversations.remove(idle);
                self.forgotten += 1;
            }
            self.conversations.push(Standing::new(name, now));
            self.conversations.len() - 1
        });
        &mut self.conversations[index]
    }
}

impl Standing {
    fn new(name: Option<&str>, now: Duration) -> Self {
        Self {
            name: name.map(str::to_owned),
            state: State::Active,
            text: String::new(),
            category: Category::INFO,
            first: now,
            last: now,
            over: None,
            errors: 0,
            rate: Rate::default(),
            values: Vec::new(),
        }
    }

    /// The values that stand, in the order in which they were first seen.
    pub(super) fn values(&self) -> Vec<&Value> {
        self.values.iter().filter(|value| value.confirmed).collect()
    }

    /// For how long it has gone on, or went.
    pub(super) fn age(&self, now: Duration) -> Duration {
        self.over.unwrap_or(now).saturating_sub(self.first)
    }

    fn reopen(&mut self) {
        self.state = State::Active;
        self.over = None;
    }

    /// Sets the value of a key. Answers whether it has come to its end with it.
    ///
    /// One without a key of its own is shown with the second line that counts the same: `df` counts
    /// once, `[3/5]` goes on.
    fn set(&mut self, key: &str, fraction: Option<f32>, seen: &Seen<'_>, now: Duration) -> bool {
        let known = |value: &Value| value.key == key && value.category == seen.category;
        let known = self.values.iter().position(known);
        let confirmed = seen.key.is_some() || known.is_some();
        let index = known.unwrap_or_else(|| {
            if self.values.len() >= KEYS
                && let Some(idle) = least_recent(&self.values, |_| true, |value| value.last)
            {
                self.values.remove(idle);
            }
            let key = key.to_owned();
            let text = String::new();
            let category = seen.category;
            let (fraction, last, over) = (None, now, None);
            self.values.push(Value { category, key, text, fraction, last, over, confirmed });
            self.values.len() - 1
        });
        let value = &mut self.values[index];
        seen.text.clone_into(&mut value.text);
        value.fraction = fraction;
        value.confirmed |= confirmed;
        value.last = now;
        let over = seen.priority == Priority::High || fraction.is_some_and(|f| f >= 1.0);
        let ends = over && value.over.is_none();
        value.over = over.then(|| value.over.unwrap_or(now));
        ends
    }
}

/// The place of the least recent of those that may go.
fn least_recent<T>(
    all: &[T],
    goes: impl Fn(&T) -> bool,
    last: impl Fn(&T) -> Duration,
) -> Option<usize> {
    (0..all.len()).filter(|&index| goes(&all[index])).min_by_key(|&index| last(&all[index]))
}

/// How many updates come in a second, over the last two.
#[derive(Debug, Default)]
pub(super) struct Rate {
    /// Counts by quarters of a second, in a ring.
    quarters: [u32; 8],
    /// The quarter that was counted in last.
    at: u64,
}

impl Rate {
    fn count(&mut self, now: Duration) {
        self.turn(now);
        let at = self.at as usize % self.quarters.len();
        self.quarters[at] = self.quarters[at].saturating_add(1);
    }

    /// Updates a second.
    pub(super) fn per_second(&self, now: Duration, since: Duration) -> f64 {
        let recent = (0..self.quarters.len() as u64).filter_map(|back| {
            let quarter = quarter(now).checked_sub(back)?;
            let held = quarter <= self.at && quarter + self.quarters.len() as u64 > self.at;
            held.then(|| f64::from(self.quarters[quarter as usize % self.quarters.len()]))
        });
        // What has just begun has not had two seconds.
        recent.sum::<f64>() / now.saturating_sub(since).as_secs_f64().clamp(0.5, 2.0)
    }

    /// Empties the quarters that have passed without a count.
    fn turn(&mut self, now: Duration) {
        let now = quarter(now);
        let passed = now.saturating_sub(self.at).min(self.quarters.len() as u64);
        for back in 0..passed {
            self.quarters[(now - back) as usize % self.quarters.len()] = 0;
        }
        self.at = self.at.max(now);
    }
}

fn quarter(now: Duration) -> u64 {
    now.as_millis() as u64 / 250
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: Seen<'static> = Seen {
        conversation: Some("make"),
        category: Category::INFO,
        text: "text",
        key: None,
        priority: Priority::Normal,
        fraction: None,
        replaces: None,
    };

    const fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn value(key: &str, fraction: f32) -> Seen<'_> {
        let category = Category::PROGRESS;
        Seen { key: Some(key), fraction: Some(fraction), category, ..SEEN }
    }

    fn keys(board: &Board) -> Vec<&str> {
        let values = board.conversations().iter().flat_map(Standing::values);
        values.map(|value| value.key.as_str()).collect()
    }

    #[test]
    fn a_key_has_one_value_until_it_has_come_to_its_end() {
        let mut board = Board::default();
        assert!(!board.take(value("a", 0.1), at(0)));
        assert!(!board.take(value("b", 0.1), at(0)));
        assert!(!board.take(value("a", 0.9), at(10)));
        assert_eq!(keys(&board), ["a", "b"]);
        assert!(board.take(value("a", 1.0), at(20)), "the end");
        assert!(!board.take(value("a", 1.0), at(30)), "it has been");
        board.settle(at(1_500));
        assert_eq!(keys(&board), ["a", "b"], "to be seen");
        board.settle(at(1_600));
        assert_eq!(keys(&board), ["b"]);
    }

    #[test]
    fn the_end_of_a_conversation_ends_what_is_left_of_it() {
        let mut board = Board::default();
        board.take(value("a", 0.1), at(0));
        board.take(Seen { priority: Priority::High, ..SEEN }, at(100));
        assert_eq!(board.conversations()[0].state, State::Done);
        assert_eq!(board.conversations()[0].age(at(900)), at(100));
        assert!(keys(&board).is_empty());
        board.take(Seen { priority: Priority::High, category: Category::ERROR, ..SEEN }, at(200));
        assert_eq!(board.conversations()[0].state, State::Failed);
        board.take(SEEN, at(300));
        assert_eq!(board.conversations()[0].state, State::Active, "it goes on");
        let of_a_key = Seen { priority: Priority::High, ..value("a", 0.2) };
        assert!(board.take(of_a_key, at(400)));
        assert_eq!(board.conversations()[0].state, State::Active, "only the key is over");
    }

    #[test]
    fn what_finished_lines_count_is_a_value_from_the_second_on() {
        let mut board = Board::default();
        let line = |text| Seen { text, category: Category::PROGRESS, ..SEEN };
        for text in ["[1/5] cc a.c", "tmpfs  64M  0  64M  0% /dev", "a 20%", "[2/5] cc b.c"] {
            assert!(!board.take(line(text), at(0)), "{text}");
        }
        assert_eq!(keys(&board), ["[/5]"]);
        assert_eq!(board.conversations()[0].text, "", "the lines are above");
        assert!(board.take(line("[5/5] cc e.c"), at(1)));
        board.take(Seen { text: "", ..SEEN }, at(2));
        assert_eq!(board.conversations()[0].text, "");
    }

    #[test]
    fn a_line_that_takes_the_place_of_a_value_ends_it() {
        let mut board = Board::default();
        board.take(value("stdout", 0.5), at(0));
        board.take(value("stderr", 0.5), at(0));
        board.take(Seen { replaces: Some("stdout".into()), ..SEEN }, at(1));
        assert_eq!(keys(&board), ["stderr"]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut board = Board::new(Some("make".to_owned()));
        board.take(SEEN, at(0));
        for n in 0..1_000 {
            let name = format!("conv-{n}");
            board.take(Seen { conversation: Some(&name), ..SEEN }, at(n));
        }
        assert_eq!(board.conversations()[0].name.as_deref(), Some("make"));
        for n in 0..1_000 {
            board.take(value(&format!("key-{n}"), 0.5), at(n));
        }
        assert_eq!(board.conversations().len(), CONVERSATIONS);
        assert_eq!(board.forgotten, 1_001 - CONVERSATIONS as u64);
        assert_eq!(keys(&board).len(), KEYS);
        assert_eq!(keys(&board).last(), Some(&"key-999"));
    }

    #[test]
    fn a_rate_is_of_the_last_two_seconds() {
        let mut rate = Rate::default();
        for n in 0..100 {
            rate.count(at(10 * n));
        }
        assert!((rate.per_second(at(1_000), at(0)) - 100.0).abs() < 1e-9);
        assert!((rate.per_second(at(2_200), at(0)) - 37.5).abs() < 1e-9);
        assert!(rate.per_second(at(9_000), at(0)).abs() < 1e-9);
        rate.count(at(9_000));
        assert!((rate.per_second(at(9_000), at(0)) - 0.5).abs() < 1e-9);
    }
}
