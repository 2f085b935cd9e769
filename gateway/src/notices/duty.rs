//! Whom a notice is for: who is on duty at its moment, by the site's roster; and when nobody will be.

use jiff::Timestamp;
use jiff::civil::Time;
use model::{DutyGap, DutyShift, Site};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The role that must be on duty at every minute: who goes there.
pub const TECHNICIAN: &str = "technician";

/// Somebody whom a notice is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Called {
    /// Who.
    pub person: String,
    /// As what: `technician`, `lead`, `manager` or a role of the site's own.
    pub role: String,
    /// How to reach them; may be empty.
    pub phone: String,
}

impl From<&DutyShift> for Called {
    fn from(shift: &DutyShift) -> Self {
        Self {
            person: shift.person.clone(),
            role: shift.role.clone(),
            phone: shift.phone.clone(),
        }
    }
}

/// Who is on duty at a moment, by role order.
pub fn on_duty(site: &Site, at: Timestamp) -> Vec<&DutyShift> {
    let local = at.to_zoned_datetime(site.timezone.clone()).datetime();
    model::on_duty(&site.roster, local, &site.standard.calendar)
}

/// The stretches without a technician on duty that begin in the coming so many days, to the minute; one that is on begins now. A site
/// without a roster has none to have gaps.
pub fn coming_gaps(site: &Site, now: Timestamp, days: i32) -> impl Iterator<Item = DutyGap> {
    let now = now.to_zoned_datetime(site.timezone.clone()).datetime();
    let minute = Time::new(now.hour(), now.minute(), 0, 0).ok();
    let from = minute.filter(|_| !site.roster.is_empty());
    let from = from.map(|time| now.date().to_datetime(time));
    let calendar = &site.standard.calendar;
    from.into_iter()
        .flat_map(move |from| model::gaps(&site.roster, TECHNICIAN, from, days, calendar))
}

/// Those on duty in any of these roles; where there are none, everybody on duty, since somebody must hear of it.
pub fn called(site: &Site, roles: &[&str], at: Timestamp) -> Vec<Called> {
    let on_duty = on_duty(site, at);
    let wanted: Vec<Called> = on_duty
        .iter()
        .filter(|shift| roles.contains(&shift.role.as_str()))
        .map(|shift| Called::from(*shift))
        .collect();
    if wanted.is_empty() {
        on_duty.into_iter().map(Called::from).collect()
    } else {
        wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(roster: &str) -> Site {
        let mut folder = model::Folder::demo();
        folder.set_text("roster.csv", format!("person,role,phone,from,to\n{roster}"));
        let loading = model::load(&folder, []);
        assert_eq!(loading.faults, []);
        loading.site
    }

    fn names(site: &Site, roles: &[&str]) -> Vec<String> {
        // 14:00 in Shanghai.
        let at = "2026-11-24T06:00:00Z".parse().unwrap();
        called(site, roles, at)
            .into_iter()
            .map(|called| called.person)
            .collect()
    }

    #[test]
    fn whoever_is_on_duty_in_the_role_is_called_by_the_sites_time() {
        let site =
            site("Zhang,technician,138,08:00,20:00\nLi,technician,139,20:00,08:00\nWang,lead,,08:00,20:00\n");
        assert_eq!(names(&site, &["technician"]), ["Zhang"]);
        assert_eq!(names(&site, &["lead", "technician"]), ["Zhang", "Wang"]);
    }

    #[test]
    fn where_nobody_has_the_role_everybody_on_duty_is_called() {
        let site = site("Zhang,technician,,08:00,20:00\n");
        assert_eq!(names(&site, &["manager"]), ["Zhang"]);
    }
}
