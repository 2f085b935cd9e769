//! How far one core goes: ten and twenty times the campus's load.

use std::time::Duration;

use super::load::{cpu, memory, told};
use crate::figures::Figures;
use crate::figures::Target::{AtMost, None};
use crate::running::{Load, Running};
use crate::setting::Setting;
use crate::trouble::Outcome;

pub(super) fn measure(setting: &Setting, figures: &mut Figures) -> Outcome<()> {
    let tenfold = Load::new(setting.part_of(1_000), Duration::from_millis(100));
    let seen = Running::start(setting, "capacity-10", tenfold)?.observe(setting)?;
    figures.add(&cpu(&tenfold, &seen).target(AtMost(0.5 * setting.share)));
    figures.add(&memory(&seen).target(AtMost(100.0)));
    told(figures, &tenfold, &seen);

    let pinned = Load {
        pinned: true,
        ..Load::new(setting.part_of(2_000), Duration::from_millis(100))
    };
    setting.tell("twenty times the load: the gateway has the first core for itself");
    let seen = Running::start(setting, "capacity-20", pinned)?.observe(setting)?;
    figures.add(&cpu(&pinned, &seen).target(AtMost(1.0)));
    figures.add(&memory(&seen).target(None));
    told(figures, &pinned, &seen);
    Ok(())
}
