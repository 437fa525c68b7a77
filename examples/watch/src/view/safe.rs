//! Text from strangers, made harmless for a terminal and for whoever reads it.

/// How wide a tab is shown.
const TAB: &str = "    ";

/// Appends `text` without anything that a terminal would obey: control characters become visible,
/// and so do those that turn the direction of text, which could make it say something else.
pub(super) fn push(out: &mut String, text: &str) {
    let harmless = |byte: u8| matches!(byte, b' '..=b'~');
    if text.bytes().all(harmless) {
        out.push_str(text);
        return;
    }
    for c in text.chars() {
        match c {
            '\t' => out.push_str(TAB),
            '\0'..='\x1f' => out.push(picture(c)),
            '\x7f' => out.push('\u{2421}'),
            '\u{80}'..='\u{9f}' | '\u{fff9}'..='\u{fffb}' => out.push(char::REPLACEMENT_CHARACTER),
            // Marks, embeddings, overrides and isolates of direction; separators of lines.
            '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                out.push(char::REPLACEMENT_CHARACTER);
            }
            c => out.push(c),
        }
    }
}

/// The picture of an ASCII control character: `␛` for escape.
fn picture(c: char) -> char {
    char::from_u32(0x2400 + u32::from(c)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn safe(text: &str) -> String {
        let mut out = String::new();
        push(&mut out, text);
        out
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown_instead() {
        let rules = [
            ("hello ~", "hello ~"),
            ("résumé 🚀 ━", "résumé 🚀 ━"),
            ("\x1b[31mred\x1b]0;title\x07", "␛[31mred␛]0;title␇"),
            ("a\r\nb\0", "a␍␊b␀"),
            ("a\tb", "a    b"),
            ("\x7f\u{9b}2J\u{85}", "␡\u{fffd}2J\u{fffd}"),
            ("\u{202e}gnp.exe\u{2069}", "\u{fffd}gnp.exe\u{fffd}"),
            ("a\u{2028}b", "a\u{fffd}b"),
        ];
        for (text, shown) in rules {
            assert_eq!(safe(text), shown);
        }
        for code in (0..0x11_0000).filter_map(char::from_u32) {
            assert!(!safe(code.encode_utf8(&mut [0; 4])).contains(char::is_control), "{code:?}");
        }
    }
}
