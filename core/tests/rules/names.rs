//! The closed set of categories, the names of topics, and the range of each knob.

use std::time::Duration;

use statusbus_core::{
    CONVERSATION_MAX, Categories, Category, CategoryError, CategorySet, Config, ConfigError,
    ConversationError, ConversationName, Overflow, Priority, TopicError, TopicName,
};

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
        let category = categories.register(format!("extra-{index}")).expect("there is room");
        assert_eq!(category.index(), index);
    }
    assert_eq!(categories.register("one-more".into()), Err(CategoryError::Full));
    assert_eq!(categories.len(), Category::MAX);
    let mut two: Categories<&str, 1> = Categories::new();
    assert!(two.register("a").is_ok());
    assert_eq!(two.register("b"), Err(CategoryError::Full));
}

#[test]
fn a_category_is_registered_once_and_under_a_plain_name() {
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
fn a_set_of_categories_holds_what_was_added() {
    let set: CategorySet = [Category::TOOL, Category::ERROR].into_iter().collect();
    assert!(set.contains(Category::TOOL) && !set.contains(Category::INFO));
    let set = set.without(Category::TOOL);
    assert!(!set.contains(Category::TOOL) && !set.is_empty());
    assert!(set.without(Category::ERROR).is_empty() && CategorySet::NONE.is_empty());
    let both = CategorySet::NONE.with(Category::TOOL).union(set);
    assert!(both.contains(Category::TOOL) && both.contains(Category::ERROR));
    assert_eq!(both.intersection(set), set);
    for index in 0..32 {
        let category = Category::from_index(index).expect("below 32");
        assert!(CategorySet::ALL.contains(category));
        assert!(CategorySet::NONE.with(category).contains(category));
        assert_eq!(CategorySet::NONE.with(category).without(category), CategorySet::NONE);
    }
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
    for character in '\0'..=char::MAX {
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
    for character in ('\0'..=char::MAX).filter(|c| c.is_whitespace() && !c.is_control()) {
        let name = String::from_iter([character, ' ', character]);
        assert_eq!(ConversationName::new(&name), Err(ConversationError::Invisible), "{name:?}");
    }
}

#[test]
fn a_topic_is_read_as_it_is_written() {
    let mut categories: Categories = Categories::new();
    let deploy = categories.register("deploy").expect("there is room");
    for name in ["status:conv-1:tool", "status:system:deploy", "status:a b:deploy"] {
        let topic = TopicName::parse(name, &categories).expect("it is a topic");
        assert_eq!(topic.to_string(), name);
    }
    let topic = TopicName::parse("status:system:deploy", &categories).expect("it is a topic");
    assert_eq!((topic.conversation, topic.category_in(&categories)), (None, Some(deploy)));
}

#[test]
fn what_is_no_topic_is_refused_with_the_reason() {
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
fn errors_say_what_to_do() {
    let said = [
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
    for (said, expected) in said.iter().zip(expected) {
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn each_knob_checks_its_own_range() {
    let config = Config::new();
    for limit in [1, 65_534] {
        assert!(config.queue_limit(limit).is_ok() && config.batch_size(limit).is_ok());
    }
    for limit in [0, 65_535, 65_536, usize::MAX] {
        assert_eq!(config.queue_limit(limit), Err(ConfigError::QueueLimit(limit)));
        assert_eq!(config.batch_size(limit), Err(ConfigError::BatchSize(limit)));
    }
    let hour = Duration::from_secs(3_600);
    for interval in [Duration::from_nanos(1), Duration::from_micros(1), hour] {
        assert!(config.flush_interval(interval).is_ok());
    }
    for interval in [Duration::ZERO, hour + Duration::from_nanos(1), Duration::MAX] {
        let refused = Err(ConfigError::FlushInterval(interval));
        assert_eq!(config.flush_interval(interval), refused);
    }
    assert_eq!(Config::default(), config);
}

#[test]
fn policies_and_priorities_are_named_as_in_json() {
    let policies = ["evict", "drop_newest", "drop_oldest", "reject"];
    assert_eq!(Overflow::ALL.map(Overflow::as_str), policies);
    assert_eq!(policies.map(Overflow::from_name), Overflow::ALL.map(Some));
    assert_eq!(Overflow::from_name("Evict"), None);
    let priorities = ["progress", "state", "terminal"];
    assert_eq!(Priority::ALL.map(Priority::as_str), priorities);
    assert_eq!(priorities.map(Priority::from_name), Priority::ALL.map(Some));
    assert!(Priority::Progress < Priority::State && Priority::State < Priority::Terminal);
}
