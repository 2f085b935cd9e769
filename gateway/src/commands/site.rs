//! Loads a site with everything that checks it: one list of faults, wherever they were found.

use std::path::Path;

use gateway::notices::{TECHNICIAN, coming_gaps};
use jiff::Timestamp;
use model::{Fault, Folder, Site};
use rules::Rules;

/// A site with all that is wrong with it.
pub struct Checked {
    /// The site's files.
    pub folder: Folder,
    /// The site as far as it is right.
    pub site: Site,
    /// Its rules as far as they are right.
    pub rules: Rules,
    /// All that is wrong, in the order of places.
    pub faults: Vec<Fault>,
}

/// Reads and checks the site in a folder, with the environment's overrides.
///
/// # Errors
/// The folder cannot be read; the text says which and why.
pub fn read(path: &Path, environment: impl IntoIterator<Item = (String, String)>) -> Result<Checked, String> {
    if !path.is_dir() {
        return Err(format!(
            "{}: there is no such folder: give the site's folder with --site",
            path.display()
        ));
    }
    let folder = Folder::read(path).map_err(|error| error.to_string())?;
    Ok(check(folder, environment))
}

/// Checks a site's files.
pub fn check(folder: Folder, environment: impl IntoIterator<Item = (String, String)>) -> Checked {
    let model::Loading { site, mut faults } = model::load(&folder, environment);
    faults.extend(drivers::check(&site));
    let (rules, found) = rules::load(&site);
    faults.extend(found);
    faults.sort();
    faults.dedup();
    Checked {
        folder,
        site,
        rules,
        faults,
    }
}

/// A minute within the coming year at which nobody is on duty as a technician; a site without a roster has none to have gaps. It comes
/// with time, so that `check` tells it as a fault, and a gateway that must start again is not kept from it.
pub fn roster_gap(site: &Site, now: Timestamp) -> Option<Fault> {
    let last = site
        .roster
        .iter()
        .rfind(|shift| shift.role == TECHNICIAN)
        .or(site.roster.last())?;
    let gap = coming_gaps(site, now, 365).next()?;
    let text = format!(
        "nobody is on duty as {TECHNICIAN} at {}: give that time to somebody",
        gap.from.strftime("%Y-%m-%d %H:%M")
    );
    Some(Fault::new(last.place.clone(), text))
}

/// The environment; what is not UTF-8 in it becomes U+FFFD, which no override may have, so that loading tells it.
pub fn environment() -> Vec<(String, String)> {
    let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
    std::env::vars_os()
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

/// Prints faults, one a line.
pub fn print_faults(faults: &[Fault]) {
    for fault in faults {
        eprintln!("{fault}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(roster: &str) -> Option<String> {
        let mut folder = Folder::demo();
        folder.set_text("roster.csv", roster);
        let checked = check(folder, []);
        assert_eq!(checked.faults, []);
        // 14:32 in Shanghai.
        let gap = roster_gap(&checked.site, "2026-11-24T06:32:07Z".parse().unwrap());
        gap.map(|fault| fault.to_string())
    }

    #[test]
    fn a_minute_with_no_technician_is_told_at_the_last_ones_line() {
        let roster = "person,role,phone,from,to\nZhang,technician,,08:00,20:00\nLi,technician,,20:00,07:00\nWang,lead,,07:00,08:00\n";
        assert_eq!(
            told(roster).as_deref(),
            Some(
                "roster.csv:3:1: nobody is on duty as technician at 2026-11-25 07:00: give that time to somebody"
            )
        );
        assert_eq!(
            told("person,role,phone,from,to\nZhang,technician,,00:00,00:00\n"),
            None
        );
        assert_eq!(told("person,role,phone,from,to\n"), None);
    }
}
