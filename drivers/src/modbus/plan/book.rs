//! The plans that devices share: worked out once for each profile, and for each set of its points that can be due together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::Profile;

use super::super::learnt::Learnt;
use super::{Plan, plan};

/// How many plans are kept of a profile. It has two or three different `every`; one with very many has plans worked out anew.
const PLANS_KEPT: usize = 16;

/// The plans of all profiles whose devices have shown nothing of themselves: a thousand devices alike are asked alike.
#[derive(Default)]
pub(crate) struct PlanBook {
    profiles: Mutex<Vec<Arc<Plans>>>,
}

impl PlanBook {
    /// The plans of a profile.
    pub(crate) fn of(&self, profile: &Arc<Profile>) -> Arc<Plans> {
        let mut profiles = lock(&self.profiles);
        let known = profiles.iter().find(|plans| Arc::ptr_eq(&plans.profile, profile));
        known.map(Arc::clone).unwrap_or_else(|| {
            let plans = Arc::new(Plans::new(Arc::clone(profile), Learnt::default()));
            profiles.push(Arc::clone(&plans));
            plans
        })
    }
}

/// How devices are asked that have one profile and have shown the same of themselves.
pub(crate) struct Plans {
    profile: Arc<Profile>,
    learnt: Learnt,
    /// The profile's different `every`, ascending.
    every: Vec<u32>,
    /// Each with those `every` that are due in it.
    known: Mutex<Vec<(Vec<u32>, Arc<Plan>)>>,
}

impl Plans {
    /// The plans for a profile's points and what a device has shown.
    pub(crate) fn new(profile: Arc<Profile>, learnt: Learnt) -> Self {
        let mut every: Vec<u32> = profile.points.iter().map(|point| point.every.max(1)).collect();
        every.sort_unstable();
        every.dedup();
        Self {
            profile,
            learnt,
            every,
            known: Mutex::default(),
        }
    }

    /// The plan of the `number`-th poll, from 0: a point with `every = n` is due at each n-th.
    pub(crate) fn of_poll(&self, number: u64) -> Arc<Plan> {
        let is_due = |every: u32| number.is_multiple_of(u64::from(every.max(1)));
        let due = || self.every.iter().filter(|every| is_due(**every));
        let mut known = lock(&self.known);
        if let Some((_, plan)) = known.iter().find(|(known, _)| known.iter().eq(due())) {
            return Arc::clone(plan);
        }
        if known.len() >= PLANS_KEPT {
            known.clear();
        }
        let profile = &self.profile;
        let plan = Arc::new(plan(&profile.points, &profile.modbus, &self.learnt, |point| {
            is_due(point.every)
        }));
        known.push((due().copied().collect(), Arc::clone(&plan)));
        plan
    }
}

/// Nobody who held the lock can have left anything half done.
fn lock<Kept>(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_site::{point_at, profile};
    use model::{DataType, RegisterTable};

    const HOLDING: RegisterTable = RegisterTable::Holding;

    #[test]
    fn devices_of_one_profile_share_its_plans() {
        let book = PlanBook::default();
        let [one, other] = [0, 1].map(|number| profile(vec![point_at(HOLDING, number, DataType::U16)]));
        assert!(Arc::ptr_eq(&book.of(&one), &book.of(&one)));
        assert!(!Arc::ptr_eq(&book.of(&one), &book.of(&other)));
        assert!(Arc::ptr_eq(&book.of(&one).of_poll(0), &book.of(&one).of_poll(1)));
    }

    #[test]
    fn a_slow_point_is_read_at_every_nth_poll_only() {
        let mut slow = point_at(HOLDING, 1, DataType::U16);
        slow.every = 3;
        let profile = profile(vec![point_at(HOLDING, 0, DataType::U16), slow]);
        let plans = Plans::new(profile, Learnt::default());
        let due: Vec<_> = (0..7).map(|poll| plans.of_poll(poll).due.len()).collect();
        assert_eq!(due, [2, 1, 1, 2, 1, 1, 2]);
        assert_eq!(lock(&plans.known).len(), 2);
    }

    #[test]
    fn a_slow_point_comes_along_where_it_stands_inside_a_read_that_is_made_anyway() {
        let mut slow = point_at(HOLDING, 1, DataType::U16);
        slow.every = 3;
        let profile = profile(vec![
            point_at(HOLDING, 0, DataType::U16),
            slow,
            point_at(HOLDING, 2, DataType::U16),
        ]);
        let plan = Plans::new(profile, Learnt::default()).of_poll(1);
        assert_eq!((plan.due.as_slice(), plan.reads.len()), (&[0, 1, 2][..], 1));
        let slots: Vec<_> = plan.reads[0]
            .slots
            .iter()
            .map(|slot| (slot.point, slot.offset, slot.sample))
            .collect();
        assert_eq!(slots, [(0, 0, 0), (1, 1, 1), (2, 2, 2)]);
    }
}
