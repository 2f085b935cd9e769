//! Who is on duty now, and the coming times at which no technician is, as parts of what the gateway shows of itself.

use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use model::Site;
use serde_json::{Value, json};

use crate::notices::{TECHNICIAN, coming_gaps};
use crate::view::rfc3339;

/// So many days ahead are looked at: a roster is written by the month.
const DAYS: i32 = 30;
/// At most so many times are listed; `more` says that there are others.
const MOST: usize = 20;

/// Those on duty, technicians first: `{person, role, phone, from, to}`, the shift's times of day.
pub fn on_duty(site: &Site, now: Timestamp) -> Vec<Value> {
    let shifts = crate::notices::on_duty(site, now).into_iter();
    shifts
        .map(|shift| {
            let hours = |time: Time| time.strftime("%H:%M").to_string();
            json!({ "person": shift.person, "role": shift.role, "phone": shift.phone, "from": hours(shift.from), "to": hours(shift.to) })
        })
        .collect()
}

/// The times within the coming days at which no technician is on duty: `{role, days, items: [{from, to}], more}`. One that is on begins
/// now; `to` is null where nobody comes for a year.
pub fn gaps(site: &Site, now: Timestamp) -> Value {
    let at = |local: DateTime| {
        let zoned = local.to_zoned_datetime(site.timezone.clone()).ok()?;
        Some(rfc3339(zoned.timestamp(), &site.timezone))
    };
    let mut gaps = coming_gaps(site, now, DAYS);
    let items: Vec<Value> = gaps
        .by_ref()
        .take(MOST)
        .map(|gap| json!({ "from": at(gap.from), "to": gap.to.and_then(at) }))
        .collect();
    json!({ "role": TECHNICIAN, "days": DAYS, "items": items, "more": gaps.next().is_some() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The gaps of a roster, seen at 14:32 in Shanghai on a Tuesday.
    fn seen(roster: &str) -> Value {
        let mut folder = model::Folder::demo();
        folder.set_text("roster.csv", roster);
        let loading = model::load(&folder, []);
        assert_eq!(loading.faults, []);
        gaps(&loading.site, "2026-11-24T06:32:07Z".parse().unwrap())
    }

    const DAILY: &str = "person,role,phone,from,to\nZhang,technician,,08:00,20:00\n";
    const DATED: &str = "person,role,phone,from,to,days,first,last,replaces\n";

    #[test]
    fn an_hour_that_nobody_has_is_told_day_by_day_up_to_the_bound() {
        let seen = seen(&format!("{DAILY}Li,technician,,20:00,07:00\n"));
        assert_eq!(
            seen["items"][0],
            json!({ "from": "2026-11-25T07:00:00+08:00", "to": "2026-11-25T08:00:00+08:00" })
        );
        assert_eq!(seen["items"].as_array().unwrap().len(), MOST);
        assert_eq!((&seen["more"], &seen["days"]), (&json!(true), &json!(30)));
    }

    #[test]
    fn a_time_that_is_already_without_anybody_begins_now_and_ends_when_somebody_comes() {
        let seen = seen("person,role,phone,from,to\nLi,technician,,20:00,14:00\nWang,lead,,00:00,00:00\n");
        assert_eq!(
            seen["items"][0],
            json!({ "from": "2026-11-24T14:32:00+08:00", "to": "2026-11-24T20:00:00+08:00" })
        );
    }

    #[test]
    fn the_days_of_a_weekend_that_only_a_swap_covers_once_are_told_but_for_that_one() {
        let swap = "Wang,technician,,08:00,20:00,,2026-11-28,2026-11-28,Li\n";
        let seen = seen(&format!(
            "{DATED}Zhang,technician,,08:00,20:00,workdays,,,\nLi,technician,,20:00,08:00,,,,\n{swap}"
        ));
        assert_eq!(
            seen["items"][0],
            json!({ "from": "2026-11-29T08:00:00+08:00", "to": "2026-11-29T20:00:00+08:00" })
        );
    }

    #[test]
    fn a_roster_that_ends_has_nobody_for_good_and_a_whole_one_or_none_has_no_gap() {
        let ends = seen(&format!("{DATED}Zhang,technician,,00:00,00:00,,,2026-11-30,\n"));
        assert_eq!(
            ends["items"],
            json!([{ "from": "2026-12-01T00:00:00+08:00", "to": null }])
        );
        for whole in [
            format!("{DAILY}Li,technician,,20:00,08:00\n"),
            "person,role,phone,from,to\n".to_owned(),
        ] {
            assert_eq!(
                (&seen(&whole)["items"], &seen(&whole)["more"]),
                (&json!([]), &json!(false))
            );
        }
    }
}
