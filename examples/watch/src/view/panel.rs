//! The panel below the lines: what stands, in as many rows as there are.

use std::time::Duration;

use super::board::{Board, Standing, State, Value};
use super::figures::{Account, count, span};
use super::paint::{Ink, Marks, Row};
use crate::meaning;

/// Columns of a bar.
const BAR: usize = 24;

/// After how long without news a conversation is shown as idle.
const IDLE: Duration = Duration::from_secs(3);

/// The rows of the panel: at most `height`, none wider than `width`. The last ones are the account.
pub(super) fn rows(
    board: &Board,
    account: &Account,
    (width, height): (usize, usize),
    now: Duration,
    marks: &Marks,
) -> Vec<Row> {
    let mut foot = account_rows(account, width, marks);
    foot.truncate(height);
    let mut rows = Vec::new();
    let room = height - foot.len();
    if room > 1 {
        let mut rule = Row::default();
        rule.push(Ink::Faint, &marks.rule.repeat(width));
        rows.push(rule);
        rows.extend(standing_rows(board, room - 1, width, now, marks));
    }
    rows.append(&mut foot);
    for row in &mut rows {
        row.cut(width, marks);
    }
    rows
}

/// What stands, in at most `room` rows; what has most recently changed is shown first to last.
fn standing_rows(
    board: &Board,
    room: usize,
    width: usize,
    now: Duration,
    marks: &Marks,
) -> Vec<Row> {
    let all = board.conversations();
    let total = board.forgotten + all.len() as u64;
    // 1. Which conversations: the command's own, and those that have changed last.
    let mut shown: Vec<usize> = (0..all.len()).collect();
    shown.sort_by_key(|&index| (!board.is_home(&all[index]), std::cmp::Reverse(all[index].last)));
    let more = total > room as u64;
    shown.truncate(if more { room - 1 } else { room });
    shown.sort_unstable();
    // 2. How many of their values: what rows are left, one each in turn.
    let mut left = room - shown.len() - usize::from(more);
    let mut values = vec![0; shown.len()];
    let mut taken = true;
    while left > 0 && taken {
        taken = false;
        for (place, &index) in shown.iter().enumerate() {
            if left > 0 && values[place] < all[index].values().len() {
                values[place] += 1;
                left -= 1;
                taken = true;
            }
        }
    }
    // 3. In the order in which they were first seen, so that they keep their places.
    let mut rows = Vec::with_capacity(room);
    for (&index, most) in shown.iter().zip(values) {
        let standing = &all[index];
        rows.push(standing_row(standing, board.ended, width, now, marks));
        let values = standing.values();
        rows.extend(latest(&values, most).map(|value| value_row(value, width, marks)));
    }
    if more {
        let mut row = Row::default();
        let hidden = total - shown.len() as u64;
        row.push(Ink::Faint, &format!("  {} more conversations", count(hidden)));
        rows.push(row);
    }
    rows
}

/// The `most` values that have changed last, in their order.
fn latest<'a>(values: &[&'a Value], most: usize) -> impl Iterator<Item = &'a Value> {
    let mut times: Vec<Duration> = values.iter().map(|value| value.last).collect();
    times.sort_unstable();
    let since = values.len().checked_sub(most).and_then(|hidden| times.get(hidden).copied());
    let recent =
        values.iter().copied().filter(move |value| since.is_some_and(|since| value.last >= since));
    recent.take(most)
}

/// A conversation: its mark, its name, what it said last, and at the right how it goes.
fn standing_row(
    standing: &Standing,
    ended: bool,
    width: usize,
    now: Duration,
    marks: &Marks,
) -> Row {
    let idle = now.saturating_sub(standing.last);
    let (ink, mark) = match standing.state {
        State::Done => (Ink::Green, marks.done),
        State::Failed => (Ink::Red, marks.failed),
        State::Active if ended || idle >= IDLE => (Ink::Faint, marks.idle),
        State::Active => {
            let turn = now.as_millis() as usize / 125 % marks.active.len();
            (Ink::Cyan, marks.active[turn])
        }
    };
    let mut how = Row::default();
    let mut say = |ink, text: String| {
        how.push(Ink::Faint, if how.width() == 0 { "  " } else { marks.between });
        how.push(ink, &text);
    };
    if standing.errors > 0 {
        let plural = if standing.errors == 1 { "" } else { "s" };
        say(Ink::Red, format!("{} error line{plural}", count(standing.errors)));
    }
    if standing.over.is_none() && !ended {
        let rate = standing.rate.per_second(now, standing.first);
        match idle >= IDLE {
            true => say(Ink::Faint, format!("idle {}", span(idle))),
            false => say(Ink::Faint, format!("{}/s", count(rate.round() as u64))),
        }
    }
    say(Ink::Faint, span(standing.age(now)));

    let mut row = Row::default();
    row.push(ink, mark);
    row.push(Ink::Plain, " ");
    row.push(Ink::Strong, standing.name.as_deref().unwrap_or("system"));
    row.push(Ink::Plain, "  ");
    let room = width.saturating_sub(how.width());
    row.push(Ink::of(standing.category).or_plain(), &standing.text);
    row.cut(room, marks);
    row.push(Ink::Plain, &" ".repeat(room.saturating_sub(row.width())));
    row.append(how);
    row
}

/// The value of a key: how far it is, if it says so, and its text.
fn value_row(value: &Value, width: usize, marks: &Marks) -> Row {
    let mut row = Row::default();
    row.push(Ink::Plain, "  ");
    if let Some(fraction) = value.fraction {
        let columns = BAR.min(width / 3);
        bar(&mut row, fraction, columns, marks);
        row.push(Ink::Plain, &format!(" {:>4.0}%  ", (fraction * 100.0).floor()));
    }
    if !names(&value.text, &value.key) {
        row.push(Ink::Strong, &value.key);
        row.push(Ink::Plain, "  ");
    }
    row.push(Ink::Plain, value.text.trim_start());
    row
}

/// Whether a text says itself what it is about: the key was made of it, or of the stream it is in.
fn names(text: &str, key: &str) -> bool {
    let first = key.split(' ').next().unwrap_or(key);
    meaning::is_live(key)
        || key == "progress"
        || key.starts_with(['[', '('])
        || text.contains(first)
}

fn bar(row: &mut Row, fraction: f32, columns: usize, marks: &Marks) {
    let [filled, head, rest] = marks.bar;
    let halves = (fraction.clamp(0.0, 1.0) * 2.0 * columns as f32) as usize;
    let (whole, half) = (halves / 2, halves % 2);
    row.push(Ink::Green, &filled.repeat(whole));
    row.push(Ink::Green, &head.repeat(half));
    row.push(Ink::Faint, &rest.repeat(columns - whole - half));
}

/// The entries of the account, in as many rows as they take.
fn account_rows(account: &Account, width: usize, marks: &Marks) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for entry in account.entries() {
        let ink = if entry.loss { Ink::Yellow } else { Ink::Faint };
        let mut text = Row::default();
        text.push(ink, &entry.text);
        match rows.last_mut() {
            Some(row) if row.width() + 3 + text.width() <= width => {
                row.push(Ink::Faint, marks.between);
                row.append(text);
            }
            _ => {
                let mut row = Row::default();
                row.push(Ink::Plain, "  ");
                row.append(text);
                rows.push(row);
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use statusbus_tokio::{Category, Ledger, Priority};

    use super::super::board::Seen;
    use super::*;

    const SEEN: Seen<'static> = Seen {
        conversation: Some("make"),
        category: Category::TOOL,
        text: "cc -c main.c",
        key: None,
        priority: Priority::Normal,
        fraction: None,
        replaces: None,
    };

    const fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn drawn(board: &Board, size: (usize, usize), now: Duration) -> Vec<String> {
        let mut ledger = Ledger::default();
        (ledger.sent, ledger.delivered, ledger.coalesced) = (1_234, 1_200, 34);
        let account = Account { ledger, ..Account::default() };
        let rows = rows(board, &account, size, now, &Marks::ASCII);
        assert!(rows.len() <= size.1 && rows.iter().all(|row| row.width() <= size.0), "{rows:?}");
        rows.iter().map(Row::text).collect()
    }

    #[test]
    fn a_conversation_its_values_and_the_account() {
        let mut board = Board::default();
        let half = Seen { key: Some("copy a"), text: "41 of 82", fraction: Some(0.5), ..SEEN };
        board.take(half, at(0));
        board.take(SEEN, at(1_000));
        assert_eq!(
            drawn(&board, (72, 10), at(1_200)),
            [
                "------------------------------------------------------------------------",
                "/ make  cc -c main.c                                          2/s, 1.2 s",
                "  ============------------   50%  copy a  41 of 82",
                "  sent 1,234, delivered 1,200, coalesced 34, queued 0",
            ]
        );
        let over = Seen { priority: Priority::High, text: "exited with 0", ..SEEN };
        board.take(over, at(2_000));
        assert_eq!(
            drawn(&board, (40, 10), at(9_000))[1..],
            [
                "+ make  exited with 0              2.0 s",
                "  sent 1,234, delivered 1,200",
                "  coalesced 34, queued 0",
            ]
        );
    }

    #[test]
    fn there_is_room_for_what_has_changed_last() {
        let mut board = Board::default();
        for n in 0..9 {
            let name = format!("conv-{n}");
            board.take(Seen { conversation: Some(&name), ..SEEN }, at(n));
        }
        board.take(Seen { conversation: Some("conv-2"), ..SEEN }, at(10));
        let names: Vec<_> = drawn(&board, (60, 6), at(11))
            .iter()
            .filter_map(|row| row.split_whitespace().nth(1).map(str::to_owned))
            .collect();
        assert_eq!(names, ["conv-2", "conv-7", "conv-8", "more", "1,234,"]);
    }

    #[test]
    fn whatever_the_size_it_fits() {
        let mut board = Board::default();
        for n in 0..5 {
            let (name, key) = (format!("日本語-{n}"), format!("key-{n}"));
            board.take(Seen { conversation: Some(&name), ..SEEN }, at(n));
            let value = Seen { conversation: Some(&name), key: Some(&key), ..SEEN };
            board.take(Seen { fraction: Some(0.99), ..value }, at(n));
        }
        for width in 0..90 {
            for height in 0..16 {
                drawn(&board, (width, height), at(100));
            }
        }
    }
}
