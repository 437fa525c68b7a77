//! Comparing results with the expected ones as they are written.

use core::fmt;

use crate::trace::Expected;

/// A line of output, cut to what a failure can show.
pub struct Line {
    text: heapless::String<192, u8>,
    cut: bool,
}

impl Line {
    const fn new() -> Self {
        Self { text: heapless::String::new(), cut: false }
    }

    fn push(&mut self, text: &str) {
        for c in text.chars() {
            self.cut |= self.cut || self.text.push(c).is_err();
        }
    }

    /// Its first 192 bytes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        f.write_str(if self.cut { " …" } else { "" })
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

/// The first line that is not as expected.
#[derive(Debug)]
pub struct Difference<'a> {
    /// The expected line; `None`: no further line.
    pub expected: Option<&'a str>,
    /// The line that was written; `None`: no further line.
    pub actual: Option<Line>,
}

impl fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.expected {
            Some(line) => write!(f, "expected `{line}`, ")?,
            None => f.write_str("expected nothing more, ")?,
        }
        match &self.actual {
            Some(line) => write!(f, "got `{line}`"),
            None => f.write_str("got nothing"),
        }
    }
}

/// Compares output with the expected lines, byte for byte, as it is written. It keeps one line, so that
/// it can show the first that differs.
pub struct Compare<'a> {
    expected: Expected<'a>,
    /// The expected line that is being compared, and its number.
    current: Option<(usize, &'a str)>,
    /// The part of it that is not compared yet.
    rest: &'a str,
    same: bool,
    /// The line that is being written; after a difference, the line that differs.
    line: Line,
    begun: bool,
    /// Where the first difference is.
    found: Option<(usize, Option<&'a str>)>,
    /// The last expected line: surplus output is reported there.
    last: usize,
}

impl<'a> Compare<'a> {
    /// Compares with the expected results of the operation at `line`.
    #[must_use]
    pub fn new(line: usize, expected: Expected<'a>) -> Self {
        Self {
            expected,
            current: None,
            rest: "",
            same: true,
            line: Line::new(),
            begun: false,
            found: None,
            last: line,
        }
    }

    /// Ends the comparison: every expected line must have been written, and no other.
    ///
    /// # Errors
    /// The line of the trace, and the difference there.
    pub fn finish(mut self) -> Result<(), (usize, Difference<'a>)> {
        if self.begun {
            self.end_line();
        }
        if let Some((line, expected)) = self.found {
            return Err((line, Difference { expected, actual: Some(self.line) }));
        }
        match self.expected.next() {
            Some((line, expected)) => {
                Err((line, Difference { expected: Some(expected), actual: None }))
            }
            None => Ok(()),
        }
    }

    fn begin_line(&mut self) {
        self.begun = true;
        self.line = Line::new();
        self.current = self.expected.next();
        self.rest = self.current.map_or("", |(_, text)| text);
        self.same = self.current.is_some();
    }

    fn take(&mut self, text: &str) {
        if !self.begun {
            self.begin_line();
        }
        self.line.push(text);
        match self.rest.strip_prefix(text) {
            Some(rest) => self.rest = rest,
            None => self.same = false,
        }
    }

    fn end_line(&mut self) {
        self.begun = false;
        if let Some((line, _)) = self.current {
            self.last = line;
        }
        if !self.same || !self.rest.is_empty() {
            self.found = Some((self.last, self.current.map(|(_, text)| text)));
        }
    }
}

impl fmt::Write for Compare<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive('\n') {
            if self.found.is_some() {
                break;
            }
            let line = part.strip_suffix('\n');
            self.take(line.unwrap_or(part));
            if line.is_some() {
                self.end_line();
            }
        }
        Ok(())
    }
}
