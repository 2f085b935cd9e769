//! How a device's plan heals: parts of what is refused are asked for in the same poll, within bounds, and learnt from.

use std::ops::Bound;
use std::time::Duration;

use model::ModbusLimits;

use super::super::learnt::{Learnt, Parts, Stretch, Tried};
use super::super::plan::{Plan, Read, across, part};

/// Extra requests in one poll, so that learning never takes a line from the other devices.
const MOST_EXTRA: u32 = 8;
/// So often each point that was refused is asked for once more.
const RETRY_AFTER: Duration = Duration::from_secs(600);
/// So often one border, or the longest block, is tried whether it still holds.
const RECHECK_AFTER: Duration = Duration::from_secs(86_400);
/// So many polls in a row that were cut short or brought something else than values are let pass before they count as whole.
const MOST_CUT: u8 = 8;
/// A device that refuses everything is asked in parts ever more seldom, up to once in so many polls.
const MOST_POLLS_APART: u32 = 64;

/// What is known of a device, and what is under way to know more.
pub(super) struct Healing {
    pub(super) learnt: Learnt,
    tried: Vec<Tried>,
    is_refused: bool,
    /// Whether something that was asked for in this poll said nothing of its registers, and how many such polls there were in a row.
    is_cut: bool,
    cut_in_a_row: u8,
    may_part: bool,
    extra_left: u32,
    /// After a poll in which everything was refused: how many to let pass, and how many are left of them.
    is_hopeless: bool,
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
    has_shorter_pause: bool,
    now: Duration,
    /// When a refused point is asked for again, and which was the last.
    retry_at: Duration,
    retried: Option<Stretch>,
    /// When a border or the longest block is tried again, and how many were.
    recheck_at: Duration,
    rechecked: usize,
    /// What was asked for beside the plan has come.
    has_come_back: bool,
}

/// What follows from a poll.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lesson {
    /// The next poll is to be planned anew.
    pub(super) is_plan_new: bool,
    /// Something is known that outlives a restart.
    pub(super) is_to_keep: bool,
}

impl Healing {
    /// Goes on from what is known.
    pub(super) fn new(learnt: Learnt) -> Self {
        Self {
            retry_at: retry_after(&learnt),
            learnt,
            tried: Vec::new(),
            is_refused: false,
            is_cut: false,
            cut_in_a_row: 0,
            may_part: true,
            extra_left: 0,
            is_hopeless: false,
            apart: 0,
            apart_left: 0,
            searches: 0,
            searched: Vec::new(),
            wholes: Vec::new(),
            pieces: Vec::new(),
            turns: 0,
            has_parted: false,
            has_new_pause: false,
            has_shorter_pause: false,
            now: Duration::ZERO,
            retried: None,
            recheck_at: RECHECK_AFTER,
            rechecked: 0,
            has_come_back: false,
        }
    }

    /// A poll begins at `now`.
    pub(super) fn begin(&mut self, now: Duration) {
        self.now = now;
        self.tried.clear();
        self.is_refused = false;
        self.is_cut = false;
        self.may_part = self.apart_left == 0;
        self.extra_left = MOST_EXTRA;
        self.wholes.clear();
        self.has_parted = false;
        self.pieces.clear();
        self.apart_left = self.apart_left.saturating_sub(1);
    }

    /// A read was answered, or refused with a code that is about its registers. What is asked for beside the plan is only to find out
    /// whether it is there by now: that it is not is known.
    pub(super) fn tried(&mut self, read: &Read, refused: Option<u8>) {
        if read.slots.is_empty() {
            if refused.is_some() {
                return;
            }
            self.has_come_back = true;
        }
        self.is_refused |= refused.is_some();
        self.tried.push(read.tried(refused));
    }

    /// A read brought neither values nor a refusal that is about its registers, or the rest of the poll is not asked.
    pub(super) fn cut(&mut self) {
        self.is_cut = true;
    }

    /// A read of the plan was refused: it is asked for in parts, now if there are extra requests left, else at the next poll.
    ///
    /// Where everything is refused and the search in both halves found nothing that comes, a later one takes one of the reads, each
    /// in its turn, and goes down one way, another one each time: after at most twice as many searches as there are registers it has
    /// asked for each point alone.
    pub(super) fn part_whole(&mut self, read: &Read) {
        if part(read).is_none() {
            return;
        }
        if self.may_part {
            self.learnt.keep_apart(read.stretch());
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

    /// A part was refused: it is parted in its turn, if there are extra requests left for its parts. A border without them would
    /// be a read more in every poll, and one for each of them in the next.
    pub(super) fn part(&mut self, read: &Read) {
        let Some((left, right)) = part(read).filter(|_| self.may_part) else {
            return;
        };
        let parts = Parts {
            left: left.stretch(),
            right: right.stretch(),
        };
        if self.searches == 0 && self.extra_left >= 2 {
            self.extra_left -= 2;
            self.pieces.extend([right, left]);
        } else if self.searches > 0 && self.extra_left >= 1 {
            self.extra_left -= 1;
            self.pieces
                .push(if self.turns.is_multiple_of(2) { left } else { right });
            self.turns /= 2;
        } else {
            return;
        }
        self.has_parted |= self.learnt.part(parts);
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
        self.has_shorter_pause |= self.learnt.answered_all();
    }

    /// What to ask for beside the plan, if it is time to: a stretch that was refused long ago, or what would show that a border or
    /// the longest block does not hold any more. One request, so that nothing else is missed if it is refused.
    pub(super) fn next_retry(&mut self, plan: &Plan, limits: &ModbusLimits) -> Option<Read> {
        let refused = &self.learnt.refused;
        if self.now >= self.retry_at
            && let Some((first, _)) = refused.first_key_value()
        {
            let later = |retried| refused.range((Bound::Excluded(retried), Bound::Unbounded)).next();
            let next = self.retried.and_then(later).map_or(*first, |(next, _)| *next);
            self.retried = Some(next);
            self.retry_at = self.now + retry_after(&self.learnt);
            return Some(aside(next));
        }
        if self.now < self.recheck_at {
            return None;
        }
        let across = across(plan, limits, &self.learnt);
        let next = across.get(self.rechecked % across.len().max(1))?;
        self.rechecked = self.rechecked.wrapping_add(1);
        self.recheck_at = self.now + RECHECK_AFTER;
        Some(aside(*next))
    }

    /// The poll has ended: learns from it, and tells of what is new.
    pub(super) fn end(&mut self, device: &str) -> Lesson {
        let has_new_pause = self.tell_of_pause(device);
        let is_whole = !self.is_cut || self.cut_in_a_row >= MOST_CUT;
        self.cut_in_a_row = if is_whole { 0 } else { self.cut_in_a_row + 1 };
        let came = self.tried.iter().filter(|tried| tried.refused.is_none());
        let is_surprised = came
            .clone()
            .any(|tried| self.learnt.is_surprised_by(tried.stretch));
        if !self.is_refused && !self.is_parting() && !is_surprised {
            came.for_each(|tried| self.learnt.prove(tried.stretch));
            self.is_hopeless = false;
            // Points that are read more often than those that are refused say nothing of them.
            if self.has_come_of_the_searched() {
                self.found_something();
            }
            return Lesson {
                is_plan_new: has_new_pause,
                is_to_keep: has_new_pause,
            };
        }
        self.is_hopeless = !self.tried.is_empty() && self.tried.iter().all(|tried| tried.refused.is_some());
        if !self.is_hopeless {
            if self.is_refused || self.has_come_of_the_searched() {
                self.found_something();
            }
        } else if self.may_part {
            self.apart = (self.apart * 2).clamp(1, MOST_POLLS_APART);
            self.apart_left = self.apart;
            self.searches += 1;
            self.searched.clone_from(&self.wholes);
        }
        let before = self.learnt.clone();
        self.learnt.digest(&self.tried, is_whole);
        self.plan_retries(&before);
        if self.learnt.refused.len() > before.refused.len() {
            self.tell_of_refused(device);
        }
        let has_parted = self.has_parted && self.is_parting();
        Lesson {
            is_plan_new: has_parted || has_new_pause || !self.learnt.asks_as(&before),
            is_to_keep: has_new_pause || !self.learnt.is_kept_as(&before),
        }
    }

    /// Tells that another rest between requests is tried from now on, if it is.
    fn tell_of_pause(&mut self, device: &str) -> bool {
        let pause_ms = self.learnt.pause.as_millis();
        let has_new_pause = std::mem::take(&mut self.has_new_pause);
        if has_new_pause {
            tracing::info!(
                device,
                pause_ms,
                "device falls silent after its first answer; it is given a rest between requests"
            );
        }
        let has_shorter_pause = std::mem::take(&mut self.has_shorter_pause);
        if has_shorter_pause {
            tracing::info!(
                device,
                pause_ms,
                "device has answered all for long; a shorter rest is tried"
            );
        }
        has_new_pause || has_shorter_pause
    }

    fn tell_of_refused(&self, device: &str) {
        let stretches = self.learnt.refused.keys();
        let refused: Vec<String> = stretches
            .map(|stretch| format!("{}:{}", stretch.table.name(), stretch.first))
            .collect();
        let next = "the rest is read on; compare its profile with its manual";
        tracing::warn!(
            device,
            refused = refused.join(" "),
            "device refuses these registers; {next}"
        );
    }

    /// What has come back was perhaps refused for the same reason as the rest, which is asked for at once; what is newly refused has
    /// its turn within ten minutes.
    fn plan_retries(&mut self, before: &Learnt) {
        let (known, now) = (before.refused.len(), self.learnt.refused.len());
        let next = self.now + retry_after(&self.learnt);
        if std::mem::take(&mut self.has_come_back) {
            if now < known {
                self.retry_at = self.now;
            } else {
                self.recheck_at = self.now;
            }
        } else if now > known {
            self.retry_at = if known == 0 { next } else { self.retry_at.min(next) };
        }
    }

    /// Whether the next poll is to ask for all points: polls of the faster ones alone do not see what is looked for. Where all that
    /// was asked for was refused, the faster ones may be all that comes.
    pub(super) fn wants_all(&self) -> bool {
        (self.is_parting() && !self.is_hopeless) || (self.apart > 0 && self.apart_left == 0)
    }

    fn is_parting(&self) -> bool {
        self.learnt.doubted.is_about_registers()
            || self.learnt.borders.values().any(|border| !border.is_sure())
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

/// A read of which nothing is taken but whether it came.
fn aside(stretch: Stretch) -> Read {
    Read {
        table: stretch.table,
        first: stretch.first,
        count: stretch.count,
        slots: Vec::new(),
    }
}

/// When the next of the refused points has its turn.
fn retry_after(learnt: &Learnt) -> Duration {
    RETRY_AFTER / u32::try_from(learnt.refused.len().max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod doubt_tests;
#[cfg(test)]
mod tests;
