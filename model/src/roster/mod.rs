//! Who is on duty at a moment: `roster.csv` read as a week of shifts, holidays and swaps; `gaps` says when nobody is.

mod gaps;

use jiff::civil::{Date, DateTime, Time, Weekday};

use crate::{Calendar, DayKind, Place};

pub use gaps::{DutyGap, gaps};

/// The roles that escalation knows, in its order.
pub const ROLES: [&str; 3] = ["technician", "lead", "manager"];

/// A shift of `roster.csv`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DutyShift {
    /// Who.
    pub person: String,
    /// As what.
    pub role: String,
    /// How to reach them.
    pub phone: String,
    /// From this time of day in the site's zone …
    pub from: Time,
    /// … to this one; a shift whose end is not after its start goes over midnight.
    pub to: Time,
    /// On which days it begins.
    pub days: DutyDays,
    /// The first day on which it begins; none: ever since.
    pub first: Option<Date>,
    /// The last one; none: for good.
    pub last: Option<Date>,
    /// Whose shifts of the same role it stands in for while it lasts: a swap.
    pub replaces: Option<String>,
    /// Where its line stands.
    pub place: Place,
}

/// The days on which a shift begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DutyDays {
    /// These days of the week, Monday first.
    Week([bool; 7]),
    /// Working days by the site's calendar.
    Workdays,
    /// The others: weekends and public holidays, but for the days that are worked to make up for them.
    Holidays,
}

impl DutyDays {
    /// Every day.
    pub const EVERY: Self = Self::Week([true; 7]);

    fn has(self, day: Date, calendar: &Calendar) -> bool {
        match self {
            Self::Week(week) => {
                let position = usize::try_from(day.weekday().to_monday_zero_offset()).unwrap_or(0);
                week.get(position).copied().unwrap_or(false)
            }
            Self::Workdays => is_working(day, calendar),
            Self::Holidays => !is_working(day, calendar),
        }
    }
}

impl DutyShift {
    /// Whether it covers a moment in the site's zone, swaps left aside.
    pub fn covers(&self, at: DateTime, calendar: &Calendar) -> bool {
        let (day, time) = (at.date(), at.time());
        if self.from < self.to {
            return self.from <= time && time < self.to && self.begins_on(day, calendar);
        }
        if self.from <= time && self.begins_on(day, calendar) {
            return true;
        }
        time < self.to
            && day
                .yesterday()
                .is_ok_and(|before| self.begins_on(before, calendar))
    }

    fn begins_on(&self, day: Date, calendar: &Calendar) -> bool {
        self.first.is_none_or(|first| first <= day)
            && self.last.is_none_or(|last| day <= last)
            && self.days.has(day, calendar)
    }
}

/// Who is on duty at a moment in the site's zone: technicians first, then leads, then managers, then other roles; of one role
/// in the roster's order.
pub fn on_duty<'roster>(
    roster: &'roster [DutyShift],
    at: DateTime,
    calendar: &Calendar,
) -> Vec<&'roster DutyShift> {
    let covering: Vec<&DutyShift> = roster.iter().filter(|shift| shift.covers(at, calendar)).collect();
    let is_replaced = |shift: &DutyShift| {
        covering
            .iter()
            .any(|other| other.role == shift.role && other.replaces.as_deref() == Some(&shift.person))
    };
    let mut on_duty: Vec<_> = covering
        .iter()
        .copied()
        .filter(|shift| !is_replaced(shift))
        .collect();
    let rank = |role: &str| {
        ROLES
            .iter()
            .position(|known| *known == role)
            .unwrap_or(ROLES.len())
    };
    on_duty.sort_by_key(|shift| rank(&shift.role));
    on_duty
}

/// Whether people work on a day: Monday to Friday, but for the days that the calendar names.
fn is_working(day: Date, calendar: &Calendar) -> bool {
    match calendar.days.get(&day) {
        Some(kind) => *kind == DayKind::Working,
        None => !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use jiff::civil::{date, time};

    pub(super) fn shift(person: &str, from: i8, to: i8) -> DutyShift {
        DutyShift {
            person: person.into(),
            role: "technician".into(),
            phone: String::new(),
            from: time(from, 0, 0, 0),
            to: time(to, 0, 0, 0),
            days: DutyDays::EVERY,
            first: None,
            last: None,
            replaces: None,
            place: Place::default(),
        }
    }

    /// 2026 as far as these tests go: the National Day holiday, and a Saturday that is worked.
    pub(super) fn calendar() -> Calendar {
        let mut calendar = Calendar::default();
        for day in 1..=7 {
            calendar.days.insert(date(2026, 10, day), DayKind::Off);
        }
        calendar.days.insert(date(2026, 10, 10), DayKind::Working);
        calendar
    }

    pub(super) fn names(roster: &[DutyShift], at: &str) -> Vec<String> {
        let on_duty = on_duty(roster, at.parse().unwrap(), &calendar());
        on_duty.iter().map(|shift| shift.person.clone()).collect()
    }

    #[test]
    fn a_night_shift_lasts_over_midnight() {
        let roster = [shift("Zhang", 8, 20), shift("Li", 20, 8)];
        assert_eq!(names(&roster, "2026-11-24T07:59:59"), ["Li"]);
        assert_eq!(names(&roster, "2026-11-24T08:00"), ["Zhang"]);
        assert_eq!(names(&roster, "2026-11-24T20:00"), ["Li"]);
        assert_eq!(names(&roster, "2026-11-25T00:00"), ["Li"]);
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let mut friday = shift("Li", 20, 8);
        friday.days = DutyDays::Week([false, false, false, false, true, false, false]);
        let roster = [friday];
        assert_eq!(names(&roster, "2026-11-27T19:59"), Vec::<String>::new());
        assert_eq!(names(&roster, "2026-11-27T20:00"), ["Li"]);
        assert_eq!(names(&roster, "2026-11-28T07:59"), ["Li"]);
        assert_eq!(names(&roster, "2026-11-28T20:00"), Vec::<String>::new());
    }

    #[test]
    fn holidays_and_working_days_follow_the_sites_calendar() {
        let (mut work, mut off) = (shift("Zhang", 0, 0), shift("Li", 0, 0));
        (work.days, off.days) = (DutyDays::Workdays, DutyDays::Holidays);
        let roster = [work, off];
        assert_eq!(names(&roster, "2026-10-01T12:00"), ["Li"]);
        assert_eq!(names(&roster, "2026-10-08T12:00"), ["Zhang"]);
        assert_eq!(
            names(&roster, "2026-10-10T12:00"),
            ["Zhang"],
            "a Saturday that is worked"
        );
        assert_eq!(names(&roster, "2026-10-11T12:00"), ["Li"]);
    }

    #[test]
    fn a_swap_stands_in_for_one_person_on_its_days_and_in_its_role() {
        let mut swap = shift("Wang", 20, 8);
        (swap.first, swap.last) = (Some(date(2026, 11, 25)), Some(date(2026, 11, 25)));
        swap.replaces = Some("Li".into());
        let mut lead = shift("Li", 20, 8);
        lead.role = "lead".into();
        let roster = [shift("Li", 20, 8), lead, swap];
        assert_eq!(names(&roster, "2026-11-24T21:00"), ["Li", "Li"]);
        assert_eq!(names(&roster, "2026-11-25T21:00"), ["Wang", "Li"]);
        assert_eq!(names(&roster, "2026-11-26T07:00"), ["Wang", "Li"]);
        assert_eq!(names(&roster, "2026-11-26T21:00"), ["Li", "Li"]);
    }

    #[test]
    fn technicians_come_before_leads_and_leads_before_managers() {
        let role = |person: &str, role: &str| DutyShift {
            role: role.into(),
            ..shift(person, 0, 0)
        };
        let roster = [
            role("C", "manager"),
            role("D", "guard"),
            role("A", "technician"),
            role("B", "lead"),
        ];
        assert_eq!(names(&roster, "2026-11-24T12:00"), ["A", "B", "C", "D"]);
    }
}
