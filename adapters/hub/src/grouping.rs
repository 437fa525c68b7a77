//! Whose updates a batch has.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::conversation::ConversationState;
use crate::names::Names;
use crate::parcel::Posts;
use crate::update::Group;

/// Sorts the updates of a batch by conversation, the one that came up first being the first group.
/// Linear in the batch.
#[derive(Default)]
pub(crate) struct Grouping {
    /// By the number of a conversation, its group in the batch at hand: a hint, to be checked.
    hints: Vec<u32>,
    /// The numbers of the groups' conversations.
    numbers: Vec<u32>,
    /// The groups' conversations.
    pub(crate) conversations: Vec<Arc<ConversationState>>,
}

impl Grouping {
    /// Tells each update which group is its own: from here on that is what it is about.
    pub(crate) fn group(
        &mut self,
        posts: &mut Posts,
        groups: &mut Vec<Group>,
        names: &Mutex<Names>,
    ) {
        self.clear();
        let mut names = Names::when_needed(names);
        let (mut number, mut index) = (u32::MAX, u32::MAX);
        for post in posts.updates_mut() {
            if post.about != number {
                number = post.about;
                let hint = self.hints.get(number as usize).copied().unwrap_or(u32::MAX);
                index = hint;
                if self.numbers.get(hint as usize) != Some(&number) {
                    index = self.numbers.len() as u32;
                    self.add(number, names.numbered(number), groups);
                }
            }
            post.about = index;
            if let Some(group) = groups.get_mut(index as usize) {
                group.count(post);
            }
        }
    }

    fn add(&mut self, number: u32, conversation: Arc<ConversationState>, groups: &mut Vec<Group>) {
        let group = self.numbers.len() as u32;
        if self.hints.len() <= number as usize {
            self.hints.resize(number as usize + 1, 0);
        }
        if let Some(hint) = self.hints.get_mut(number as usize) {
            *hint = group;
        }
        groups.push(Group::new(conversation.name().cloned(), number));
        self.numbers.push(number);
        self.conversations.push(conversation);
    }

    pub(crate) fn clear(&mut self) {
        self.numbers.clear();
        self.conversations.clear();
    }
}
