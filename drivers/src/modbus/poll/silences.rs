//! Which reads a unit leaves unanswered although it answers others: they come last, and ever more seldom.

use super::super::learnt::Stretch;
use super::super::plan::{Plan, Read};

/// So many reads at most are known as silent. The others of a unit that has more of them open polls for nothing, one after another,
/// before it is read again.
const MOST_KNOWN: usize = 8;
/// The most polls that pass by a silent read between two that ask for it.
const MOST_POLLS_APART: u32 = 64;

/// What a unit leaves unanswered.
#[derive(Debug, Default)]
pub(super) struct Silences {
    /// The read that was left unanswered last: the next poll begins behind it.
    last: Option<Stretch>,
    /// They are asked last, since the first silence ends a poll.
    known: Vec<Silent>,
}

#[derive(Debug)]
struct Silent {
    stretch: Stretch,
    /// So many polls pass it by between two that ask for it; none while it may be the unit that was silent.
    apart: u32,
    left: u32,
}

impl Silences {
    /// The plan's reads, beginning behind the one that was left unanswered last: what stands behind it has its turn, too. Those that
    /// are known as silent come last.
    pub(super) fn in_turn<'plan>(&self, plan: &'plan Plan) -> impl Iterator<Item = &'plan Read> + use<'plan> {
        let is_last = |read: &Read| Some(read.stretch()) == self.last;
        let begin = match self.last {
            Some(_) => plan.reads.iter().position(is_last).map_or(0, |at| at + 1),
            None => 0,
        };
        let (mut first, mut rest) = plan.reads.split_at_checked(begin).unwrap_or_default();
        let mut sorted = Vec::new();
        // Nearly always none is known, and it takes no memory then.
        if !self.known.is_empty() {
            sorted.extend(rest.iter().chain(first));
            sorted.sort_by_key(|read| self.known.iter().any(|silent| silent.stretch == read.stretch()));
            (first, rest) = (&[], &[]);
        }
        rest.iter().chain(first).chain(sorted)
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

    /// The first request of a poll was left unanswered. Be it the unit or the read that is silent: it opens no other poll before it
    /// is answered, and the next one begins as the plan does, with what was answered before, so that no two in a row are lost.
    pub(super) fn fell_silent_at_first(&mut self, stretch: Stretch) {
        let is_known = self.known.iter().any(|silent| silent.stretch == stretch);
        if !is_known && self.known.len() == MOST_KNOWN {
            self.last = Some(stretch);
            return;
        }
        self.last = None;
        if !is_known {
            self.known.push(Silent {
                stretch,
                apart: 0,
                left: 0,
            });
        }
    }

    /// A read was left unanswered behind an answer; `is_its_own` when no rest helps, so that it is the read that is wrong.
    pub(super) fn fell_silent(&mut self, stretch: Stretch, is_its_own: bool) {
        self.last = Some(stretch);
        if !is_its_own {
            return;
        }
        if let Some(silent) = self.known.iter_mut().find(|silent| silent.stretch == stretch) {
            silent.apart = (silent.apart * 2).clamp(1, MOST_POLLS_APART);
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

    fn plan_of(reads: u16) -> Plan {
        let read = |first| Read {
            table: RegisterTable::Holding,
            first,
            count: 1,
            slots: Vec::new(),
        };
        Plan {
            reads: (0..reads).map(read).collect(),
            ..Plan::default()
        }
    }

    /// One poll as the loop does it, of a unit that never answers the reads in `silent`: what it answered and what it did not.
    fn poll(
        silences: &mut Silences,
        plan: &Plan,
        silent: &[u16],
        may_need_rest: bool,
    ) -> (Vec<u16>, Option<u16>) {
        let mut answered = Vec::new();
        for read in silences.in_turn(plan) {
            if silences.pass_by(read) {
                continue;
            }
            if silent.contains(&read.first) {
                match answered.is_empty() {
                    true => silences.fell_silent_at_first(read.stretch()),
                    false => silences.fell_silent(read.stretch(), !may_need_rest),
                }
                answered.sort_unstable();
                return (answered, Some(read.first));
            }
            silences.answered(read);
            answered.push(read.first);
        }
        answered.sort_unstable();
        (answered, None)
    }

    #[test]
    fn a_poll_begins_behind_the_read_that_was_left_unanswered() {
        let (plan, mut silences) = (plan_of(3), Silences::default());
        let turn = |silences: &Silences| silences.in_turn(&plan).map(|read| read.first).collect::<Vec<_>>();
        assert_eq!(turn(&silences), [0, 1, 2]);
        silences.fell_silent(plan.reads[1].stretch(), false);
        assert_eq!(turn(&silences), [2, 0, 1]);
        silences.fell_silent(plan.reads[2].stretch(), false);
        assert_eq!(turn(&silences), [0, 1, 2]);
    }

    #[test]
    fn a_read_that_is_silent_by_itself_is_asked_ever_more_seldom_until_it_is_answered() {
        let (plan, mut silences) = (plan_of(3), Silences::default());
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

    #[test]
    fn silent_reads_beside_each_other_cost_a_poll_each_while_a_rest_is_looked_for_and_none_after_that() {
        for silent in [&[2, 3][..], &[2, 3, 4, 5], &[0, 1, 5], &[0, 1, 2, 3, 4, 5, 6, 7]] {
            let (plan, mut silences) = (plan_of(10), Silences::default());
            let others: Vec<_> = (0..10).filter(|read| !silent.contains(read)).collect();
            // Until one is answered nobody knows that the unit is there.
            while poll(&mut silences, &plan, silent, true).0.is_empty() {}
            let searched: Vec<_> = (0..40)
                .map(|_| poll(&mut silences, &plan, silent, true).0)
                .collect();
            let is_lost = |read: &Vec<u16>| read.is_empty();
            let lost = searched.iter().filter(|read| is_lost(read)).count();
            assert!(lost < silent.len(), "{silent:?}: {searched:?}");
            assert!(
                searched.windows(2).all(|two| !two.iter().all(is_lost)),
                "{silent:?}"
            );
            assert!(
                searched[20..].iter().all(|read| *read == others),
                "{silent:?}: {searched:?}"
            );
            let mut asked = vec![0; 10];
            for _ in 0..1000 {
                let (answered, ended_at) = poll(&mut silences, &plan, silent, false);
                assert_eq!(answered, others);
                if let Some(read) = ended_at {
                    asked[usize::from(read)] += 1;
                }
            }
            for read in silent {
                assert!(
                    (18..=25).contains(&asked[usize::from(*read)]),
                    "{silent:?}: {asked:?}"
                );
            }
        }
    }

    #[test]
    fn a_unit_with_more_silent_reads_than_are_known_is_still_read_now_and_then() {
        let silent: Vec<_> = (0..12).collect();
        for may_need_rest in [true, false] {
            let (plan, mut silences) = (plan_of(14), Silences::default());
            let read = (0..1000)
                .filter(|_| poll(&mut silences, &plan, &silent, may_need_rest).0 == [12, 13])
                .count();
            assert!(read >= 180, "{read}");
        }
    }

    #[test]
    fn a_unit_that_was_silent_and_is_there_again_has_no_silent_reads() {
        let (plan, mut silences) = (plan_of(12), Silences::default());
        let all: Vec<_> = (0..12).collect();
        for _ in 0..30 {
            assert!(poll(&mut silences, &plan, &all, true).0.is_empty());
        }
        assert_eq!(poll(&mut silences, &plan, &[], true), (all, None));
        assert!(silences.known.is_empty());
    }
}
