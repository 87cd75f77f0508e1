//! Open questions to the tracker, by file. Both lists are bounded: beyond
//! [`MAX_OPEN`] files the oldest is dropped.

use std::collections::VecDeque;

use engine::ids::FileId;
use tokio::sync::oneshot;

use crate::tracker_client::WantPeers;

/// Files with open questions.
const MAX_OPEN: usize = 64;

/// Receiver of the names of peers that have a file.
pub(super) type NameWaiter = oneshot::Sender<Vec<String>>;

/// Files whose peers are asked for, the oldest first. They are asked for again over
/// the next link.
#[derive(Debug, Default)]
pub(super) struct OpenQuestions(VecDeque<WantPeers>);

impl OpenQuestions {
    pub fn get(&self, file: FileId) -> Option<&WantPeers> {
        self.0.iter().find(|question| question.file == file)
    }

    pub fn iter(&self) -> impl Iterator<Item = &WantPeers> {
        self.0.iter()
    }

    /// Adds a question in place of an older one about the same file.
    pub fn insert(&mut self, question: WantPeers) {
        let mut known = self.0.iter_mut();
        if let Some(known) = known.find(|known| known.file == question.file) {
            *known = question;
            return;
        }
        if self.0.len() >= MAX_OPEN {
            self.0.pop_front();
        }
        self.0.push_back(question);
    }

    pub fn remove(&mut self, file: FileId) -> Option<WantPeers> {
        let at = self.0.iter().position(|question| question.file == file)?;
        self.0.remove(at)
    }
}

/// Askers of names only, by file, the oldest file first.
#[derive(Debug, Default)]
pub(super) struct NameWaiters(VecDeque<(FileId, Vec<NameWaiter>)>);

impl NameWaiters {
    pub fn insert(&mut self, file: FileId, waiter: NameWaiter) {
        if let Some((_, waiters)) = self.0.iter_mut().find(|(of, _)| *of == file) {
            waiters.push(waiter);
            return;
        }
        if self.0.len() >= MAX_OPEN {
            self.0.pop_front();
        }
        self.0.push_back((file, vec![waiter]));
    }

    /// Takes the askers of a file; `None` if there were none.
    pub fn take(&mut self, file: FileId) -> Option<Vec<NameWaiter>> {
        let at = self.0.iter().position(|(of, _)| *of == file)?;
        self.0.remove(at).map(|(_, waiters)| waiters)
    }
}

#[cfg(test)]
mod tests {
    use engine::ids::ChunkIndex;

    use super::*;

    fn question(file: u8, count: u32) -> WantPeers {
        WantPeers {
            file: FileId([file; 32]),
            position: ChunkIndex(0),
            count,
        }
    }

    #[test]
    fn only_the_oldest_question_is_dropped() {
        let mut questions = OpenQuestions::default();
        (0..=MAX_OPEN as u8).for_each(|file| questions.insert(question(file, 1)));
        assert_eq!(questions.iter().count(), MAX_OPEN);
        assert!(questions.get(FileId([0; 32])).is_none());
        questions.insert(question(1, 30));
        assert_eq!(questions.iter().count(), MAX_OPEN, "a repetition");
        let repeated = questions.remove(FileId([1; 32])).expect("open");
        assert_eq!(repeated.count, 30);
    }

    #[test]
    fn name_waiters_of_a_file_are_taken_together() {
        let mut waiters = NameWaiters::default();
        let file = FileId([1; 32]);
        for _ in 0..2 {
            waiters.insert(file, oneshot::channel().0);
        }
        assert_eq!(waiters.take(file).map(|waiters| waiters.len()), Some(2));
        assert!(waiters.take(file).is_none());
    }
}
