//! Order of playback under edits, shuffle and repeat.

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use crate::fixtures::song;

fn entry(id: u8) -> FileEntry {
    song(id, &format!("{id}.mp3"))
}

fn rng() -> StdRng {
    StdRng::seed_from_u64(5)
}

fn queue(count: u8, index: usize) -> Queue {
    let mut queue = Queue::default();
    queue.replace((1..=count).map(entry).collect(), index, &mut rng());
    queue
}

fn order(queue: &Queue) -> Vec<u8> {
    queue
        .items()
        .iter()
        .map(|item| item.entry.id.0[0])
        .collect()
}

fn current(queue: &Queue) -> u8 {
    queue.current().expect("something").id.0[0]
}

#[test]
fn next_files_follow_the_current_one_and_others_append() {
    let mut queue = queue(3, 1);
    queue.play_next(vec![entry(8), entry(9)]);
    queue.push(vec![entry(7)]);
    assert_eq!(order(&queue), [1, 2, 8, 9, 3, 7]);
    assert_eq!(current(&queue), 2);
    let mut empty = Queue::default();
    empty.play_next(vec![entry(1)]);
    assert_eq!(order(&empty), [1]);
}

#[test]
fn last_item_has_a_successor_only_when_repeating() {
    let mut queue = queue(2, 1);
    assert_eq!((queue.next(false), queue.previous()), (None, Some(0)));
    queue.set_repeat(Repeat::All);
    assert_eq!(queue.next(false), Some(0));
    assert!(queue.select(0));
    assert_eq!(queue.previous(), Some(1));
    queue.set_repeat(Repeat::One);
    assert_eq!((queue.next(false), queue.next(true)), (Some(0), Some(1)));
    assert!(!queue.select(2) && current(&queue) == 1);
    assert_eq!(Queue::default().next(true), None);
}

#[test]
fn current_item_survives_removals_and_moves() {
    let mut queue = queue(5, 2);
    assert!(!queue.remove(0));
    assert_eq!((order(&queue), current(&queue)), (vec![2, 3, 4, 5], 3));
    queue.move_item(3, 0);
    assert_eq!((order(&queue), current(&queue)), (vec![5, 2, 3, 4], 3));
    queue.move_item(2, 3);
    assert_eq!((order(&queue), current(&queue)), (vec![5, 2, 4, 3], 3));
    queue.move_item(0, 9);
    assert!(!queue.remove(9));
    assert_eq!(order(&queue), [5, 2, 4, 3]);
}

#[test]
fn removing_the_current_item_selects_its_successor() {
    let mut queue = queue(3, 1);
    assert!(queue.remove(1));
    assert_eq!(current(&queue), 3);
    assert!(queue.remove(1));
    assert_eq!(current(&queue), 1, "the last item, without a successor");
    assert!(queue.remove(0));
    assert_eq!(queue.current(), None);
}

#[test]
fn shuffle_keeps_each_item_once_and_can_be_undone() {
    let mut queue = queue(50, 20);
    queue.set_shuffled(true, &mut rng());
    assert_eq!((queue.index(), current(&queue)), (0, 21));
    let mut sorted = order(&queue);
    assert!(
        sorted[1..].windows(2).any(|pair| pair[0] > pair[1]),
        "random order"
    );
    sorted.sort_unstable();
    assert_eq!(sorted, (1..=50).collect::<Vec<u8>>(), "each once");
    queue.select(7);
    let chosen = current(&queue);
    queue.play_next(vec![entry(99)]);
    queue.set_shuffled(false, &mut rng());
    let mut natural: Vec<u8> = (1..=50).collect();
    natural.insert(usize::from(chosen), 99);
    assert_eq!((order(&queue), current(&queue)), (natural, chosen));
}

#[test]
fn new_list_while_shuffled_starts_with_the_chosen_file() {
    let mut queue = queue(2, 0);
    queue.set_shuffled(true, &mut rng());
    queue.replace((1..=9).map(entry).collect(), 4, &mut rng());
    assert_eq!((queue.index(), current(&queue)), (0, 5));
    queue.clear_upcoming();
    assert_eq!(order(&queue), [5]);
    queue.set_shuffled(false, &mut rng());
    assert_eq!(order(&queue), [5]);
}

#[test]
fn queue_length_is_bounded() {
    let mut queue = Queue::default();
    queue.push(vec![entry(1); MAX_ITEMS + 5]);
    queue.play_next(vec![entry(2)]);
    assert_eq!(queue.items().len(), MAX_ITEMS);
    assert_eq!(queue.items()[1].entry.id.0[0], 1);
}
