//! A trace, read line by line.

use core::iter::Enumerate;
use core::str::Lines;

use crate::Operation;
use crate::replay::{Failure, Problem};

/// A trace: operations in virtual time, each followed by its results.
#[derive(Clone, Copy, Debug)]
pub struct Trace<'a> {
    /// Its name: that of its file, without `.trace`.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
}

impl<'a> Trace<'a> {
    /// A trace of that name.
    #[must_use]
    pub const fn new(name: &'a str, text: &'a str) -> Self {
        Self { name, text }
    }

    /// Whether it has the line `# needs: core`: only the core itself can replay it.
    #[must_use]
    pub fn needs_core(&self) -> bool {
        self.text.lines().any(|line| line.trim() == "# needs: core")
    }

    /// Its operations, with the results that are expected of each.
    #[must_use]
    pub fn steps(&self) -> Steps<'a> {
        Steps { lines: self.text.lines().enumerate() }
    }
}

/// The operations of a trace in order. After a line that cannot be read, iteration goes on behind it.
#[derive(Clone, Debug)]
pub struct Steps<'a> {
    lines: Enumerate<Lines<'a>>,
}

/// An operation and its expected results.
#[derive(Clone, Debug)]
pub struct Step<'a> {
    /// The line of the operation, counted from one.
    pub line: usize,
    /// The operation.
    pub operation: Operation<'a>,
    /// Its results.
    pub expected: Expected<'a>,
}

/// The lines that are expected of one operation, each with its number.
#[derive(Clone, Debug)]
pub struct Expected<'a> {
    lines: Enumerate<Lines<'a>>,
}

enum Kind {
    Remark,
    Expectation,
    Operation,
}

fn kind(line: &str) -> Kind {
    match line.trim_start().as_bytes().first() {
        None | Some(b'#') => Kind::Remark,
        Some(b'=') => Kind::Expectation,
        Some(_) => Kind::Operation,
    }
}

impl<'a> Iterator for Steps<'a> {
    type Item = Result<Step<'a>, Failure<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let (index, text) =
            self.lines.by_ref().find(|(_, line)| !matches!(kind(line), Kind::Remark))?;
        let line = index + 1;
        if let Kind::Expectation = kind(text) {
            return Some(Err(Failure { line, problem: Problem::NothingDone }));
        }
        let expected = Expected { lines: self.lines.clone() };
        // `Compare` reads the expected lines later.
        while let Some((_, line)) = self.lines.clone().next()
            && !matches!(kind(line), Kind::Operation)
        {
            self.lines.next();
        }
        Some(match Operation::parse(text) {
            Ok(operation) => Ok(Step { line, operation, expected }),
            Err(error) => Err(Failure { line, problem: Problem::Syntax(error) }),
        })
    }
}

impl<'a> Iterator for Expected<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (index, line) = self.lines.clone().next()?;
            match kind(line) {
                Kind::Operation => return None,
                Kind::Expectation => {
                    self.lines.next();
                    return Some((index + 1, line.trim_end()));
                }
                Kind::Remark => {
                    self.lines.next();
                }
            }
        }
    }
}
