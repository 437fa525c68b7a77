//! The words of a line, borrowed from it.

use core::fmt;
use core::time::Duration;

/// Why a line of a trace cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyntaxError<'a> {
    /// The problem.
    pub problem: &'static str,
    /// The word that has it; empty if one is missing.
    pub word: &'a str,
}

impl fmt::Display for SyntaxError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.word {
            "" => f.write_str(self.problem),
            word => write!(f, "{}: `{word}`", self.problem),
        }
    }
}

impl core::error::Error for SyntaxError<'_> {}

/// The rest of a line.
#[derive(Clone, Copy)]
pub(crate) struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    pub(crate) const fn new(line: &'a str) -> Self {
        Self(line)
    }

    /// The next word: up to a space, or the text between two quotation marks.
    pub(crate) fn next(&mut self) -> Result<Option<&'a str>, SyntaxError<'a>> {
        let rest = self.0.trim_start();
        let (word, rest) = match rest.strip_prefix('"') {
            None if rest.is_empty() => return Ok(None),
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
            Some(quoted) => {
                let unclosed = SyntaxError { problem: "a text without an end", word: rest };
                quoted.split_once('"').ok_or(unclosed)?
            }
        };
        self.0 = rest;
        Ok(Some(word))
    }

    pub(crate) fn required(&mut self, problem: &'static str) -> Result<&'a str, SyntaxError<'a>> {
        self.next()?.ok_or(SyntaxError { problem, word: "" })
    }

    /// The next word, which has the form `name=value`.
    pub(crate) fn field(&mut self) -> Result<Option<Field<'a>>, SyntaxError<'a>> {
        let Some(word) = self.next()? else { return Ok(None) };
        match word.split_once('=') {
            Some((name, value)) => Ok(Some(Field { name, value, word })),
            None => Err(SyntaxError { problem: "not of the form name=value", word }),
        }
    }

    pub(crate) fn end(mut self) -> Result<(), SyntaxError<'a>> {
        match self.next()? {
            None => Ok(()),
            Some(word) => Err(SyntaxError { problem: "one word too many", word }),
        }
    }
}

/// A word of the form `name=value`.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: &'a str,
    word: &'a str,
}

impl<'a> Field<'a> {
    pub(crate) const fn error(&self, problem: &'static str) -> SyntaxError<'a> {
        SyntaxError { problem, word: self.word }
    }

    pub(crate) fn number(&self) -> Result<usize, SyntaxError<'a>> {
        number(self.value)
    }

    pub(crate) fn span(&self) -> Result<Duration, SyntaxError<'a>> {
        span(self.value)
    }

    /// A value that is one of a closed set of names.
    pub(crate) fn named<T>(&self, found: Option<T>) -> Result<T, SyntaxError<'a>> {
        found.ok_or(self.error("no such value"))
    }
}

pub(crate) fn number(word: &str) -> Result<usize, SyntaxError<'_>> {
    word.parse().map_err(|_| SyntaxError { problem: "not a number", word })
}

/// A span: `5s`, `50ms` or `250us`.
pub(crate) fn span(word: &str) -> Result<Duration, SyntaxError<'_>> {
    let error = SyntaxError { problem: "not a span such as 50ms, 5s or 250us", word };
    let unit = word.find(|c: char| !c.is_ascii_digit()).ok_or(error)?;
    let (count, unit) = word.split_at(unit);
    let count: u32 = count.parse().map_err(|_| error)?;
    match unit {
        "s" => Ok(Duration::from_secs(count.into())),
        "ms" => Ok(Duration::from_millis(count.into())),
        "us" => Ok(Duration::from_micros(count.into())),
        _ => Err(error),
    }
}
