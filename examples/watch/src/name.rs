//! Names of conversations, from whatever a command or a file is called.

use std::ffi::OsStr;
use std::path::Path;

use statusbus_core::{CONVERSATION_MAX, ConversationName};

/// What takes the place of a character that no name may have.
const INSTEAD: char = '-';

/// The last part of a path as the name of a conversation.
pub(crate) fn of_path(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    valid(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy())
}

/// The whole path as the name of a conversation.
pub(crate) fn of_whole_path(path: &OsStr) -> String {
    valid(&path.to_string_lossy())
}

/// `text` with as little changed as makes it the name of a conversation.
pub(crate) fn valid(text: &str) -> String {
    // The core decides which characters a name may have.
    let allowed = |c: char| ConversationName::new(&String::from_iter([INSTEAD, c])).is_ok();
    let mut name = text.replace(|c| !allowed(c), INSTEAD.encode_utf8(&mut [0; 4]));
    cut(&mut name, CONVERSATION_MAX);
    // It is empty, `system`, `.` or `..`, or it has nothing visible.
    if ConversationName::new(&name).is_err() {
        cut(&mut name, CONVERSATION_MAX - INSTEAD.len_utf8());
        name.push(INSTEAD);
    }
    name
}

/// Shortens `name` to at most `limit` bytes, between characters.
fn cut(name: &mut String, limit: usize) {
    let mut end = name.len().min(limit);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_becomes_a_name() {
        let long = format!("{}é", "x".repeat(127));
        let blank = " ".repeat(200);
        let blank_127 = format!("{}-", &blank[..127]);
        let rules = [
            ("cargo", "cargo"),
            ("résumé 2", "résumé 2"),
            ("a:b*c\n", "a-b-c-"),
            ("a\u{202e}b\u{2066}", "a-b-"),
            ("system", "system-"),
            (".", ".-"),
            ("..", "..-"),
            ("\u{200b} ", "\u{200b} -"),
            ("", "-"),
            (&long, &long[..127]),
            (&blank, &blank_127),
        ];
        for (text, name) in rules {
            assert_eq!(valid(text), name);
            assert!(ConversationName::new(&valid(text)).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_path_is_called_by_its_last_part() {
        assert_eq!(of_path("/usr/bin/make"), "make");
        assert_eq!(of_path("logs/app.log"), "app.log");
        assert_eq!(of_path("/"), "/");
        assert_eq!(of_whole_path(OsStr::new("logs/app.log")), "logs/app.log");
    }
}
