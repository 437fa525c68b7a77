//! Results of the other binaries: lines of CSV, `figure,cell,peer,value`.

use std::io;
use std::path::Path;

use crate::CONTENDERS;

/// All results that were read.
#[derive(Debug, Default)]
pub struct Results(Vec<Line>);

#[derive(Debug)]
struct Line {
    figure: String,
    cell: String,
    peer: String,
    value: f64,
}

impl Results {
    /// Reads all files `*.csv` of a folder.
    ///
    /// # Errors
    /// A file cannot be read, or a line is not one of results.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut results = Self::default();
        for file in std::fs::read_dir(folder)? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "csv") {
                results.add(&std::fs::read_to_string(&path)?).map_err(|line| {
                    io::Error::other(format!("{}: not a result: {line}", path.display()))
                })?;
            }
        }
        Ok(results)
    }

    /// Reads one file for a test.
    #[cfg(test)]
    pub(crate) fn of(csv: &str) -> Self {
        let mut results = Self::default();
        assert_eq!(results.add(csv), Ok(()));
        results
    }

    /// Adds the lines after the head. `Err`: the line that is invalid.
    fn add<'a>(&mut self, csv: &'a str) -> Result<(), &'a str> {
        for text in csv.lines().skip(1) {
            let mut parts = text.split(',');
            let mut part = || parts.next().map(str::to_owned).ok_or(text);
            let (figure, cell, peer) = (part()?, part()?, part()?);
            let value = part()?.parse().map_err(|_| text)?;
            self.0.push(Line { figure, cell, peer, value });
        }
        Ok(())
    }

    /// A result, if it was measured.
    #[must_use]
    pub fn value(&self, figure: &str, cell: &str, peer: &str) -> Option<f64> {
        let is_it = |l: &&Line| l.figure == figure && l.cell == cell && l.peer == peer;
        self.0.iter().find(is_it).map(|line| line.value)
    }

    /// The cells of a figure, in the order of measurement.
    #[must_use]
    pub fn cells(&self, figure: &str) -> Vec<&str> {
        let mut cells = Vec::new();
        for line in self.0.iter().filter(|line| line.figure == figure) {
            if !cells.contains(&&*line.cell) {
                cells.push(&line.cell);
            }
        }
        cells
    }

    /// The peers of a figure: statusbus, the other contenders in their order, and others.
    #[must_use]
    pub fn peers(&self, figure: &str) -> Vec<&str> {
        let of_figure = self.0.iter().filter(|line| line.figure == figure);
        let mut peers: Vec<&str> = of_figure.map(|line| &*line.peer).collect();
        let rank = |peer: &str| match CONTENDERS.iter().position(|known| known.name == peer) {
            _ if peer == "statusbus" => 0,
            Some(position) => position + 1,
            None => usize::MAX,
        };
        peers.sort_by_key(|peer| rank(peer));
        peers.dedup();
        peers
    }

    /// The peer that others are compared with in a cell.
    #[must_use]
    pub fn reference(&self, figure: &str, cell: &str) -> Option<&'static str> {
        ["hand-v2", "hand-v2-keyed", "bcast-dashmap"]
            .into_iter()
            .find(|peer| self.value(figure, cell, peer).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_in_their_order() {
        let mut results = Results::of(
            "figure,cell,peer,value\ncpu,1x1,other,3\ncpu,1x1,hand-v2,2\ncpu,1x1,statusbus,1\n",
        );
        assert_eq!(results.peers("cpu"), ["statusbus", "hand-v2", "other"]);
        assert_eq!(results.cells("cpu"), ["1x1"]);
        assert_eq!(results.value("cpu", "1x1", "hand-v2"), Some(2.0));
        assert_eq!(results.reference("cpu", "1x1"), Some("hand-v2"));
        assert_eq!(results.add("head\ncpu,1x1,x"), Err("cpu,1x1,x"));
    }
}
