//! Which reads a unit leaves unanswered although it answers others: they come last, and ever more seldom.

use super::super::learnt::Stretch;
use super::super::plan::{Plan, Read};

/// So many reads at most are known as silent; a unit that has more of them is silent.
const MOST_KNOWN: usize = 8;
/// The most polls that pass by a silent read between two that ask for it.
const MOST_POLLS_APART: u32 = 64;

/// What a unit leaves unanswered.
#[derive(Debug, Default)]
pub(super) struct Silences {
    /// The read that was left unanswered last: the next poll begins behind it.
    last: Option<Stretch>,
    known: Vec<Silent>,
}

#[derive(Debug)]
struct Silent {
    stretch: Stretch,
    apart: u32,
    left: u32,
}

impl Silences {
    /// The plan's reads, beginning behind the one that was left unanswered last: what stands behind it has its turn, too.
    pub(super) fn in_turn<'plan>(&self, plan: &'plan Plan) -> impl Iterator<Item = &'plan Read> + use<'plan> {
        let is_last = |read: &Read| Some(read.stretch()) == self.last;
        let begin = match self.last {
            Some(_) => plan.reads.iter().position(is_last).map_or(0, |at| at + 1),
            None => 0,
        };
        let (first, rest) = plan.reads.split_at_checked(begin).unwrap_or_default();
        rest.iter().chain(first)
    }

    /// Whether a read is passed by in this poll.
    pub(super) fn pass_by(&mut self, read: &Read) -> bool {
        let mut known = self.known.iter_mut();
        let Some(silent) = known.find(|silent| silent.stretch == read.stretch()) else {
            return false;
        };
        let is_passed_by = silent.left > 0;
        silent.left = silent.left.saturating_sub(1);
        is_passed_by
    }

    /// A read was left unanswered; `is_its_own` when the unit is there and no rest helps, so that it is the read that is wrong.
    pub(super) fn fell_silent(&mut self, stretch: Stretch, is_its_own: bool) {
        self.last = Some(stretch);
        if !is_its_own {
            return;
        }
        if let Some(silent) = self.known.iter_mut().find(|silent| silent.stretch == stretch) {
            silent.apart = (silent.apart * 2).min(MOST_POLLS_APART);
            silent.left = silent.apart;
        } else {
            if self.known.len() == MOST_KNOWN {
                self.known.remove(0);
            }
            self.known.push(Silent {
                stretch,
                apart: 1,
                left: 1,
            });
        }
    }

    /// A read was answered.
    pub(super) fn answered(&mut self, read: &Read) {
        if !self.known.is_empty() {
            self.known.retain(|silent| silent.stretch != read.stretch());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::RegisterTable;

    fn plan() -> Plan {
        let read = |first| Read {
            table: RegisterTable::Holding,
            first,
            count: 1,
            slots: Vec::new(),
        };
        Plan {
            reads: [0, 1, 2].map(read).into(),
            ..Plan::default()
        }
    }

    #[test]
    fn a_poll_begins_behind_the_read_that_was_left_unanswered() {
        let (plan, mut silences) = (plan(), Silences::default());
        let turn = |silences: &Silences| silences.in_turn(&plan).map(|read| read.first).collect::<Vec<_>>();
        assert_eq!(turn(&silences), [0, 1, 2]);
        silences.fell_silent(plan.reads[1].stretch(), false);
        assert_eq!(turn(&silences), [2, 0, 1]);
        silences.fell_silent(plan.reads[2].stretch(), false);
        assert_eq!(turn(&silences), [0, 1, 2]);
    }

    #[test]
    fn a_read_that_is_silent_by_itself_is_asked_ever_more_seldom_until_it_is_answered() {
        let (plan, mut silences) = (plan(), Silences::default());
        let read = &plan.reads[1];
        let mut asked = Vec::new();
        for poll in 0..300 {
            if !silences.pass_by(read) {
                asked.push(poll);
                silences.fell_silent(read.stretch(), true);
            }
        }
        assert_eq!(asked, [0, 2, 5, 10, 19, 36, 69, 134, 199, 264]);
        silences.answered(read);
        assert!(!silences.pass_by(read));
    }
}
