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
/// What has so many bytes at most is sent as it is, however slow that is: less would cost more in requests than it carries, and over
/// 10 kbit/s it is there in time.
const SLOW_LEAST_BYTES: usize = 16 << 10;

/// Bodies of one outbox file, in their order.
#[derive(Debug)]
pub struct Ahead {
    /// Which file, counted from the start of the gateway.
    pub file: u32,
    /// The first body, where lines of it are refused, or where it is too large to be there in time.
    pub apart: Option<Apart>,
    bodies: VecDeque<Arc<Body>>,
    bytes: usize,
    /// The number of the last that was read.
    last: i64,
    /// What a request may have at most. Halved when a server says that it is too much, and then kept so until the gateway starts again.
    most_bytes: usize,
    /// What a request may have now: less where answers did not come in time.
    request_bytes: usize,
    /// Whether they did not, so that also a single body of more is too slow.
    is_slow: bool,
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
            is_slow: false,
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
        if self.in_time >= TRIED_AFTER && self.is_slow {
            self.request_bytes = (self.request_bytes * 2).min(self.most_bytes);
            self.is_slow = self.request_bytes < self.most_bytes;
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

    /// The request was not answered in time: the next has half of it, down to one body, and then down to a piece of one.
    pub fn slow(&mut self) {
        let sent = self.sent_bytes();
        if self.sent > 1 {
            self.in_time = 0;
            self.request_bytes = sent / 2;
            self.is_slow = true;
        } else {
            self.slow_piece(sent);
        }
    }

    /// A body, or a piece of one, was not answered in time, that had so many bytes.
    pub fn slow_piece(&mut self, bytes: usize) {
        self.in_time = 0;
        if bytes > SLOW_LEAST_BYTES {
            self.request_bytes = (bytes / 2).min(self.request_bytes);
            self.is_slow = true;
        }
    }

    /// Whether a body, or a piece of one, is more than what was there in time lately.
    pub fn is_too_slow(&self, bytes: usize) -> bool {
        self.is_slow && bytes > self.request_bytes.max(SLOW_LEAST_BYTES)
    }

    /// The first body, where it is too much to be there in time.
    pub fn first_if_too_slow(&self) -> Option<Arc<Body>> {
        let first = self.bodies.front()?;
        self.is_too_slow(first.bytes.len()).then(|| Arc::clone(first))
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
mod tests;
