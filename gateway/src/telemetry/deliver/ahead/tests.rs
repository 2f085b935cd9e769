//! Which bodies a request takes, after whatever the server said of those before it.

use super::*;
use crate::telemetry::gzip::{compressed, compressed_unmarked};

/// A body of so many bytes, whose number is in it as this byte.
fn body(number: i64, bytes: usize) -> Body {
    let mut packed = compressed("");
    let inside = packed.len() - FRAME_BYTES;
    packed.splice(10..10 + inside, vec![mark(number); bytes - FRAME_BYTES]);
    Body {
        number,
        samples: 10,
        bytes: packed,
    }
}

/// What a body has besides its lines.
const FRAME_BYTES: usize = 20;

fn mark(number: i64) -> u8 {
    u8::try_from(150 + number).unwrap()
}

/// How many bytes the bodies of the next request have.
fn request_bytes(ahead: &mut Ahead) -> usize {
    if ahead.is_empty() {
        return 0;
    }
    let request = ahead.request();
    let bytes = ahead.sent_bytes();
    assert_eq!(request.len(), bytes - (ahead.sent - 1) * FRAME_BYTES);
    bytes
}

fn ahead(bodies: i64) -> Ahead {
    let mut ahead = Ahead::after(0, 0, 1000);
    ahead.push((1..=bodies).map(|number| body(number, 100)).collect());
    ahead
}

#[test]
fn a_request_has_as_many_bodies_as_fit_and_what_is_read_meanwhile_is_not_counted_as_sent() {
    let mut ahead = ahead(5);
    assert_eq!(request_bytes(&mut ahead), 500);
    ahead.push((6..=20).map(|number| body(number, 100)).collect());
    assert_eq!(ahead.taken(), (5, 50));
    assert_eq!(request_bytes(&mut ahead), 1000);
    assert_eq!(ahead.taken(), (15, 100));
    ahead.push(vec![body(21, 5000)]);
    assert_eq!(request_bytes(&mut ahead), 500, "one that is too large goes alone");
    ahead.taken();
    assert_eq!(request_bytes(&mut ahead), 5000);
}

#[test]
fn one_bad_body_of_many_is_found_in_a_few_requests_and_all_before_it_are_taken() {
    for bad in 1..=8_u8 {
        let mut ahead = ahead(8);
        let mut requests = 0;
        let mut delivered = 0;
        let found = loop {
            requests += 1;
            let request = ahead.request();
            if !request.contains(&mark(i64::from(bad))) {
                delivered = ahead.taken().0;
            } else if let Some(found) = ahead.refused() {
                break found;
            }
        };
        assert_eq!((found.number, delivered), (i64::from(bad), i64::from(bad) - 1));
        assert!(requests <= 7, "{bad}: {requests} requests");
        assert_eq!(ahead.taken_apart(), (i64::from(bad), 10));
        let one = usize::from(bad < 8);
        assert_eq!(request_bytes(&mut ahead), 100 * one, "the next may be as bad");
    }
}

#[test]
fn a_server_that_takes_little_gets_little_from_then_on() {
    let mut ahead = ahead(10);
    assert_eq!(request_bytes(&mut ahead), 1000);
    assert!(ahead.too_large().is_none());
    assert_eq!(request_bytes(&mut ahead), 500);
    ahead.taken();
    assert_eq!(request_bytes(&mut ahead), 500);
    ahead.taken();
    ahead.push(vec![body(11, 700)]);
    assert_eq!(request_bytes(&mut ahead), 700);
    assert_eq!(ahead.too_large().unwrap().number, 11);
}

#[test]
fn over_a_slow_line_requests_shrink_until_they_pass_and_grow_again_later() {
    let mut ahead = Ahead::after(0, 0, 1000);
    ahead.push((1..=100).map(|number| body(number, 100)).collect());
    for expected in [1000, 500, 200, 100, 100] {
        assert_eq!(request_bytes(&mut ahead), expected);
        ahead.slow();
    }
    for _ in 0..TRIED_AFTER {
        assert_eq!(request_bytes(&mut ahead), 100);
        ahead.taken();
    }
    assert_eq!(request_bytes(&mut ahead), 200);
}

#[test]
fn a_body_that_is_too_slow_by_itself_is_so_until_a_larger_request_is_tried_again() {
    let large = 3 * SLOW_LEAST_BYTES;
    let mut ahead = Ahead::after(0, 0, 2 * large);
    ahead.push((1..=20).map(|number| body(number, large)).collect());
    ahead.request();
    assert!(ahead.first_if_too_slow().is_none());
    ahead.slow();
    assert!(ahead.first_if_too_slow().is_none(), "two were too much");
    ahead.request();
    ahead.slow();
    assert_eq!(ahead.first_if_too_slow().unwrap().number, 1);
    let least = (ahead.is_too_slow(large / 2 + 1), ahead.is_too_slow(large / 2));
    assert_eq!(least, (true, false));
    for _ in 0..2 {
        ahead.slow_piece(large / 2);
    }
    assert!(
        !ahead.is_too_slow(SLOW_LEAST_BYTES),
        "what is so small goes as it is"
    );
    for _ in 0..2 * TRIED_AFTER - 1 {
        assert!(ahead.first_if_too_slow().is_some());
        ahead.push(vec![body(21, large)]);
        ahead.taken_apart();
    }
    ahead.taken_apart();
    assert!(ahead.first_if_too_slow().is_none());
}

#[test]
fn the_newest_body_is_not_read_again_where_it_is_the_next() {
    let newest = |number, file| Newest {
        number,
        file,
        body: Some(Arc::new(body(number, 100))),
    };
    let mut ahead = Ahead::after(4, 0, 1000);
    ahead.take_newest(&newest(6, 0));
    assert!(ahead.is_empty(), "5 comes first");
    ahead.take_newest(&newest(5, 1));
    assert!(ahead.is_empty(), "of another file");
    ahead.take_newest(&newest(5, 0));
    assert_eq!((request_bytes(&mut ahead), ahead.last()), (100, 5));
}

#[test]
fn a_body_of_an_older_gateway_goes_by_itself_wherever_it_stands() {
    let mut ahead = ahead(2);
    let old = compressed_unmarked("pump a=1 5\n");
    ahead.push(vec![Body {
        number: 3,
        samples: 10,
        bytes: old.clone(),
    }]);
    ahead.push((4..=6).map(|number| body(number, 100)).collect());
    let mut last = Vec::new();
    while !ahead.is_empty() {
        let request = ahead.request();
        assert!(request == old || ahead.sent > 1);
        last.push(ahead.taken().0);
    }
    assert_eq!(last, [2, 3, 6]);
}

/// How many bodies travel, counted each time, until all of so many are delivered or taken apart; a server refuses these.
fn sent_until_done(bodies: i64, is_bad: impl Fn(i64) -> bool) -> usize {
    let mut ahead = Ahead::after(0, 0, 10_000);
    let packed: Vec<Body> = (1..=bodies).map(|number| body(number, 100)).collect();
    ahead.push(packed);
    let mut sent = 0;
    while let Some(first) = ahead.bodies.front().map(|body| body.number) {
        ahead.request();
        sent += ahead.sent;
        let last = first + ahead.sent as i64 - 1;
        if !(first..=last).any(&is_bad) {
            ahead.taken();
        } else if ahead.refused().is_some() {
            ahead.taken_apart();
        }
    }
    sent
}

#[test]
fn a_backlog_of_which_every_body_has_a_bad_line_travels_about_once_and_one_bad_body_costs_little() {
    let all = sent_until_done(100, |_| true);
    assert!(all <= 100 + 2 * 100, "{all} bodies, the first search included");
    let none = sent_until_done(100, |_| false);
    assert_eq!(none, 100);
    let one = sent_until_done(100, |number| number == 50);
    assert!(one <= 4 * 100, "{one}");
    let each_tenth = sent_until_done(100, |number| number % 10 == 0);
    assert!(each_tenth <= 5 * 100, "{each_tenth}");
}

#[test]
fn after_a_body_was_taken_apart_requests_grow_again_with_each_that_is_taken() {
    let mut ahead = ahead(1);
    ahead.request();
    assert!(ahead.refused().is_some());
    ahead.taken_apart();
    ahead.push((2..=100).map(|number| body(number, 10 + FRAME_BYTES)).collect());
    let mut bodies = Vec::new();
    for _ in 0..5 {
        ahead.request();
        bodies.push(ahead.sent);
        ahead.taken();
    }
    assert_eq!(bodies, [1, 2, 4, 8, 16]);
    ahead.request();
    assert!(ahead.refused().is_none());
    ahead.request();
    assert_eq!(ahead.sent, 16, "half of what was refused");
}
