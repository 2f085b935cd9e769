//! When nobody is on duty in a role.

use jiff::ToSpan;
use jiff::civil::{DateTime, Time};

use super::{DutyShift, on_duty};
use crate::Calendar;

/// The end of a gap is looked for no further than so many days after the days that are looked at.
const LONGEST_DAYS: i32 = 366;

/// A stretch without anybody on duty in a role, in the site's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DutyGap {
    /// From this minute …
    pub from: DateTime,
    /// … to this one, at which somebody is; none: for a year at least.
    pub to: Option<DateTime>,
}

/// The stretches without anybody on duty in a role that begin in the coming so many days, the first at `from` itself if nobody is on
/// duty then; in their order.
pub fn gaps<'calendar>(
    roster: &[DutyShift],
    role: &str,
    from: DateTime,
    days: i32,
    calendar: &'calendar Calendar,
) -> impl Iterator<Item = DutyGap> + use<'calendar> {
    let of_role: Vec<DutyShift> = roster
        .iter()
        .filter(|shift| shift.role == role)
        .cloned()
        .collect();
    // Who is on duty changes only when a shift begins or ends, and at midnight, when the day does.
    let mut edges: Vec<Time> = of_role.iter().flat_map(|shift| [shift.from, shift.to]).collect();
    edges.push(Time::midnight());
    edges.sort_unstable();
    edges.dedup();
    let day_after = |days: i32| from.date().saturating_add(days.days());
    let (last, end) = (day_after(days), day_after(days.saturating_add(LONGEST_DAYS)));
    let later = from
        .date()
        .series(1.day())
        .take_while(move |day| *day <= end)
        .flat_map(move |day| {
            let edges = edges.clone();
            edges.into_iter().map(move |time| day.to_datetime(time))
        })
        .filter(move |at| *at > from);
    let mut moments = std::iter::once(from).chain(later);
    let is_gap = move |at: &DateTime| on_duty(&of_role, *at, calendar).is_empty();
    std::iter::from_fn(move || {
        let begins = moments.find(|at| at.date() > last || is_gap(at))?;
        (begins.date() <= last).then(|| DutyGap {
            from: begins,
            to: moments.find(|at| !is_gap(at)),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::DutyDays;
    use super::super::tests::{calendar, names, shift};
    use super::*;
    use jiff::civil::date;

    /// The gaps of ten in the morning's next days, each as `from to`.
    fn told(roster: &[DutyShift], days: i32) -> Vec<String> {
        let from = "2026-09-28T10:00".parse().unwrap();
        let shown = |at: DateTime| at.strftime("%m-%d %H:%M").to_string();
        gaps(roster, "technician", from, days, &calendar())
            .map(|gap| {
                let to = gap.to.map_or("for good".to_owned(), shown);
                format!("{} to {to}", shown(gap.from))
            })
            .collect()
    }

    #[test]
    fn a_roster_without_a_gap_has_none_within_the_year() {
        assert!(told(&[shift("Zhang", 8, 20), shift("Li", 20, 8)], 365).is_empty());
        assert!(told(&[shift("Zhang", 0, 0)], 365).is_empty());
    }

    #[test]
    fn a_gap_is_one_from_its_first_minute_to_somebodys_first() {
        assert_eq!(
            told(&[shift("Zhang", 8, 20), shift("Li", 21, 8)], 1),
            ["09-28 20:00 to 09-28 21:00", "09-29 20:00 to 09-29 21:00"]
        );
        let nights = told(&[shift("Li", 20, 8)], 1);
        assert_eq!(
            nights,
            ["09-28 10:00 to 09-28 20:00", "09-29 08:00 to 09-29 20:00"]
        );
    }

    #[test]
    fn a_gap_that_begins_on_the_last_day_is_told_with_its_end_however_late() {
        let mut work = shift("Zhang", 0, 0);
        work.days = DutyDays::Workdays;
        assert_eq!(told(&[work.clone()], 2), Vec::<String>::new());
        assert_eq!(
            told(&[work.clone()], 3),
            ["10-01 00:00 to 10-08 00:00"],
            "National Day"
        );
        assert_eq!(
            told(&[work], 14),
            ["10-01 00:00 to 10-08 00:00", "10-11 00:00 to 10-12 00:00"],
            "the Saturday is worked"
        );
    }

    #[test]
    fn nobody_at_all_is_a_gap_for_good() {
        assert_eq!(told(&[], 30), ["09-28 10:00 to for good"]);
        let mut ends = shift("Zhang", 8, 8);
        ends.last = Some(date(2026, 12, 31));
        assert_eq!(told(&[ends.clone()], 90), Vec::<String>::new());
        assert_eq!(told(&[ends], 365), ["01-01 08:00 to for good"]);
    }

    #[test]
    fn a_swap_that_is_shorter_than_the_shift_it_stands_in_for_leaves_no_gap() {
        let mut swap = shift("Wang", 20, 23);
        (swap.first, swap.last) = (Some(date(2026, 11, 25)), Some(date(2026, 11, 25)));
        swap.replaces = Some("Li".into());
        let roster = [shift("Zhang", 8, 20), shift("Li", 20, 8), swap];
        assert!(told(&roster, 365).is_empty());
        assert_eq!(names(&roster, "2026-11-25T23:00"), ["Li"]);
    }
}
