//! What messages hold.

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use statusbus_embassy::{Category, Key, Message, NoKey, SYSTEM, Status, Unranked};

use crate::line::Line;
use crate::support::Time;
use crate::{balanced, small, writes};

#[test]
fn a_text_is_cut_between_two_characters_and_marked() {
    let (_time, line, status) = (Time::begin(), Line::new(), small());
    let mut runner = writes::<8, 24, 0, ()>(status, &line);
    status.info(1_u8, "24 bytes, and it is all.");
    status.info(2_u8, "24 bytes, and it is all,.");
    status.info(3_u8, "22 bytes, and then one€");
    status.info(4_u8, "21 bytes, then this:.€€");
    status.info(5_u8, "€€€€€€€€€");
    status.info(6_u8, "");
    runner.rest();
    assert_eq!(
        line.lines(),
        [
            "#1 1/info 24 bytes, and it is all.",
            "#2 2/info 24 bytes, and it is all,…",
            "#3 3/info 22 bytes, and then one…",
            "#4 4/info 21 bytes, then this:.€…",
            "#5 5/info €€€€€€€€…",
            "#6 6/info",
        ]
    );
    let shortened = status.shortened();
    assert_eq!((shortened.texts, shortened.fields), (4, 0));
    balanced(status);
}

#[test]
fn formatted_text_is_written_in_place_and_cut_as_a_whole() {
    let (_time, line, status) = (Time::begin(), Line::new(), small());
    let mut runner = writes::<8, 24, 0, ()>(status, &line);
    status.info(1_u8, format_args!("{} of {}", 3, 10));
    status.info(2_u8, format_args!("{}{}{}", "a text of 20 bytes..", "€€", "not this"));
    status.info(3_u8, format_args!("nothing to format"));
    status.info(4_u8, format_args!("{}", 21.5));
    runner.rest();
    assert_eq!(
        line.lines(),
        [
            "#1 1/info 3 of 10",
            "#2 2/info a text of 20 bytes..€…",
            "#3 3/info nothing to format",
            "#4 4/info 21.5",
        ]
    );
    balanced(status);
}

#[test]
fn metadata_is_sent_as_json() {
    let (_time, line) = (Time::begin(), Line::new());
    type Bus = Status<CriticalSectionRawMutex, Message<16, 16, 32>, 8>;
    let status: &'static Bus = Box::leak(Box::new(Bus::new()));
    let mut runner = writes::<8, 16, 32, ()>(status, &line);
    let draft = status.update("boiler", Category::INFO, "heats");
    draft
        .metadata("celsius", 71.5)
        .metadata("why", "a reason that is too long")
        .metadata("on", true)
        .send();
    runner.rest();
    assert_eq!(line.lines(), ["#1 boiler/info heats {\"celsius\":71.5,\"on\":true}"]);
    let shortened = status.shortened();
    assert_eq!((shortened.texts, shortened.fields), (0, 1));
    balanced(status);
}

#[test]
fn messages_have_the_documented_sizes() {
    assert_eq!((size_of::<Message<64>>(), align_of::<Message<64>>()), (88, 4));
    assert_eq!(size_of::<Message<64, 16, 48>>(), 136);
    assert_eq!(size_of::<Message<64, 16, 0, Key<12>>>(), 100);
    assert_eq!(size_of::<Message<40, 0, 0, NoKey, Unranked>>(), 48);
}

#[test]
fn each_category_has_a_method() {
    let (_time, line, status) = (Time::begin(), Line::new(), small());
    let mut runner = writes::<8, 24, 0, ()>(status, &line);
    status.engine(SYSTEM, "a");
    status.tool(SYSTEM, "a");
    status.workflow(SYSTEM, "a");
    status.progress(SYSTEM, "a");
    status.error(SYSTEM, "a");
    status.info(SYSTEM, "a");
    status.planning(SYSTEM, "a");
    runner.rest();
    for (index, line_read) in line.lines().iter().enumerate() {
        assert_eq!(*line_read, format!("#{} -/{} a", index + 1, Category::BUILT_IN[index]));
    }
    assert_eq!(balanced(status).delivered, 7);
}
