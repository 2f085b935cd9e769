//! How a device's plan heals: parts of what is refused are asked for in the same poll, within bounds, and learnt from.

use std::time::Duration;

use super::super::learnt::{Border, Learnt, Stretch, Tried};
use super::super::plan::{Read, part};

/// Extra requests in one poll, so that learning never takes a line from the other devices.
const MOST_EXTRA: u32 = 8;
/// After so long a point that was refused is asked for once more.
const RETRY_AFTER: Duration = Duration::from_secs(600);
/// A device that refuses everything is asked in parts ever more seldom, up to once in so many polls.
const MOST_POLLS_APART: u32 = 64;

/// What is known of a device, and what is under way to know more.
pub(super) struct Healing {
    pub(super) learnt: Learnt,
    tried: Vec<Tried>,
    is_refused: bool,
    may_part: bool,
    extra_left: u32,
    /// After a poll in which everything was refused: how many to let pass, and how many are left of them.
    apart: u32,
    apart_left: u32,
    /// Searches in a row that found nothing that comes, and the refused reads that the last of them was faced with.
    searches: usize,
    searched: Vec<Stretch>,
    /// The reads of the plan that were refused so far in this poll and can be parted.
    wholes: Vec<Stretch>,
    /// The parts that are still to be asked for in this poll, the first one last.
    pieces: Vec<Read>,
    /// The turns of a search that goes down one way: right for a one, lowest first.
    turns: usize,
    has_parted: bool,
    has_new_pause: bool,
    now: Duration,
    retry_at: Duration,
    retried: usize,
}

impl Healing {
    /// Goes on from what is known.
    pub(super) fn new(learnt: Learnt) -> Self {
        Self {
            learnt,
            tried: Vec::new(),
            is_refused: false,
            may_part: true,
            extra_left: 0,
            apart: 0,
            apart_left: 0,
            searches: 0,
            searched: Vec::new(),
            wholes: Vec::new(),
            pieces: Vec::new(),
            turns: 0,
            has_parted: false,
            has_new_pause: false,
            now: Duration::ZERO,
            retry_at: RETRY_AFTER,
            retried: 0,
        }
    }

    /// A poll begins at `now`.
    pub(super) fn begin(&mut self, now: Duration) {
        self.now = now;
        self.tried.clear();
        self.is_refused = false;
        self.may_part = self.apart_left == 0;
        self.extra_left = MOST_EXTRA;
        self.wholes.clear();
        self.has_parted = false;
        self.pieces.clear();
        self.apart_left = self.apart_left.saturating_sub(1);
    }

    /// A read was answered, or refused with a code that is about its registers.
    pub(super) fn tried(&mut self, read: &Read, refused: Option<u8>) {
        self.is_refused |= refused.is_some();
        self.tried.push(read.tried(refused));
    }

    /// A read of the plan was refused: it is asked for in parts, now if there are extra requests left, else at the next poll.
    ///
    /// Where everything is refused and the search in both halves found nothing that comes, a later one takes one of the reads, each
    /// in its turn, and goes down one way, another one each time: after at most twice as many searches as there are registers it has
    /// asked for each point alone.
    pub(super) fn part_whole(&mut self, read: &Read) {
        if self.may_part {
            self.learnt.keep_apart(read.table, read.first);
        }
        if part(read).is_none() {
            return;
        }
        let nth = self.wholes.len();
        self.wholes.push(read.stretch());
        if let Some(before) = self.searches.checked_sub(1) {
            let searched = self.searched.len().max(1);
            if nth != before % searched {
                return;
            }
            self.turns = before / searched;
        }
        self.part(read);
    }

    /// A part was refused: it is parted in its turn.
    pub(super) fn part(&mut self, read: &Read) {
        let Some((left, right)) = part(read).filter(|_| self.may_part) else {
            return;
        };
        self.has_parted |= self.learnt.part(read.table, right.first);
        if self.searches == 0 && self.extra_left >= 2 {
            self.extra_left -= 2;
            self.pieces.extend([right, left]);
        } else if self.searches > 0 && self.extra_left >= 1 {
            self.extra_left -= 1;
            self.pieces
                .push(if self.turns.is_multiple_of(2) { left } else { right });
            self.turns /= 2;
        }
    }

    /// The part to ask for next in this poll.
    pub(super) fn next_piece(&mut self) -> Option<Read> {
        self.pieces.pop()
    }

    /// A unit left a request unanswered; what it had answered before in this poll says whether it may need a rest.
    pub(super) fn fell_silent(&mut self) {
        if !self.tried.is_empty() {
            self.has_new_pause |= self.learnt.fell_silent();
        }
    }

    /// It answered all that it was asked.
    pub(super) fn answered_all(&mut self) {
        self.learnt.answered_all();
    }

    /// A stretch that was refused long ago, if it is time to ask for one again.
    pub(super) fn next_retry(&mut self) -> Option<Read> {
        if self.learnt.refused.is_empty() || self.now < self.retry_at {
            return None;
        }
        self.retry_at = self.now + RETRY_AFTER / u32::try_from(self.learnt.refused.len()).unwrap_or(u32::MAX);
        self.retried = (self.retried + 1) % self.learnt.refused.len();
        let stretch = self.learnt.refused.keys().nth(self.retried)?;
        Some(Read {
            table: stretch.table,
            first: stretch.first,
            count: stretch.count,
            slots: Vec::new(),
        })
    }

    /// The poll has ended: learns from it, and tells of what is new. Whether anything is to be planned anew.
    pub(super) fn end(&mut self, device: &str) -> bool {
        let has_new_pause = std::mem::take(&mut self.has_new_pause);
        if has_new_pause {
            let pause_ms = self.learnt.pause.as_millis();
            tracing::info!(
                device,
                pause_ms,
                "device falls silent after its first answer; it is given a rest between requests"
            );
        }
        let is_searching = self.is_parting()
            || self.learnt.registers.refused.is_some()
            || self.learnt.bits.refused.is_some();
        let is_retried = self
            .tried
            .iter()
            .any(|tried| self.learnt.refused.contains_key(&tried.stretch));
        if !self.is_refused && !is_searching && !is_retried {
            // Points that are read more often than those that are refused say nothing of them.
            if self.has_come_of_the_searched() {
                self.found_something();
            }
            return has_new_pause;
        }
        let is_hopeless = !self.tried.is_empty() && self.tried.iter().all(|tried| tried.refused.is_some());
        if !is_hopeless {
            if self.is_refused || self.has_come_of_the_searched() {
                self.found_something();
            }
        } else if self.may_part {
            self.apart = (self.apart * 2).clamp(1, MOST_POLLS_APART);
            self.apart_left = self.apart;
            self.searches += 1;
            self.searched.clone_from(&self.wholes);
        }
        let known = self.learnt.refused.len();
        let has_learnt = self.learnt.digest(&self.tried);
        if self.learnt.refused.len() > known {
            let refused: Vec<String> = self
                .learnt
                .refused
                .keys()
                .map(|stretch| format!("{}:{}", stretch.table.name(), stretch.first))
                .collect();
            let next = "the rest is read on; compare its profile with its manual";
            tracing::warn!(
                device,
                refused = refused.join(" "),
                "device refuses these registers; {next}"
            );
        }
        has_learnt || (self.has_parted && self.is_parting()) || has_new_pause
    }

    fn is_parting(&self) -> bool {
        self.learnt.borders.values().any(|border| *border != Border::Sure)
    }

    fn has_come_of_the_searched(&self) -> bool {
        let mut came = self.tried.iter().filter(|tried| tried.refused.is_none());
        came.any(|tried| self.searched.iter().any(|one| one.overlaps(&tried.stretch)))
    }

    /// Something came: what is refused is asked for in both halves again, and at every poll.
    fn found_something(&mut self) {
        (self.apart, self.apart_left, self.searches) = (0, 0, 0);
        self.searched.clear();
    }
}

#[cfg(test)]
mod tests;
