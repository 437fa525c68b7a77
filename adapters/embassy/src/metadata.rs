//! Metadata: a few named values, stored as a JSON object.
// Written by hand: core::fmt links some KiB, and its floating point code can panic.

/// A value of metadata. Converts from `i32`, `u32` and smaller integers, `bool`, `&str` and `f32`. Send
/// a larger number as a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Number(i32),
    /// A whole number without a sign.
    Unsigned(u32),
    /// A decimal number: `digits` divided by 10 to the power of `places`. 215 with 1 place is 21.5.
    Decimal {
        /// The number without its point.
        digits: i32,
        /// Digits behind the point: 0 to 9; more count as 9.
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
    /// Rounded to thousandths up to 2 × 10⁶ and to whole numbers up to 2 × 10⁹; anything else is `null`.
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

/// Appends a field to the object in the first `len` bytes. A field that does not fit is left out whole;
/// returns whether it fitted. Behind the object are zeros.
pub(crate) fn add(room: &mut [u8], len: &mut u8, name: &str, value: Value<'_>) -> bool {
    // overwrites the closing brace
    let before = usize::from(*len).saturating_sub(1);
    let mut json = Json { room, at: before };
    let written = json
        .push(if *len > 0 { b',' } else { b'{' })
        .and_then(|()| json.string(name))
        .and_then(|()| json.push(b':'))
        .and_then(|()| json.value(value))
        .and_then(|()| json.push(b'}'))
        .and_then(|()| u8::try_from(json.at).ok());
    if let Some(written) = written {
        *len = written;
    } else {
        json.at = before;
        if *len > 0 {
            let _ = json.push(b'}');
        }
        let end = json.at;
        json.room.get_mut(end..).unwrap_or_default().fill(0);
    }
    written.is_some()
}

/// Writes JSON; each method returns `None` if the buffer is full.
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

    /// Writes the digits with a point before the last `places`, without trailing zeros.
    fn decimal(&mut self, is_negative: bool, digits: u32, places: usize) -> Option<()> {
        if is_negative {
            self.push(b'-')?;
        }
        let (mut rest, mut begun) = (digits, false);
        // By subtraction, from the highest digit down: small cores cannot divide.
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

    /// Writes a string. JSON needs escapes only for some ASCII characters.
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
