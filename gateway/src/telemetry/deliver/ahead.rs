//! Bodies that were read and are not delivered yet, and which of them the next request takes.

use std::collections::VecDeque;
use std::sync::Arc;

use super::apart::Apart;
use crate::store::Body;
use crate::telemetry::gzip::{is_joinable, joined};
use crate::telemetry::outbox::Newest;

/// After so many requests that were answered in time, a larger one is tried again where one was not: over a slow line that costs a
/// tenth of the time.
const TRIED_AFTER: u32 = 16;

/// Bodies of one outbox file, in their order.
#[derive(Debug)]
pub struct Ahead {
    /// Which file, counted from the start of the gateway.
    pub file: u32,
    /// The first body, where lines of it are refused.
    pub apart: Option<Apart>,
    bodies: VecDeque<Arc<Body>>,
    bytes: usize,
    /// The number of the last that was read.
    last: i64,
    /// What a request may have at most. Halved when a server says that it is too much, and then kept so until the gateway starts again.
    most_bytes: usize,
    /// What a request may have now: less where answers did not come in time.
    request_bytes: usize,
    /// How many requests in a row were answered in time.
    in_time: u32,
    /// How many bodies the request under way has.
    sent: usize,
    /// Among so many of the first bodies is one that the server refuses; none are suspected when it is 0.
    suspected: usize,
    /// What a request may have at most, in bodies, after one was taken apart: where a device's every line is refused, the next body is as bad,
    /// and would be sent again with each search. Doubled with each request that is taken, up to all that was read.
    careful: Option<usize>,
    /// Bodies up to this number were looked at and are what was packed, but for the one that is spoiled.
    checked: i64,
    /// The body that is not what was packed, once it was looked at; it is not sent.
    spoiled: Option<i64>,
}

impl Ahead {
    /// Everything up to and including that number is delivered.
    pub fn after(delivered: i64, file: u32, request_bytes: usize) -> Self {
        Self {
            file,
            apart: None,
            bodies: VecDeque::new(),
            bytes: 0,
            last: delivered,
            most_bytes: request_bytes,
            request_bytes,
            in_time: 0,
            sent: 0,
            suspected: 0,
            careful: None,
            checked: delivered,
            spoiled: None,
        }
    }

    /// Whether nothing is read that is not delivered.
    pub fn is_empty(&self) -> bool {
        self.bodies.is_empty()
    }

    /// Whether there is enough for this request and the next.
    pub fn has_enough(&self) -> bool {
        self.bytes >= 2 * self.request_bytes
    }

    /// The number of the last that was read.
    pub fn last(&self) -> i64 {
        self.last
    }

    /// Bodies that were read after the last.
    pub fn push(&mut self, bodies: Vec<Body>) {
        for body in bodies {
            self.push_one(Arc::new(body));
        }
    }

    /// The newest body without reading it, if it is the next.
    pub fn take_newest(&mut self, newest: &Newest) {
        if let Some(body) = &newest.body
            && newest.file == self.file
            && body.number == self.last + 1
        {
            self.push_one(Arc::clone(body));
        }
    }

    /// The bodies that were read and are not delivered yet.
    pub fn bodies(&self) -> Vec<Arc<Body>> {
        self.bodies.iter().cloned().collect()
    }

    fn push_one(&mut self, body: Arc<Body>) {
        self.last = body.number;
        self.bytes += body.bytes.len();
        self.bodies.push_back(body);
    }

    /// The next request: as many of the first bodies as it may have, joined to one gzip file. A body that cannot be joined, from before an
    /// update of the gateway, goes by itself.
    pub fn request(&mut self) -> Vec<u8> {
        let most = match self.suspected {
            0 => usize::MAX,
            suspected => (suspected / 2).max(1),
        };
        let most = most.min(self.careful.unwrap_or(usize::MAX));
        let (mut count, mut bytes) = (0, 0);
        for body in self.bodies.iter().take(most) {
            let joins = is_joinable(&body.bytes);
            if count > 0
                && (!joins
                    || self.spoiled == Some(body.number)
                    || bytes + body.bytes.len() > self.request_bytes)
            {
                break;
            }
            count += 1;
            bytes += body.bytes.len();
            if !joins {
                break;
            }
        }
        self.sent = count;
        joined(self.bodies.iter().take(count).map(|body| body.bytes.as_slice()))
    }

    /// The server has taken the request: the number of its last body, and how many samples were in it.
    pub fn taken(&mut self) -> (i64, u64) {
        self.careful = self
            .careful
            .map(|most| most.saturating_mul(2))
            .filter(|most| *most < self.bodies.len());
        self.suspected = self.suspected.saturating_sub(self.sent);
        self.in_time += 1;
        if self.in_time >= TRIED_AFTER && self.request_bytes < self.most_bytes {
            self.request_bytes = (self.request_bytes * 2).min(self.most_bytes);
            self.in_time = 0;
        }
        let mut taken = (0, 0);
        for body in self.bodies.drain(..self.sent.min(self.bodies.len())) {
            taken = (body.number, taken.1 + body.samples);
            self.bytes -= body.bytes.len();
        }
        taken
    }

    /// The server has refused the request; gives the body that is bad, once it is found.
    pub fn refused(&mut self) -> Option<Arc<Body>> {
        if self.sent > 1 {
            self.suspected = self.sent;
            self.careful = self.careful.map(|_| (self.sent / 2).max(1));
            return None;
        }
        self.bodies.front().cloned()
    }

    /// The bodies of the request that were not looked at yet, whether they are what was packed. They are, unless [`Self::found_spoiled`]
    /// is told of one.
    pub fn unchecked(&mut self) -> Vec<Arc<Body>> {
        let sent = self.bodies.iter().take(self.sent);
        let bodies: Vec<_> = sent.filter(|body| body.number > self.checked).cloned().collect();
        self.checked = bodies.last().map_or(self.checked, |body| body.number);
        bodies
    }

    /// This body is not what was packed: those before it are sent without it.
    pub fn found_spoiled(&mut self, number: i64) {
        self.checked = number;
        self.spoiled = Some(number);
    }

    /// The first body, where it is known to be spoiled.
    pub fn first_if_spoiled(&self) -> Option<Arc<Body>> {
        let first = self.bodies.front()?;
        (self.spoiled == Some(first.number)).then(|| Arc::clone(first))
    }

    /// The request was too large for the server; gives the body that is too large by itself.
    pub fn too_large(&mut self) -> Option<Arc<Body>> {
        if self.sent > 1 {
            self.most_bytes = self.sent_bytes() / 2;
            self.request_bytes = self.most_bytes;
            return None;
        }
        self.bodies.front().cloned()
    }

    /// The request was not answered in time: the next has half of it, down to one body.
    pub fn slow(&mut self) {
        self.in_time = 0;
        if self.sent > 1 {
            self.request_bytes = self.sent_bytes() / 2;
        }
    }

    fn sent_bytes(&self) -> usize {
        self.bodies
            .iter()
            .take(self.sent)
            .map(|body| body.bytes.len())
            .sum()
    }

    /// The first body was taken apart and is done with: its number and how many samples were in it.
    pub fn taken_apart(&mut self) -> (i64, u64) {
        self.sent = 1;
        let taken = self.taken();
        self.suspected = 0;
        self.careful = Some(1);
        taken
    }
}

#[cfg(test)]
mod tests {
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
}
