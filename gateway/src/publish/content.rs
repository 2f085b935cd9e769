//! What a topic says now: worked out from alarms, tickets and the live image when it is sent, so that it is never older than they are.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use model::{DeviceIndex, Severity, Site};
use serde_json::{Value, json};

use super::discovery::configs;
use super::{Names, Subject};
use crate::alarms::{Alarm, AlarmState};
use crate::desk::Board;
use crate::live::{DeviceState, Live};
use crate::store::{RecordsReader, StoreError};
use crate::tickets::WorkCalendar;
use crate::view::{AlarmView, TextView, TicketView, rfc3339};

/// So many devices are looked at under one lock of the live image, which polls wait for.
const DEVICES_AT_ONCE: usize = 64;

/// What is to be kept by the broker on a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// This.
    Kept(Vec<u8>),
    /// This is said once more, for those who listen; then nothing.
    Last(Vec<u8>),
    /// Nothing.
    Gone,
}

/// What topics are about.
pub struct Pages {
    site: Arc<Site>,
    calendar: Arc<WorkCalendar>,
    live: Arc<RwLock<Live>>,
    board: Board,
    names: Names,
    /// Home Assistant's, which change only with the site.
    configs: BTreeMap<String, Vec<u8>>,
    devices: HashMap<String, DeviceIndex>,
    started_at: Timestamp,
}

impl Pages {
    /// The pages of a site.
    pub fn new(
        site: Arc<Site>,
        names: Names,
        calendar: Arc<WorkCalendar>,
        live: Arc<RwLock<Live>>,
        board: Board,
        started_at: Timestamp,
    ) -> Self {
        let configs = configs(&site, &names)
            .into_iter()
            .map(|(topic, config)| (topic, config.to_string().into_bytes()));
        let devices = site
            .devices
            .iter()
            .map(|(index, device)| (device.id.clone(), index));
        Self {
            configs: configs.collect(),
            devices: devices.collect(),
            site,
            calendar,
            live,
            board,
            names,
            started_at,
        }
    }

    /// The topics that are there whatever happens.
    pub fn topics(&self) -> Vec<String> {
        let devices = self
            .site
            .devices
            .values()
            .map(|device| self.names.device(&device.id));
        [self.names.status(), self.names.gateway()]
            .into_iter()
            .chain(devices)
            .chain(self.configs.keys().cloned())
            .collect()
    }

    /// How each device is, in their order.
    pub fn device_states(&self) -> Vec<DeviceState> {
        let devices: Vec<_> = self.site.devices.ids().collect();
        let mut states = Vec::with_capacity(devices.len());
        for part in devices.chunks(DEVICES_AT_ONCE) {
            let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
            states.extend(part.iter().map(|device| live.state(*device)));
        }
        states
    }

    /// The topics of devices whose state differs.
    pub fn changed_devices(&self, before: &[DeviceState], after: &[DeviceState]) -> Vec<String> {
        let pairs = before.iter().zip(after);
        let changed = self
            .site
            .devices
            .values()
            .zip(pairs)
            .filter(|(_, (before, after))| before != after);
        changed.map(|(device, _)| self.names.device(&device.id)).collect()
    }

    /// What a topic says at `now`.
    ///
    /// # Errors
    /// A ticket cannot be read.
    pub fn content(
        &self,
        topic: &str,
        reader: &RecordsReader,
        now: Timestamp,
    ) -> Result<Content, StoreError> {
        Ok(match self.names.subject(topic) {
            Subject::Status => Content::Kept(super::ONLINE.into()),
            Subject::Gateway => kept(&self.gateway(reader)?),
            Subject::Device(id) => self
                .devices
                .get(id)
                .map_or(Content::Gone, |index| kept(&self.device(*index))),
            Subject::Alarm(id) => self.alarm(id),
            Subject::Ticket(id) => match reader.ticket(id)? {
                None => Content::Gone,
                Some(ticket) => {
                    let view = json_of(&TicketView::new(&ticket, &self.calendar, now));
                    if ticket.state.is_ended() {
                        Content::Last(view)
                    } else {
                        Content::Kept(view)
                    }
                }
            },
            Subject::Other => self
                .configs
                .get(topic)
                .map_or(Content::Gone, |config| Content::Kept(config.clone())),
        })
    }

    fn alarm(&self, id: &str) -> Content {
        let board = self.board.read().unwrap_or_else(PoisonError::into_inner);
        let Some(alarm) = board.get(id).cloned() else {
            return Content::Gone;
        };
        drop(board);
        let view = json_of(&AlarmView::new(&alarm, &self.site.timezone));
        if alarm.state() == AlarmState::Normal {
            Content::Last(view)
        } else {
            Content::Kept(view)
        }
    }

    fn device(&self, index: DeviceIndex) -> Value {
        let device = self.site.devices.at(index);
        let state = self
            .live
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .state(index);
        let board = self.board.read().unwrap_or_else(PoisonError::into_inner);
        // An alarm's id begins with its device's and a dot, and `/` is the character after it.
        let of_device = board.range(format!("{}.", device.id)..format!("{}/", device.id));
        let active: Vec<_> = of_device
            .map(|(_, alarm)| Arc::clone(alarm))
            .filter(|alarm| counts(alarm))
            .collect();
        drop(board);
        let shown = active.iter().map(|alarm| {
            json!({
                "id": alarm.id,
                "severity": alarm.severity.name(),
                "summary": TextView::from(&alarm.summary),
            })
        });
        json!({
            "id": device.id,
            "name": device.name,
            "class": device.profile.class.as_str(),
            "building": device.building,
            "location": device.location,
            "state": state.name(),
            "problem": problem(state, !active.is_empty()),
            "severity": active.iter().map(|alarm| alarm.severity).min().map(Severity::name),
            "alarms": shown.collect::<Vec<_>>(),
        })
    }

    fn gateway(&self, reader: &RecordsReader) -> Result<Value, StoreError> {
        let mut states = HashMap::new();
        for state in self.device_states() {
            *states.entry(state).or_insert(0_usize) += 1;
        }
        let devices = |state| states.get(&state).copied().unwrap_or(0);
        let board = self.board.read().unwrap_or_else(PoisonError::into_inner);
        let active: Vec<_> = board
            .values()
            .filter(|alarm| counts(alarm))
            .map(|alarm| alarm.severity)
            .collect();
        drop(board);
        let alarms = |severity| active.iter().filter(|one| **one == severity).count();
        Ok(json!({
            "site": { "id": self.site.id, "name": self.site.name },
            "version": env!("CARGO_PKG_VERSION"),
            "started_at": rfc3339(self.started_at, &self.site.timezone),
            "devices": {
                "total": self.site.devices.len(),
                "ok": devices(DeviceState::Ok),
                "degraded": devices(DeviceState::Degraded),
                "offline": devices(DeviceState::Offline),
                "unknown": devices(DeviceState::Unknown),
                "out_of_service": devices(DeviceState::OutOfService),
            },
            "alarms": {
                "active": active.len(),
                "critical": alarms(Severity::Critical),
                "high": alarms(Severity::High),
                "medium": alarms(Severity::Medium),
                "low": alarms(Severity::Low),
            },
            "tickets": { "open": reader.open_tickets()? },
        }))
    }
}

/// Whether an alarm makes its device one with a problem: it holds, and nobody has set it aside.
fn counts(alarm: &Alarm) -> bool {
    alarm.is_active() && alarm.calls_people()
}

/// Whether a device has a problem; none where nobody knows, since what cannot be seen is not fine.
fn problem(state: DeviceState, has_alarm: bool) -> Option<bool> {
    match state {
        _ if has_alarm => Some(true),
        DeviceState::Ok | DeviceState::Degraded => Some(false),
        DeviceState::Unknown | DeviceState::Offline | DeviceState::OutOfService => None,
    }
}

fn kept(value: &Value) -> Content {
    Content::Kept(json_of(value))
}

/// Our own shapes have no map whose keys are no texts, the one thing that could fail.
fn json_of(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_cannot_be_seen_is_not_one_without_a_problem() {
        assert_eq!(problem(DeviceState::Ok, false), Some(false));
        for unseen in [
            DeviceState::Unknown,
            DeviceState::Offline,
            DeviceState::OutOfService,
        ] {
            assert_eq!(problem(unseen, false), None, "{unseen:?}");
            assert_eq!(problem(unseen, true), Some(true), "{unseen:?}");
        }
    }
}
