//! Batches group by topic without losing the total order.

use statusbus_core::{Category, Topic};

use crate::support::{Host, Note, Told, config, note};

/// The topics of the batch in flight, each with the names of its updates.
fn topics(host: &mut Host) -> Vec<(&'static str, Vec<String>)> {
    let names = |topic: &Topic<'_, Note>| {
        topic.iter().map(|handed| handed.update.name().to_owned()).collect()
    };
    host.batch.topics().map(|topic| (topic.topic().0, names(&topic))).collect()
}

#[test]
fn a_batch_says_which_topics_it_holds_in_the_order_in_which_they_come_up() {
    let mut host = Host::new(config(10, 10));
    host.queue([
        note("a").about("conv-2"),
        note("b").about("conv-1"),
        note("c").about("conv-2"),
        note("d").about("conv-3"),
        note("e").about("conv-1"),
        note("f").about("conv-2"),
    ]);
    host.expect_in_flight([], ["a", "b", "c", "d", "e", "f"]);
    let expected = vec![
        ("conv-2", vec!["a".into(), "c".into(), "f".into()]),
        ("conv-1", vec!["b".into(), "e".into()]),
        ("conv-3", vec!["d".into()]),
    ];
    assert_eq!(topics(&mut host), expected);
    assert_eq!(topics(&mut host), expected, "and again");
    assert_eq!(host.names(), ["a", "b", "c", "d", "e", "f"], "the order stands");
    host.deliver();
}

#[test]
fn a_category_is_part_of_the_topic() {
    let mut host = Host::new(config(10, 10));
    let categories = [Category::TOOL, Category::INFO, Category::TOOL];
    host.queue(categories.map(|category| note("a").category(category)));
    host.poll();
    let seen: Vec<_> = host.batch.topics().map(|topic| topic.topic().1).collect();
    assert_eq!(seen, [Category::TOOL, Category::INFO]);
    host.deliver();
}

#[test]
fn grouped_updates_keep_their_positions() {
    let mut host = Host::new(config(10, 10));
    host.queue(["1", "2", "1", "2"].map(|conversation| note("a").about(conversation)));
    host.poll();
    let seqs: Vec<Vec<u64>> =
        host.batch.topics().map(|topic| topic.iter().map(|handed| handed.seq).collect()).collect();
    assert_eq!(seqs, [[1, 3], [2, 4]]);
    host.deliver();
}

#[test]
fn what_was_taken_out_is_in_no_topic_any_more() {
    let mut host = Host::new(config(10, 10));
    host.queue([
        note("a").about("conv-1"),
        note("b").about("conv-2"),
        note("c").about("conv-1"),
        note("d").about("conv-2"),
    ]);
    host.poll();
    host.take_out(2);
    let expected = vec![("conv-1", vec!["c".into()]), ("conv-2", vec!["d".into()])];
    assert_eq!(topics(&mut host), expected);
    host.take_out(2);
    assert_eq!(topics(&mut host), []);
    host.deliver();
}

#[test]
fn a_buffer_is_grouped_anew_for_each_batch() {
    let mut host = Host::new(config(100, 100));
    for round in 0..20 {
        host.at(round * 1_000);
        let count = 1 + (round as usize * 7) % 23;
        let conversations = ["a", "b", "c", "d", "e", "f", "g"];
        let about = |n: usize| conversations[(n * n + round as usize) % conversations.len()];
        host.queue((0..count).map(|n| note(n.to_string()).about(about(n))).collect::<Vec<_>>());
        host.poll();
        let mut expected: Vec<(&str, Vec<String>)> = Vec::new();
        for n in 0..count {
            match expected.iter_mut().find(|(known, _)| *known == about(n)) {
                Some((_, names)) => names.push(n.to_string()),
                None => expected.push((about(n), vec![n.to_string()])),
            }
        }
        assert_eq!(topics(&mut host), expected);
        host.deliver();
    }
}
