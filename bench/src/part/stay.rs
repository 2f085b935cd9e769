//! The load of a campus for as long as it takes until a whole slot of ten minutes has been packed: what memory and processor come to then.

use std::time::Duration;

use super::load::{DEVICES, INTERVAL, cpu, memory, told};
use crate::figures::Figures;
use crate::figures::Target::AtMost;
use crate::running::{Load, Running};
use crate::setting::Setting;
use crate::trouble::Outcome;

/// Up to ten minutes until a slot begins, ten that it lasts, one until it is packed, and three for that.
const STAY: Duration = Duration::from_secs(24 * 60);

pub(super) fn measure(setting: &Setting, figures: &mut Figures) -> Outcome<()> {
    let load = Load::new(setting.part_of(DEVICES), INTERVAL);
    let mut running = Running::start(setting, "stay", load)?;
    let windows = STAY.mul_f64(setting.share).div_duration_f64(setting.window);
    let seen = running.observe(&Setting {
        windows: (windows.ceil() as usize).max(1),
        ..setting.clone()
    })?;
    figures.add(&cpu(&load, &seen).target(AtMost(0.08 * setting.share)));
    figures.add(&memory(&seen).target(AtMost(40.0)));
    told(figures, &load, &seen);
    Ok(())
}
