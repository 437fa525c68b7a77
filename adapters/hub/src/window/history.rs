//! What a conversation keeps when the window has moved on.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::bounds::Amount;
use crate::batch::block::{Block, OwnedUpdate};
use crate::batch::names::NameTable;

/// The last updates of a conversation that have left the window.
#[derive(Default)]
pub(crate) struct History {
    pieces: VecDeque<Piece>,
    len: u64,
    /// What they have allocated.
    bytes: u64,
}

/// Updates that follow each other in the history.
struct Piece {
    /// Updates that were pushed before these, since the history was empty.
    before: u64,
    updates: Updates,
}

enum Updates {
    /// A copy of one.
    Own(OwnedUpdate),
    /// These of a block, which stays in memory as a whole.
    Shared { block: Arc<Block>, range: Range<usize> },
}

impl Piece {
    fn len(&self) -> u64 {
        match &self.updates {
            Updates::Own(_) => 1,
            Updates::Shared { range, .. } => range.len() as u64,
        }
    }

    fn last_seq(&self) -> u64 {
        match &self.updates {
            Updates::Own(update) => update.seq,
            Updates::Shared { block, range } => block.seq(range.end - 1),
        }
    }
}

impl History {
    pub(crate) fn push(&mut self, update: OwnedUpdate) {
        self.bytes += update.allocated();
        self.push_piece(Updates::Own(update));
    }

    /// Appends updates of a block, at least one, without a copy. None of them may have allocated anything.
    pub(crate) fn push_shared(&mut self, block: &Arc<Block>, range: Range<usize>) {
        debug_assert!(!range.is_empty(), "there is at least one update");
        self.push_piece(Updates::Shared { block: Arc::clone(block), range });
    }

    fn push_piece(&mut self, updates: Updates) {
        let piece = Piece { before: self.end(), updates };
        self.len += piece.len();
        self.pieces.push_back(piece);
    }

    fn end(&self) -> u64 {
        self.pieces.back().map_or(0, |last| last.before + last.len())
    }

    /// Forgets the oldest ones until the rest fits. Returns the position of the last one that was
    /// forgotten.
    pub(crate) fn fit(&mut self, most: Amount) -> Option<u64> {
        let mut forgotten = None;
        while self.len > most.updates || self.bytes > most.bytes {
            let Some(oldest) = self.pieces.front_mut() else { break };
            match &mut oldest.updates {
                Updates::Own(update) => {
                    self.bytes -= update.allocated();
                    self.len -= 1;
                    forgotten = Some(update.seq);
                }
                Updates::Shared { block, range } => {
                    let excess = (self.len.saturating_sub(most.updates)).max(1);
                    let count = range.len().min(usize::try_from(excess).unwrap_or(usize::MAX));
                    forgotten = Some(block.seq(range.start + count - 1));
                    self.len -= count as u64;
                    if count < range.len() {
                        range.start += count;
                        oldest.before += count as u64;
                        continue;
                    }
                }
            }
            self.pieces.pop_front();
        }
        forgotten
    }

    /// The updates behind a position, by their indices. O(log n).
    pub(crate) fn behind(&self, seq: u64) -> Range<usize> {
        let place = self.pieces.partition_point(|piece| piece.last_seq() <= seq);
        let before = self.pieces.front().map_or(0, |first| first.before);
        let start = match self.pieces.get(place) {
            None => self.len,
            Some(piece) => {
                let inside = match &piece.updates {
                    Updates::Own(_) => 0,
                    Updates::Shared { block, range } => {
                        block.index_behind(seq).saturating_sub(range.start)
                    }
                };
                piece.before - before + inside as u64
            }
        };
        start as usize..self.len as usize
    }

    /// A copy of these updates, for a reader of the conversation of that name.
    pub(crate) fn block(&self, range: &Range<usize>, name: Option<&Arc<str>>) -> Block {
        let mut copies = Block::with_capacity(range.len());
        for update in self.iter_from(range.start).take(range.len()) {
            copies.push_copy(of_the_only_conversation(update));
        }
        copies.set_names(NameTable::of_one(name));
        copies
    }

    fn iter_from(&self, index: usize) -> impl Iterator<Item = OwnedUpdate> {
        let before = self.pieces.front().map_or(0, |first| first.before) + index as u64;
        let place = self.pieces.partition_point(|piece| piece.before + piece.len() <= before);
        self.pieces.range(place..).flat_map(move |piece| {
            let skipped = before.saturating_sub(piece.before) as usize;
            let (own, shared) = match &piece.updates {
                Updates::Own(update) => (Some(update.clone()), None),
                Updates::Shared { block, range } => {
                    let rest = range.start + skipped..range.end;
                    (None, Some(rest.filter_map(|index| Some(block.get(index)?.to_owned()))))
                }
            };
            own.into_iter().chain(shared.into_iter().flatten())
        })
    }

    /// The position of the update at an index.
    pub(crate) fn seq_at(&self, index: usize) -> Option<u64> {
        let before = self.pieces.front()?.before + index as u64;
        let place = self.pieces.partition_point(|piece| piece.before + piece.len() <= before);
        let piece = self.pieces.get(place)?;
        Some(match &piece.updates {
            Updates::Own(update) => update.seq,
            Updates::Shared { block, range } => {
                block.seq(range.start + (before - piece.before) as usize)
            }
        })
    }

    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// The update for a block with the names of one conversation, which has the number zero there.
pub(super) fn of_the_only_conversation(mut update: OwnedUpdate) -> OwnedUpdate {
    update.topic.conversation = 0;
    update
}
