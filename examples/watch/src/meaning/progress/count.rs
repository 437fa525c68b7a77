//! Numbers that say how far something has come.

/// A percentage or `n/m`.
pub(super) struct Count<'a> {
    /// 0 to 1.
    pub(super) fraction: f64,
    /// `%`, or m as it is written.
    pub(super) total: &'a str,
    /// What is behind it.
    pub(super) rest: &'a str,
}

/// A number, maybe with its unit of data.
struct Amount<'a> {
    digits: &'a str,
    scale: Option<f64>,
}

impl<'a> Count<'a> {
    /// Reads the count that `text` begins with, behind the byte `before`.
    pub(super) fn read(before: u8, text: &'a str) -> Option<Self> {
        let alone = matches!(before, b' ' | b'\t' | b'[' | b'(' | b'|');
        // A percentage may stand right behind a bar or a name.
        if !alone && !matches!(before, b':' | b'=' | b'>' | b'#' | b'~' | 0x80..) {
            return None;
        }
        let (n, rest) = Amount::read(text);
        if n.scale.is_none()
            && let Some(count) = Self::percentage(&n, rest)
        {
            return Some(count);
        }
        if !alone {
            return None;
        }
        let behind = [" / ", "/", " of "].into_iter().find_map(|mark| rest.strip_prefix(mark))?;
        let (m, rest) = Amount::read(behind);
        if !is_apart(rest) {
            return None;
        }
        let total = &behind[..behind.len() - rest.len()];
        let (n_scale, m_scale) = match (n.scale, m.scale) {
            // `1.2/3.4 MB`: the unit is that of both.
            (None, Some(_)) => (1.0, 1.0),
            (Some(n), Some(m)) => (n, m),
            (None, None) if !n.digits.contains('.') && !m.digits.contains('.') => (1.0, 1.0),
            _ => return None,
        };
        if looks_like_date(n.digits, m.digits, rest) {
            return None;
        }
        let (n, m) = (n.value()? * n_scale, m.value()? * m_scale);
        (m > 0.0 && n <= m).then(|| Self { fraction: n / m, total, rest })
    }

    fn percentage(amount: &Amount<'_>, rest: &'a str) -> Option<Self> {
        let spaced = || {
            // `45 % 7` is a remainder.
            let behind = rest.strip_prefix(" %")?;
            let number = behind.trim_start().starts_with(|c: char| c.is_ascii_digit());
            (!number).then_some(behind)
        };
        let behind = rest.strip_prefix('%').or_else(spaced)?;
        let fraction = amount.value()? / 100.0;
        (fraction <= 1.0 && is_apart(behind)).then_some(Self { fraction, total: "%", rest: behind })
    }
}

impl<'a> Amount<'a> {
    /// Reads digits with `,` between thousands, with a decimal part, with a unit; and what is behind.
    fn read(text: &'a str) -> (Self, &'a str) {
        let digits_in = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let mut end = digits_in(text);
        while end > 0 && text[end..].starts_with(',') && digits_in(&text[end + 1..]) == 3 {
            end += 4;
        }
        let decimals = text[end..].strip_prefix('.').map_or(0, digits_in);
        if decimals > 0 {
            end += 1 + decimals;
        }
        let (digits, rest) = text.split_at(end);
        let spaced = rest.strip_prefix(' ').unwrap_or(rest);
        let letters = spaced.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, behind) = spaced.split_at(letters);
        let scale = scale(unit);
        let rest = if scale.is_some() { behind } else { rest };
        (Self { digits, scale }, rest)
    }

    fn value(&self) -> Option<f64> {
        match self.digits.contains(',') {
            true => self.digits.replace(',', "").parse().ok(),
            false => self.digits.parse().ok(),
        }
    }
}

/// Whether what is behind a count does not belong to it.
fn is_apart(rest: &str) -> bool {
    let mut behind = rest.chars();
    match behind.next() {
        None => true,
        Some(',' | ':' | ';' | '.' | '!') => !behind.next().is_some_and(char::is_alphanumeric),
        Some(c) if c.is_ascii() => c.is_ascii_whitespace() || "[]()|<>=#~".contains(c),
        Some(c) => !c.is_alphanumeric(),
    }
}

/// `03/2024`, and `11/23 14:05`.
fn looks_like_date(n: &str, m: &str, rest: &str) -> bool {
    let time_follows = || {
        let hour = rest.trim_start().split_once(':').map_or("", |(hour, _)| hour);
        hour.len() == 2 && hour.bytes().all(|byte| byte.is_ascii_digit())
    };
    // Numbers with as many digits are in the order of their digits.
    match (n.len(), m.len()) {
        (2, 4) => n <= "12" && ("1900".."2100").contains(&m),
        (2, 2) => n <= "31" && m <= "31" && time_follows(),
        _ => false,
    }
}

/// How many bytes a unit of data is: `B`, `k`, `kB`, `KiB`, `MB`, `MiB`, …
pub(super) fn scale(unit: &str) -> Option<f64> {
    let (prefix, binary) = match unit.strip_suffix('B').unwrap_or(unit) {
        "" => return (unit == "B").then_some(1.0),
        prefix => match prefix.strip_suffix('i') {
            Some(prefix) => (prefix, true),
            None => (prefix, false),
        },
    };
    let power = match prefix {
        "k" | "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        _ => return None,
    };
    Some(if binary { 1024_f64 } else { 1000.0 }.powi(power))
}
