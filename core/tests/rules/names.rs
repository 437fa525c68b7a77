//! Categories and their sets, names of topics, ranges of settings, names of the small enums.

use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::time::Duration;

use statusbus_core::{
    CONVERSATION_MAX, Categories, Category, CategoryError, CategorySet, Config, ConfigError,
    ConversationError, ConversationName, DropReason, Dropped, FlushReason, Leading, Ledger, Loss,
    Overflow, ParseNameError, Priority, RefuseReason, Refused, TopicError, TopicName,
};

/// The last character of tests that check all of them; an early one under Miri, where each takes milliseconds.
const LAST: char = if cfg!(miri) { '\u{fff}' } else { char::MAX };

#[test]
fn every_bus_has_the_seven_built_in_categories() {
    let categories: Categories = Categories::new();
    let names = ["engine", "tool", "workflow", "progress", "error", "info", "planning"];
    assert!(categories.names().eq(names));
    assert_eq!((categories.len(), categories.is_empty()), (7, false));
    let constants = [
        Category::ENGINE,
        Category::TOOL,
        Category::WORKFLOW,
        Category::PROGRESS,
        Category::ERROR,
        Category::INFO,
        Category::PLANNING,
    ];
    for (name, category) in names.into_iter().zip(constants) {
        assert_eq!(categories.find(name), Some(category));
        assert_eq!(categories.name(category), Some(name));
    }
}

#[test]
fn there_are_at_most_32_categories() {
    let mut categories: Categories<String, 100> = Categories::new();
    for index in 7..32 {
        let name = format!("extra-{index}");
        let category = categories.register(name.clone()).expect("free space");
        assert_eq!(category.index(), index);
        assert_eq!(categories.find(&name), Some(category));
        assert_eq!(categories.name(category), Some(&*name));
    }
    assert_eq!(categories.register("one-more".into()), Err(CategoryError::Full));
    assert_eq!(categories.len(), Category::MAX);
    let mut two: Categories<&str, 1> = Categories::new();
    assert!(two.register("a").is_ok());
    assert_eq!(two.register("b"), Err(CategoryError::Full));
}

#[test]
fn a_category_is_registered_once_and_under_a_valid_name() {
    let mut categories: Categories = Categories::new();
    assert_eq!(categories.register("tool"), Err(CategoryError::Taken));
    assert!(categories.register("deploy").is_ok());
    assert_eq!(categories.register("deploy"), Err(CategoryError::Taken));
    for name in ["", "a:b", "a*", "a,b", "a\n", "\u{85}", "123456789012345678901234567890123"] {
        assert_eq!(categories.register(name), Err(CategoryError::Name), "{name:?}");
    }
    assert!(categories.register("12345678901234567890123456789012").is_ok());
    assert!(categories.register("größe").is_ok());
    let unknown = Category::from_index(31).expect("below 32");
    assert_eq!((categories.find("gossip"), categories.name(unknown)), (None, None));
}

#[test]
fn a_category_has_an_index_below_32() {
    assert_eq!(Category::from_index(31).map(Category::index), Some(31));
    assert_eq!(Category::from_index(32), None);
    assert_eq!(Category::from_index(usize::MAX), None);
}

#[test]
fn a_set_contains_the_categories_that_were_added() {
    let set: CategorySet = [Category::TOOL, Category::ERROR].into_iter().collect();
    assert!(set.contains(Category::TOOL) && !set.contains(Category::INFO));
    assert_eq!(set.with(Category::TOOL), set, "it is in it already");
    assert_eq!(set.without(Category::INFO), set, "it is not in it");
    let set = set.without(Category::TOOL);
    assert!(!set.contains(Category::TOOL) && !set.is_empty());
    assert!(set.without(Category::ERROR).is_empty() && CategorySet::NONE.is_empty());
    let both = CategorySet::NONE.with(Category::TOOL).union(set);
    assert!(both.contains(Category::TOOL) && both.contains(Category::ERROR));
    assert_eq!(both.intersection(set), set);
    for index in 0..32 {
        let category = Category::from_index(index).expect("below 32");
        let alone = CategorySet::NONE.with(category);
        assert!(CategorySet::ALL.contains(category) && alone.contains(category));
        assert_eq!(alone.without(category), CategorySet::NONE);
        assert_eq!((alone.only(), alone.len()), (Some(category), 1));
    }
    assert_eq!((CategorySet::NONE.only(), both.only()), (None, None));
}

#[test]
fn sets_are_joined_with_an_operator() {
    let (tool, error) = ([Category::TOOL], [Category::TOOL, Category::ERROR]);
    let [tool, error] = [&tool[..], &error].map(|all| all.iter().copied().collect::<CategorySet>());
    assert_eq!(tool | error, error);
    assert_eq!(tool | CategorySet::NONE, tool);
    let mut all = CategorySet::NONE;
    all |= tool;
    all |= CategorySet::NONE.with(Category::INFO);
    assert!(all.iter().eq([Category::TOOL, Category::INFO]));
}

#[test]
fn a_set_is_iterated_in_the_order_of_the_indices() {
    let set: CategorySet = [Category::PLANNING, Category::ENGINE].into_iter().collect();
    let mut seen = Vec::new();
    for category in &set {
        seen.push(category);
    }
    assert_eq!(seen, [Category::ENGINE, Category::PLANNING]);
    let mut rest = set.into_iter();
    assert_eq!((rest.len(), rest.next(), rest.len()), (2, Some(Category::ENGINE), 1));
    assert_eq!((rest.next(), rest.next(), rest.next()), (Some(Category::PLANNING), None, None));
    let indices = CategorySet::ALL.iter().map(Category::index);
    assert!(indices.eq(0..32));
    assert_eq!((CategorySet::ALL.len(), CategorySet::NONE.iter().next()), (32, None));
}

#[test]
fn a_conversation_has_a_visible_name_of_1_to_128_bytes_without_forbidden_characters() {
    let longest = "x".repeat(CONVERSATION_MAX);
    for name in ["a", "42", "conv-1", "größer/kleiner", "a b", "System", &longest] {
        assert_eq!(ConversationName::new(name).map(ConversationName::as_str), Ok(name));
    }
    let refused = [
        ("", ConversationError::Empty),
        ("a:b", ConversationError::Character(':')),
        ("*", ConversationError::Character('*')),
        ("a\r\n", ConversationError::Character('\r')),
        ("a\0", ConversationError::Character('\0')),
        ("a\u{7f}", ConversationError::Character('\u{7f}')),
        ("a\u{9f}", ConversationError::Character('\u{9f}')),
        ("a\u{202e}b", ConversationError::Character('\u{202e}')),
        ("system", ConversationError::Reserved),
        (".", ConversationError::DotSegment),
        ("..", ConversationError::DotSegment),
        (" \u{200b}", ConversationError::Invisible),
    ];
    for (name, error) in refused {
        assert_eq!(ConversationName::new(name), Err(error), "{name:?}");
    }
    let too_long = format!("{longest}x");
    assert_eq!(ConversationName::new(&too_long), Err(ConversationError::TooLong(129)));
    let two_bytes_each = "ß".repeat(65);
    assert_eq!(ConversationName::new(&two_bytes_each), Err(ConversationError::TooLong(130)));
}

#[test]
fn a_forbidden_character_is_refused_wherever_it_is_in_a_name() {
    for character in '\0'..=LAST {
        let is_bidi = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let is_forbidden = character.is_control() || is_bidi || matches!(character, ':' | '*');
        let expected = match is_forbidden {
            true => Err(ConversationError::Character(character)),
            false => Ok(()),
        };
        for name in [format!("ß{character}"), format!("{character}ß")] {
            assert_eq!(ConversationName::new(&name).map(|_| ()), expected, "{name:?}");
        }
        if is_forbidden {
            let alone = character.to_string();
            assert_eq!(ConversationName::new(&alone).map(|_| ()), expected, "{character:?}");
        }
    }
}

#[test]
fn a_name_of_white_space_alone_is_refused() {
    for character in ('\0'..=LAST).filter(|c| c.is_whitespace() && !c.is_control()) {
        let name = String::from_iter([character, ' ', character]);
        assert_eq!(ConversationName::new(&name), Err(ConversationError::Invisible), "{name:?}");
    }
}

#[test]
fn a_topic_is_parsed_as_it_is_displayed() {
    let mut categories: Categories = Categories::new();
    let deploy = categories.register("deploy").expect("free space");
    for name in ["status:conv-1:tool", "status:system:deploy", "status:a b:deploy"] {
        let topic = TopicName::parse(name, &categories).expect("a topic");
        assert_eq!(topic.to_string(), name);
    }
    let topic = TopicName::parse("status:system:deploy", &categories).expect("a topic");
    assert_eq!((topic.conversation, topic.category_in(&categories)), (None, Some(deploy)));
}

#[test]
fn an_invalid_topic_is_refused_with_the_reason() {
    let categories: Categories = Categories::new();
    let refused = [
        ("", TopicError::Form),
        ("status", TopicError::Form),
        ("status:", TopicError::Form),
        ("status:conv-1", TopicError::Form),
        ("Status:conv-1:tool", TopicError::Form),
        (" status:conv-1:tool", TopicError::Form),
        ("status:conv-1:", TopicError::UnknownCategory),
        ("status:conv-1:gossip", TopicError::UnknownCategory),
        ("status:conv:1:tool", TopicError::UnknownCategory),
        ("status:conv-1:tool ", TopicError::UnknownCategory),
        ("status::tool", TopicError::Conversation(ConversationError::Empty)),
        ("status:*:tool", TopicError::Conversation(ConversationError::Character('*'))),
        ("status:..:tool", TopicError::Conversation(ConversationError::DotSegment)),
        ("status: :tool", TopicError::Conversation(ConversationError::Invisible)),
    ];
    for (name, error) in refused {
        assert_eq!(TopicName::parse(name, &categories), Err(error), "{name:?}");
    }
}

#[test]
fn errors_name_the_valid_range() {
    let texts = [
        ConversationError::Empty.to_string(),
        ConversationError::TooLong(200).to_string(),
        TopicError::Conversation(ConversationError::Character('*')).to_string(),
        ConversationError::Character('\u{202e}').to_string(),
        ConversationError::Reserved.to_string(),
        ConversationError::DotSegment.to_string(),
        ConversationError::Invisible.to_string(),
        CategoryError::Name.to_string(),
        ConfigError::BatchSize(0).to_string(),
        ConfigError::QueueLimit(70_000).to_string(),
        ConfigError::FlushInterval(Duration::from_nanos(5)).to_string(),
    ];
    let expected = [
        "1 to 128 bytes",
        "200 bytes",
        "'*'",
        "'\\u{202e}': leave out bidirectional overrides and isolates",
        "leave the conversation out",
        "'.' or '..'",
        "give it a visible one",
        "1 to 32 bytes",
        "1 to 65534",
        "70000",
        "5 ns",
    ];
    for (text, expected) in texts.iter().zip(expected) {
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn each_setter_checks_its_range() {
    let config = Config::new();
    for limit in [1, 65_534] {
        assert!(config.with_queue_limit(limit).is_ok() && config.with_batch_size(limit).is_ok());
    }
    for limit in [0, 65_535, 65_536, usize::MAX] {
        assert_eq!(config.with_queue_limit(limit), Err(ConfigError::QueueLimit(limit)));
        assert_eq!(config.with_batch_size(limit), Err(ConfigError::BatchSize(limit)));
    }
    let hour = Duration::from_secs(3_600);
    for interval in [Duration::from_nanos(1), Duration::from_micros(1), hour] {
        assert!(config.with_flush_interval(interval).is_ok());
    }
    for interval in [Duration::ZERO, hour + Duration::from_nanos(1), Duration::MAX] {
        let refused = Err(ConfigError::FlushInterval(interval));
        assert_eq!(config.with_flush_interval(interval), refused);
    }
    assert_eq!(Config::default(), config);
}

#[test]
fn a_configuration_returns_what_was_set() {
    let config = Config::new();
    assert_eq!((config.queue_limit(), config.batch_size()), (10_000, 100));
    assert_eq!(config.flush_interval(), Duration::from_millis(50));
    assert_eq!((config.overflow(), config.leading()), (Overflow::Evict, Leading::Immediate));
    let config =
        config.with_queue_limit(3).expect("in range").with_batch_size(2).expect("in range");
    let config = config.with_flush_interval(Duration::from_nanos(1_001)).expect("in range");
    let config = config.with_overflow(Overflow::Reject).with_leading(Leading::Delayed);
    assert_eq!((config.queue_limit(), config.batch_size()), (3, 2));
    assert_eq!(config.flush_interval(), Duration::from_micros(2), "rounded up");
    assert_eq!((config.overflow(), config.leading()), (Overflow::Reject, Leading::Delayed));
}

/// Checks that `all` are displayed and parsed by `names`, which are all that there are.
fn named<T, const N: usize>(kind: &str, all: [T; N], names: [&'static str; N])
where
    T: Copy + Debug + PartialEq + Display + FromStr<Err = ParseNameError>,
{
    for (value, name) in all.into_iter().zip(names) {
        assert_eq!(value.to_string(), name);
        assert_eq!(format!("{value:>20}"), format!("{name:>20}"));
        assert_eq!(name.parse(), Ok(value));
    }
    let upper = names[0].to_uppercase();
    for text in ["", "none", &upper, &format!(" {}", names[0]), &format!("{}s", names[0])] {
        let error = text.parse::<T>().expect_err("no name");
        assert_eq!(error.names(), names);
        let choices = names.join(", ");
        assert_eq!(error.to_string(), format!("there is no such {kind}: choose among {choices}"));
    }
}

#[test]
fn priorities_and_settings_have_their_names_of_json() {
    assert!(Priority::Low < Priority::Normal && Priority::Normal < Priority::High);
    named("priority", Priority::ALL, ["low", "normal", "high"]);
    let policies = ["evict", "drop_newest", "drop_oldest", "reject"];
    named("overflow policy", Overflow::ALL, policies);
    named("leading mode", Leading::ALL, ["immediate", "delayed"]);
}

const DROPPED: [&str; 6] = ["newest", "oldest", "evicted", "outranked", "shrunk", "sink"];
const REFUSED: [&str; 6] =
    ["full", "closed", "invalid", "unknown_category", "too_large", "unauthorized"];

#[test]
fn reasons_have_their_names_of_json() {
    named("drop reason", DropReason::ALL, DROPPED);
    named("refuse reason", RefuseReason::ALL, REFUSED);
    let flushes =
        [FlushReason::Full, FlushReason::Interval, FlushReason::Flush, FlushReason::Close];
    named("flush reason", flushes, ["full", "interval", "flush", "close"]);
    let [newest, oldest, evicted, outranked, shrunk, sink] = DropReason::ALL.map(Loss::Dropped);
    let losses = [newest, oldest, evicted, outranked, shrunk, sink, Loss::Expired];
    let names = ["newest", "oldest", "evicted", "outranked", "shrunk", "sink", "expired"];
    named("loss", losses, names);
}

#[test]
fn a_counter_is_set_for_its_reason_alone() {
    for reason in DropReason::ALL {
        let dropped = Dropped::default().with_count(reason, 3);
        let counts = DropReason::ALL.map(|any| dropped.count(any));
        assert_eq!(counts, DropReason::ALL.map(|any| if any == reason { 3 } else { 0 }));
        assert_eq!((dropped.total(), dropped.with_count(reason, 0)), (3, Dropped::default()));
    }
    for reason in RefuseReason::ALL {
        let refused = Refused::default().with_count(reason, 3);
        let counts = RefuseReason::ALL.map(|any| refused.count(any));
        assert_eq!(counts, RefuseReason::ALL.map(|any| if any == reason { 3 } else { 0 }));
        assert_eq!((refused.total(), refused.with_count(reason, 0)), (3, Refused::default()));
    }
    let dropped =
        Dropped::default().with_count(DropReason::Sink, 1).with_count(DropReason::Newest, 2);
    assert_eq!((dropped.sink, dropped.newest, dropped.total()), (1, 2, 3));
}

#[test]
fn a_ledger_of_arbitrary_counts_is_checked_without_overflow() {
    let mut ledger = Ledger::default();
    assert!(ledger.is_balanced());
    (ledger.sent, ledger.delivered) = (u64::MAX, u64::MAX);
    assert!(ledger.is_balanced());
    (ledger.sent, ledger.queued) = (0, 1);
    assert!(!ledger.is_balanced());
}
