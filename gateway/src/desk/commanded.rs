//! Whether lamps are commanded on: kept as a condition of each, since reports ask when lamps should have been lit.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use model::{Batch, DeviceIndex, PointId, Reading, Site, Value};

use super::draft::{Draft, alarm_id};
use crate::alarms::ConditionOf;

/// The class of public lighting.
pub const LIGHTING: &str = "lighting";
/// The condition's name, where a rule's id would stand: it holds while the lamp is commanded off.
pub const COMMANDED_OFF: &str = "commanded-off";
/// The point that says it, in every profile of lighting that has one (the service standard, "Subsystems and their devices").
const POINT: &str = "commanded_on";

/// The conditions that are kept beside those of rules, by what would be their alarm's id.
pub fn commanded_conditions(site: &Site) -> Vec<(String, ConditionOf)> {
    let lamps = lamps(site).map(|(_, device, _)| {
        let about = ConditionOf {
            device: device.id.clone(),
            class: LIGHTING.to_owned(),
            rule: COMMANDED_OFF.to_owned(),
            standard: LIGHTING.to_owned(),
        };
        (alarm_id(COMMANDED_OFF, Some(&device.id)), about)
    });
    lamps.collect()
}

fn lamps(site: &Site) -> impl Iterator<Item = (DeviceIndex, &model::Device, PointId)> {
    let lamps = site.devices.iter();
    let lamps = lamps.filter(|(_, device)| device.profile.class.as_str() == LIGHTING);
    lamps.filter_map(|(index, device)| {
        let (point, _) = device.points().find(|(_, point)| point.name == POINT)?;
        Some((index, device, point))
    })
}

/// What a lamp is commanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LampCommand {
    /// To be lit.
    On,
    /// Not to be.
    Off,
    /// Nobody knows.
    Unknown,
}

impl LampCommand {
    fn of(reading: &Reading) -> Self {
        match reading {
            Reading::Good(Value::Bool(on)) => Self::of_state(*on),
            Reading::Good(Value::Number(number)) => Self::of_state(*number != 0.0),
            _ => Self::Unknown,
        }
    }

    fn of_state(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }
}

/// What every lamp is commanded, and what of it has changed and is not written.
#[derive(Debug, Default)]
pub struct Commands {
    lamps: HashMap<DeviceIndex, Lamp>,
    changed: BTreeMap<String, (LampCommand, Timestamp)>,
}

#[derive(Debug)]
struct Lamp {
    alarm: String,
    point: PointId,
    command: LampCommand,
}

impl Commands {
    /// A site's lamps, of which nothing has been read.
    pub fn of(site: &Site) -> Self {
        let lamps = lamps(site).map(|(index, device, point)| {
            let lamp = Lamp {
                alarm: alarm_id(COMMANDED_OFF, Some(&device.id)),
                point,
                command: LampCommand::Unknown,
            };
            (index, lamp)
        });
        Self {
            lamps: lamps.collect(),
            changed: BTreeMap::new(),
        }
    }

    /// Takes in a batch.
    pub fn take(&mut self, batch: &Batch) {
        let Some(lamp) = self.lamps.get_mut(&batch.device) else {
            return;
        };
        let sample = batch.samples.iter().find(|sample| sample.point == lamp.point);
        let Some(command) = sample.map(|sample| LampCommand::of(&sample.reading)) else {
            return;
        };
        if command != lamp.command {
            lamp.command = command;
            self.changed.insert(lamp.alarm.clone(), (command, batch.at));
        }
    }

    /// What has changed and is not written.
    pub fn changed(&self) -> impl Iterator<Item = (&str, LampCommand, Timestamp)> {
        let changed = self.changed.iter();
        changed.map(|(alarm, (command, at))| (alarm.as_str(), *command, *at))
    }

    /// It is written.
    pub fn written(&mut self) {
        self.changed.clear();
    }
}

impl Draft<'_> {
    /// A lamp is commanded something since `at`.
    pub fn commanded(&mut self, alarm: &str, command: LampCommand, at: Timestamp) {
        self.conditions.known(alarm, command != LampCommand::Unknown, at);
        match command {
            LampCommand::On => self.conditions.returned(alarm, at),
            LampCommand::Off => self.conditions.raised(alarm, at),
            LampCommand::Unknown => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Missing, Sample};

    #[test]
    fn a_lamps_command_is_told_when_it_changes_and_not_with_every_reading() {
        let site = model::load(&model::Folder::demo(), []).site;
        let mut commands = Commands::of(&site);
        let (device, _, point) = lamps(&site).next().unwrap();
        let mut told = Vec::new();
        let readings = [
            Reading::Good(Value::Bool(false)),
            Reading::Good(Value::Bool(false)),
            Reading::Missing(Missing::NoAnswer),
            Reading::Good(Value::Number(1.0)),
        ];
        for (second, reading) in (0..).zip(readings) {
            commands.take(&Batch {
                device,
                at: Timestamp::from_second(second).unwrap(),
                order: 0,
                samples: vec![Sample { point, reading }],
            });
            told.extend(
                commands
                    .changed()
                    .map(|(_, command, at)| (command, at.as_second())),
            );
            commands.written();
        }
        assert_eq!(
            told,
            [
                (LampCommand::Off, 0),
                (LampCommand::Unknown, 2),
                (LampCommand::On, 3)
            ]
        );
    }

    #[test]
    fn a_lamp_that_is_commanded_off_has_a_stretch_until_it_is_commanded_on_again() {
        use crate::alarms::{Conditions, SpanKind};
        use crate::desk::State;
        let site = model::load(&model::Folder::demo(), []).site;
        let calendar = crate::tickets::WorkCalendar::utc_weekends();
        let (alarm, about) = commanded_conditions(&site).remove(0);
        let mut conditions = Conditions::default();
        conditions.keep(alarm.clone(), about);
        let mut state = State {
            conditions,
            ..State::default()
        };
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut written = Vec::new();
        for (second, command) in [
            (10, LampCommand::Off),
            (20, LampCommand::Unknown),
            (30, LampCommand::On),
        ] {
            let mut draft = Draft::new(&state, &site.standard, &calendar);
            draft.commanded(&alarm, command, at(second));
            let change = draft.finish(at(second));
            state.apply(&change);
            written.extend(change.spans);
        }
        let ended: Vec<_> = written
            .iter()
            .filter_map(|span| Some((span.kind, span.since.as_second(), span.until?.as_second())))
            .collect();
        assert_eq!(ended, [(SpanKind::Active, 10, 30), (SpanKind::Unknown, 20, 30)]);
    }

    #[test]
    fn every_lamp_of_the_demo_has_a_command_that_is_kept() {
        let site = model::load(&model::Folder::demo(), []).site;
        let lighting = site.devices.values();
        let lighting = lighting.filter(|device| device.profile.class.as_str() == LIGHTING);
        assert_eq!(commanded_conditions(&site).len(), lighting.count());
    }
}
