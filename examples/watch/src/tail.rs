//! Files that grow.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use statusbus_tokio::{Conversation, Status};

use crate::meaning::Stream;
use crate::pace::Pace;
use crate::speaker::Speaker;

/// How much is read in one go.
const CHUNK: usize = 64 * 1024;

/// Where in a file that is there already reading starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// At its beginning.
    Beginning,
    /// At its last lines.
    Lines(u64),
}

/// Follows files, for ever.
pub(crate) async fn follow(tails: &mut [Tail], pace: &Pace, every: Duration) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let mut more = false;
        for tail in &mut *tails {
            more |= tail.poll(&mut chunk, pace).await;
        }
        match more {
            true => tokio::task::yield_now().await,
            false => tokio::time::sleep(every).await,
        }
    }
}

/// A file by its name: what is appended to it is said, whatever becomes of the file. When it is cut
/// off, or another one takes its name, reading goes on at the beginning; when it is not there, it is
/// waited for.
pub(crate) struct Tail {
    path: PathBuf,
    speaker: Speaker,
    open: Option<Open>,
    /// Why it cannot be read, as it was last told.
    trouble: Option<String>,
}

struct Open {
    file: File,
    /// Up to here it has been read.
    at: u64,
    identity: Option<Identity>,
}

/// What tells a file from another one that gets its name.
pub(crate) type Identity = (u64, u64);

impl Tail {
    /// Begins with the file as it stands.
    pub(crate) fn new(
        path: &Path,
        start: Start,
        status: &Status,
        conversation: &Conversation,
    ) -> Self {
        let mut tail = Self {
            path: path.to_owned(),
            speaker: Speaker::new(status, conversation, Stream::Log),
            open: None,
            trouble: None,
        };
        match Open::new(path).and_then(|mut open| open.skip_to(start).map(|()| open)) {
            Ok(open) => {
                tail.open = Some(open);
                tail.speaker.remark(match start {
                    Start::Beginning => "followed from its beginning".to_owned(),
                    Start::Lines(0) => "followed from its end".to_owned(),
                    Start::Lines(lines) => format!("followed from its last {lines} lines"),
                });
            }
            Err(error) => tail.tell(&error),
        }
        tail
    }

    /// Says what has been appended since the last call. Answers whether there may be more to read
    /// already. `chunk`: what it reads into.
    async fn poll(&mut self, chunk: &mut [u8], pace: &Pace) -> bool {
        let Some(open) = &mut self.open else { return self.reopen() };
        match open.file.read(chunk) {
            Ok(0) => {}
            Ok(len) => {
                open.at += len as u64;
                pace.hear(&chunk[..len], |piece| self.speaker.hear(piece)).await;
                pace.room().await;
                self.speaker.show_live().await;
                return true;
            }
            Err(error) => self.tell(&error),
        }
        self.look().await
    }

    /// Says what is left of a last line without an end.
    pub(crate) async fn finish(&mut self) {
        self.speaker.finish().await;
    }

    /// Everything has been read: looks what has become of the file.
    async fn look(&mut self) -> bool {
        let Some(open) = &mut self.open else { return false };
        // While nothing has its name it may still be written to.
        let Ok(named) = std::fs::metadata(&self.path) else { return false };
        if identity(&named) != open.identity {
            // What was written between the last read and the change of names is still to be read.
            if open.file.metadata().is_ok_and(|file| file.len() > open.at) {
                return true;
            }
            self.open = None;
            self.speaker.finish().await;
            self.speaker.remark("replaced by another file: reading that from its beginning".into());
            return self.reopen();
        }
        if named.len() < open.at {
            if open.file.rewind().is_err() {
                self.open = None;
                return true;
            }
            open.at = 0;
            self.speaker.finish().await;
            self.speaker.remark("cut off: reading it from its beginning".into());
            return named.len() > 0;
        }
        false
    }

    /// Opens what has the name now.
    fn reopen(&mut self) -> bool {
        match Open::new(&self.path) {
            Ok(open) => {
                if self.trouble.take().is_some() {
                    self.speaker.remark("it is there: reading it from its beginning".into());
                }
                self.open = Some(open);
                true
            }
            Err(error) => {
                self.tell(&error);
                false
            }
        }
    }

    /// Says why the file cannot be read, once.
    fn tell(&mut self, error: &io::Error) {
        let trouble = match error.kind() {
            io::ErrorKind::NotFound => "there is no such file: waiting for it".to_owned(),
            _ => format!("cannot be read, waiting for it: {error}"),
        };
        if self.trouble.as_ref() != Some(&trouble) {
            self.speaker.remark(trouble.clone());
            self.trouble = Some(trouble);
        }
    }
}

impl Open {
    fn new(path: &Path) -> io::Result<Self> {
        // Opening a pipe would wait for somebody to write.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
        }
        let file = File::open(path)?;
        let identity = identity(&file.metadata()?);
        Ok(Self { file, at: 0, identity })
    }

    fn skip_to(&mut self, start: Start) -> io::Result<()> {
        if let Start::Lines(lines) = start {
            self.at = last_lines(&mut self.file, lines)?;
            self.file.seek(SeekFrom::Start(self.at))?;
        }
        Ok(())
    }
}

/// Where the last lines of a file begin. One that has no end yet counts.
fn last_lines(file: &mut (impl Read + Seek), mut lines: u64) -> io::Result<u64> {
    let end = file.seek(SeekFrom::End(0))?;
    if lines == 0 {
        return Ok(end);
    }
    let mut block = vec![0; CHUNK];
    let mut begin = end;
    while begin > 0 {
        let len = begin.min(CHUNK as u64);
        begin -= len;
        let block = &mut block[..len as usize];
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(block)?;
        for newline in memchr::memrchr_iter(b'\n', block) {
            let behind = begin + newline as u64 + 1;
            // The last line's own end begins no line.
            if behind == end {
                continue;
            }
            lines -= 1;
            if lines == 0 {
                return Ok(behind);
            }
        }
    }
    Ok(0)
}

#[cfg(unix)]
pub(crate) fn identity(metadata: &Metadata) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

/// The time of creation: as good as there is.
#[cfg(not(unix))]
pub(crate) fn identity(metadata: &Metadata) -> Option<Identity> {
    let created = metadata.created().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some((created.as_secs(), u64::from(created.subsec_nanos())))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn the_last_lines_of_a_file() {
        let begin = |text: &str, lines| {
            let begin = last_lines(&mut Cursor::new(text), lines).expect("a file in memory");
            text[begin as usize..].to_owned()
        };
        assert_eq!(begin("a\nb\nc\n", 0), "");
        assert_eq!(begin("a\nb\nc\n", 1), "c\n");
        assert_eq!(begin("a\nb\nc\n", 2), "b\nc\n");
        assert_eq!(begin("a\nb\nc", 1), "c");
        assert_eq!(begin("a\nb\nc\n", 3), "a\nb\nc\n");
        assert_eq!(begin("a\nb\nc\n", 9), "a\nb\nc\n");
        assert_eq!(begin("\n\n", 1), "\n");
        assert_eq!(begin("", 1), "");
        let long = "x".repeat(CHUNK - 1) + "\n" + &"y".repeat(CHUNK) + "\nz\n";
        assert_eq!(begin(&long, 2).len(), CHUNK + 3);
        assert_eq!(begin(&long, 3).len(), long.len());
    }
}
