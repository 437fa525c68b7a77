//! What an update says besides its text: a few named values, as a JSON object.
// By hand: core::fmt would bring some KiB, and its floating point panics.

/// A value of metadata. Made from `i32`, `u32` and smaller ones, `bool`, `&str` and `f32`; a number
/// that is larger goes as a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Value<'a> {
    /// Nothing: `null`.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Number(i32),
    /// A whole number that is not negative.
    Unsigned(u32),
    /// A number with a point: `digits` over 10 to the power of `places`, of which there are at most 9.
    /// 215 with 1 place is 21.5.
    Decimal {
        /// The number without its point.
        digits: i32,
        /// How many of the digits stand behind the point.
        places: u8,
    },
    /// A text.
    Text(&'a str),
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

macro_rules! numbers {
    ($($number:ty => $variant:ident),*) => {$(
        impl From<$number> for Value<'_> {
            fn from(value: $number) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

numbers!(i32 => Number, i16 => Number, i8 => Number, u32 => Unsigned, u16 => Unsigned, u8 => Unsigned);

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl From<f32> for Value<'_> {
    /// Rounded to thousandths up to 2 × 10⁶, to whole numbers up to 2 × 10⁹; what is beyond that,
    /// or no number, is `null`.
    fn from(value: f32) -> Self {
        let half = if value < 0.0 { -0.5 } else { 0.5 };
        if (-2e6..=2e6).contains(&value) {
            Self::Decimal { digits: (value * 1e3 + half) as i32, places: 3 }
        } else if (-2e9..=2e9).contains(&value) {
            Self::Number((value + half) as i32)
        } else {
            Self::Null
        }
    }
}

/// Adds a field to the object that is in the first `len` bytes, if any is; or, if it does not fit,
/// nothing of it. Answers whether it did.
pub(crate) fn add(room: &mut [u8], len: &mut u8, name: &str, value: Value<'_>) -> bool {
    // over the brace at its end
    let before = usize::from(*len).saturating_sub(1);
    let mut json = Json { room, at: before };
    let written = json
        .push(if *len > 0 { b',' } else { b'{' })
        .and_then(|()| json.string(name))
        .and_then(|()| json.push(b':'))
        .and_then(|()| json.value(value))
        .and_then(|()| json.push(b'}'))
        .and_then(|()| u8::try_from(json.at).ok());
    match written {
        Some(written) => *len = written,
        None if *len > 0 => {
            json.at = before;
            let _ = json.push(b'}');
        }
        None => {}
    }
    written.is_some()
}

/// Writes; `None`: it does not fit.
struct Json<'r> {
    room: &'r mut [u8],
    at: usize,
}

impl Json<'_> {
    fn push(&mut self, byte: u8) -> Option<()> {
        *self.room.get_mut(self.at)? = byte;
        self.at += 1;
        Some(())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        word.bytes().try_for_each(|byte| self.push(byte))
    }

    fn value(&mut self, value: Value<'_>) -> Option<()> {
        match value {
            Value::Null => self.word("null"),
            Value::Bool(true) => self.word("true"),
            Value::Bool(false) => self.word("false"),
            Value::Number(number) => self.decimal(number < 0, number.unsigned_abs(), 0),
            Value::Unsigned(number) => self.decimal(false, number, 0),
            Value::Decimal { digits, places } => {
                self.decimal(digits < 0, digits.unsigned_abs(), places.min(9).into())
            }
            Value::Text(text) => self.string(text),
        }
    }

    /// The digits, with a point before the last `places`; without zeros at the end behind it.
    fn decimal(&mut self, is_negative: bool, digits: u32, places: usize) -> Option<()> {
        if is_negative {
            self.push(b'-')?;
        }
        let (mut rest, mut begun) = (digits, false);
        // From the highest digit down, by subtracting: small cores cannot divide.
        for (index, power) in POWERS.into_iter().enumerate() {
            let behind = POWERS.len() - index; // digits from this one to the end
            if behind == places {
                if rest == 0 {
                    break;
                }
                self.push(b'.')?;
            } else if behind < places && rest == 0 {
                break;
            }
            let mut digit = b'0';
            while let Some(less) = rest.checked_sub(power) {
                (rest, digit) = (less, digit + 1);
            }
            begun |= digit > b'0' || behind <= places + 1;
            if begun {
                self.push(digit)?;
            }
        }
        Some(())
    }

    /// Of a text, only what is in ASCII is ever escaped.
    fn string(&mut self, text: &str) -> Option<()> {
        self.push(b'"')?;
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' => self.push(b'\\').and_then(|()| self.push(byte)),
                b' '.. => self.push(byte),
                _ => {
                    self.word(if byte < 0x10 { "\\u000" } else { "\\u001" })?;
                    let digit = byte & 15;
                    self.push(if digit < 10 { b'0' + digit } else { b'a' - 10 + digit })
                }
            }?;
        }
        self.push(b'"')
    }
}

const POWERS: [u32; 10] =
    [1_000_000_000, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::String;

    use super::*;

    fn json<'a>(value: impl Into<Value<'a>>) -> String {
        let mut room = [0; 48];
        let mut json = Json { room: &mut room, at: 0 };
        json.value(value.into()).expect("it fits");
        let len = json.at;
        String::from_utf8(room[..len].to_vec()).expect("text")
    }

    #[test]
    fn numbers_are_written_as_json_has_them() {
        for (value, expected) in [
            (Value::from(0), "0"),
            (Value::from(-1), "-1"),
            (Value::from(i32::MIN), "-2147483648"),
            (Value::from(u32::MAX), "4294967295"),
            (Value::from(7_u8), "7"),
            (Value::from(1_000), "1000"),
            (Value::from(21.5), "21.5"),
            (Value::from(-0.25), "-0.25"),
            (Value::from(0.0), "0"),
            (Value::from(-0.0), "0"),
            (Value::from(0.0004), "0"),
            (Value::from(0.0006), "0.001"),
            (Value::from(100.0), "100"),
            (Value::from(3e6), "3000000"),
            (Value::from(-2e9), "-2000000000"),
            (Value::from(f32::NAN), "null"),
            (Value::from(f32::INFINITY), "null"),
            (Value::from(3e9), "null"),
            (Value::Decimal { digits: 1, places: 9 }, "0.000000001"),
            (Value::Decimal { digits: i32::MIN, places: 9 }, "-2.147483648"),
            (Value::Decimal { digits: 1_000, places: 200 }, "0.000001"),
            (Value::Null, "null"),
            (Value::from(true), "true"),
            (Value::from(false), "false"),
        ] {
            assert_eq!(json(value), expected, "{value:?}");
        }
    }

    #[test]
    fn texts_are_escaped() {
        assert_eq!(json("a\"b\\c\n\u{1f}ß\u{7f}"), "\"a\\\"b\\\\c\\u000a\\u001fß\u{7f}\"");
    }

    #[test]
    fn a_field_that_does_not_fit_is_left_out_whole() {
        let (mut room, mut len) = ([0; 16], 0);
        let mut add = |name, value: Value<'_>, expected: &str| {
            let fits = add(&mut room, &mut len, name, value);
            assert_eq!(core::str::from_utf8(&room[..usize::from(len)]), Ok(expected));
            fits
        };
        assert!(!add("a name that is too long", 1.into(), ""));
        assert!(add("a", 1.into(), "{\"a\":1}"));
        assert!(!add("b", "twelve".into(), "{\"a\":1}"));
        assert!(!add("a name that is too long", 1.into(), "{\"a\":1}"));
        assert!(add("b", 1_234.into(), "{\"a\":1,\"b\":1234}"));
        assert!(!add("", 1.into(), "{\"a\":1,\"b\":1234}"));
        let mut nothing = 0;
        assert!(!super::add(&mut [], &mut nothing, "a", 1.into()));
        assert_eq!(nothing, 0);
    }
}
