//! `check`: everything that is wrong with a site.

use std::path::Path;

use gateway::desk::calendar_warning;
use gateway::tickets::WorkCalendar;
use jiff::Timestamp;

use super::{WRONG, site};

/// Prints every fault, `file:line:column: text`, or what the site has.
pub fn run(path: &Path) -> u8 {
    let mut checked = match site::read(path, site::environment()) {
        Ok(checked) => checked,
        Err(reason) => {
            eprintln!("facility-gateway: {reason}");
            return WRONG;
        }
    };
    let gap = site::roster_gap(&checked.site, Timestamp::now());
    checked.faults.extend(gap);
    checked.faults.sort();
    for fault in &checked.faults {
        println!("{fault}");
    }
    let standard = &checked.site.standard;
    let calendar = WorkCalendar::new(standard.calendar.clone(), checked.site.timezone.clone());
    if let Some(last) = calendar.runs_out(calendar.day_of(Timestamp::now())) {
        eprintln!("warning: {}", calendar_warning(last).en);
    }
    if checked.faults.is_empty() {
        println!(
            "{}: {} devices, {} points, {} rules: nothing is wrong",
            path.display(),
            checked.site.devices.len(),
            checked.site.point_count(),
            checked.rules.iter().count()
        );
        return 0;
    }
    eprintln!("{} faults", checked.faults.len());
    WRONG
}
