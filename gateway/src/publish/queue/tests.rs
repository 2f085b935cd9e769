//! What goes next, what is said again, and what holds up no other.

use super::*;

/// What goes next on a connection that was made a moment ago.
fn next(queue: &Queue, most: usize) -> Vec<String> {
    queue.next(most, Duration::ZERO)
}

fn row(topic: &str, version: i64, taken: Option<i64>) -> TopicRow {
    TopicRow {
        topic: topic.into(),
        version,
        taken,
    }
}

fn queue(rows: &[(&str, i64, Option<i64>)]) -> Queue {
    let rows = rows
        .iter()
        .map(|(topic, version, taken)| row(topic, *version, *taken));
    let mut queue = Queue::new("status".into(), rows.collect());
    queue.begin();
    queue
}

fn send(queue: &mut Queue, topic: &str, digest: u64) -> u64 {
    queue.send(topic, digest, false).unwrap()
}

fn unnoted(queue: &mut Queue) -> Vec<(String, i64, bool)> {
    let taken = queue.take_unnoted();
    let shown = taken
        .iter()
        .map(|taken| (taken.topic.clone(), taken.version, taken.is_gone));
    let shown = shown.collect();
    queue.noted(taken);
    shown
}

#[test]
fn a_new_connection_says_everything_first_that_we_are_there_then_what_waits() {
    let mut queue = queue(&[("a", 1, Some(1)), ("status", 1, Some(1)), ("z", 2, Some(1))]);
    assert_eq!(next(&queue, 10), ["status"]);
    send(&mut queue, "status", 1);
    assert_eq!(next(&queue, 10), ["z", "a"]);
    assert_eq!(next(&queue, 1), ["z"]);
}

#[test]
fn a_message_waits_until_the_broker_has_taken_exactly_its_version() {
    let mut queue = queue(&[("a", 1, None)]);
    let first = send(&mut queue, "a", 1);
    assert_eq!(next(&queue, 10), Vec::<String>::new(), "once on its way at most");
    queue.refresh(vec![row("a", 2, None)]);
    assert!(queue.taken(first));
    assert_eq!(unnoted(&mut queue), [("a".to_owned(), 1, false)]);
    assert_eq!(next(&queue, 10), ["a"]);
    let second = send(&mut queue, "a", 2);
    assert!(queue.taken(second) && !queue.taken(second));
    assert_eq!(unnoted(&mut queue), [("a".to_owned(), 2, false)]);
    assert_eq!((next(&queue, 10), queue.waiting()), (vec![], 0));
}

#[test]
fn what_was_on_its_way_when_the_connection_broke_is_said_again_and_so_is_what_was_taken_before() {
    let mut queue = queue(&[("a", 1, None), ("b", 1, None)]);
    let (a, b) = (send(&mut queue, "a", 1), send(&mut queue, "b", 1));
    queue.taken(a);
    assert_eq!(unnoted(&mut queue).len(), 1);
    queue.lost();
    assert_eq!(queue.waiting(), 1);
    assert!(!queue.taken(b), "an answer of the old connection says nothing");
    queue.begin();
    assert_eq!(next(&queue, 10), ["a"]);
    let a = send(&mut queue, "a", 1);
    assert_eq!(next(&queue, 10), Vec::<String>::new());
    queue.taken(a);
    assert_eq!(next(&queue, 10), ["b"]);
    send(&mut queue, "b", 1);
    assert_eq!(queue.in_flight(), 1);
}

#[test]
fn what_the_broker_has_on_this_connection_is_not_sent_twice() {
    let mut queue = queue(&[("a", 1, None)]);
    let number = send(&mut queue, "a", 7);
    queue.taken(number);
    unnoted(&mut queue);
    queue.touch("a");
    assert_eq!(queue.send("a", 7, false), None);
    assert_eq!((next(&queue, 10), unnoted(&mut queue)), (vec![], vec![]));
    queue.refresh(vec![row("a", 2, Some(1))]);
    assert_eq!(queue.send("a", 7, false), None);
    assert_eq!(
        unnoted(&mut queue),
        [("a".to_owned(), 2, false)],
        "the version is taken all the same"
    );
}

#[test]
fn a_topic_is_forgotten_once_its_removal_is_taken_unless_it_has_come_back() {
    let mut queue = queue(&[("a", 3, None), ("b", 3, None)]);
    let (a, b) = (
        queue.send("a", 0, true).unwrap(),
        queue.send("b", 0, true).unwrap(),
    );
    queue.taken(a);
    queue.taken(b);
    queue.refresh(vec![row("b", 4, None)]);
    assert_eq!(unnoted(&mut queue).len(), 2);
    queue.touch("a");
    assert_eq!(next(&queue, 10), ["b"]);
    send(&mut queue, "b", 1);
}

#[test]
fn what_the_broker_refuses_goes_last_and_alone_on_a_calm_connection_ever_more_seldom() {
    let mut queue = queue(&[("a", 1, None), ("b", 1, None)]);
    let number = send(&mut queue, "a", 1);
    assert_eq!(queue.refused(number).as_deref(), Some("a"));
    queue.begin();
    assert_eq!(
        queue.next(10, LONGEST_CALM),
        ["b"],
        "not beside another, though it is another connection"
    );
    let number = send(&mut queue, "b", 1);
    assert_eq!(queue.next(10, LONGEST_CALM), Vec::<String>::new());
    queue.taken(number);
    assert_eq!((next(&queue, 10), queue.waiting()), (vec![], 1));
    assert_eq!(queue.next(10, FIRST_CALM), ["a"]);
    let number = send(&mut queue, "a", 1);
    queue.refused(number);
    assert_eq!(queue.next(10, FIRST_CALM), Vec::<String>::new());
    assert_eq!(queue.next(10, 2 * FIRST_CALM), ["a"]);
    queue.refresh(vec![row("a", 1, None)]);
    assert_eq!(next(&queue, 10), Vec::<String>::new());
    queue.refresh(vec![row("a", 2, None)]);
    assert_eq!(next(&queue, 10), ["a"], "it says something else now");
}

#[test]
fn the_one_over_which_the_broker_closes_holds_up_none_of_those_that_were_on_their_way_with_it() {
    let mut queue = queue(&[("a", 1, None), ("b", 1, None), ("c", 1, None)]);
    let mut sent_alone = Vec::new();
    let mut taken = BTreeSet::new();
    // The broker takes everything but `b`, over which it closes before it has said anything.
    for _ in 0..10 {
        let topics = next(&queue, 10);
        if topics.is_empty() {
            break;
        }
        let numbers: Vec<_> = topics.iter().map(|topic| send(&mut queue, topic, 1)).collect();
        if topics.contains(&"b".to_owned()) {
            queue.lost();
            queue.begin();
        } else {
            numbers.iter().for_each(|number| assert!(queue.taken(*number)));
            taken.extend(topics.clone());
        }
        if let [alone] = topics.as_slice() {
            sent_alone.push(alone.clone());
        }
    }
    assert!(taken.contains("a") && taken.contains("c"), "{taken:?}");
    assert_eq!(sent_alone.iter().filter(|topic| *topic == "b").count(), 2);
    assert_eq!(queue.next(1, FIRST_CALM), ["b"]);
    let number = send(&mut queue, "b", 1);
    queue.taken(number);
    queue.touch("b");
    assert!(
        next(&queue, 10).contains(&"b".to_owned()),
        "the broker took it: it is trusted again"
    );
}

#[test]
fn while_nothing_can_be_noted_only_so_much_is_published() {
    let rows: Vec<_> = (0..UNNOTED_MOST + 5)
        .map(|number| row(&number.to_string(), 1, None))
        .collect();
    let mut queue = Queue::new("status".into(), rows);
    while let Some(topic) = next(&queue, 1).pop() {
        let number = send(&mut queue, &topic, 1);
        queue.taken(number);
    }
    assert_eq!((queue.unnoted(), queue.waiting()), (UNNOTED_MOST, 5));
    let taken = queue.take_unnoted();
    queue.not_noted(taken);
    assert_eq!(next(&queue, 1), Vec::<String>::new());
    unnoted(&mut queue);
    assert_eq!(next(&queue, 10).len(), 5);
}

#[test]
fn a_topic_that_no_broker_can_have_is_not_touched() {
    let mut queue = queue(&[]);
    queue.touch("a");
    assert_eq!(next(&queue, 1), Vec::<String>::new());
}
