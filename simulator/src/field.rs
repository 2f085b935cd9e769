//! All simulated devices of a site, each behind its own lock, and what can be asked of one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use model::{Device, Site, Value};

use crate::device::Simulated;
use crate::fault;
use crate::registers::{self, Answer, Refusal, RegisterMap, Stretch};

/// One device of the site with its simulated state.
pub(crate) struct Machine {
    device: Device,
    map: RegisterMap,
    state: Mutex<Simulated>,
}

/// What a device says to a read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    /// Registers.
    Answer(Answer),
    /// No, and why.
    Refused(Refusal),
    /// Nothing at all.
    Silence,
}

/// What a device would put into a message now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Message {
    /// What each point shows, in the profile's order.
    Shown(Vec<Value>),
    /// Something that is not JSON.
    Garbage,
    /// Nothing at all.
    Silence,
}

impl Machine {
    /// The device that it plays.
    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// Its changing part, for the time of one question.
    pub(crate) fn state(&self) -> MutexGuard<'_, Simulated> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a stretch lies within its registers.
    pub(crate) fn has(&self, read: &Stretch) -> bool {
        self.map.check(read).is_ok()
    }

    /// What it says to a read at `now`.
    pub(crate) fn read(&self, read: Result<Stretch, Refusal>, now: Timestamp) -> Said {
        let mut state = self.state();
        if state.has(fault::NO_ANSWER) {
            return Said::Silence;
        }
        if state.has(fault::GARBLED) {
            return Said::Refused(Refusal::DeviceFailure);
        }
        let profile = &self.device().profile;
        match read.and_then(|read| self.map.check(&read).map(|()| read)) {
            Ok(read) => Said::Answer(registers::answer(profile, &state.show(profile, now), &read)),
            Err(refusal) => Said::Refused(refusal),
        }
    }

    /// What it puts into a message at `now`.
    pub(crate) fn message(&self, now: Timestamp) -> Message {
        let mut state = self.state();
        if state.has(fault::NO_ANSWER) {
            Message::Silence
        } else if state.has(fault::GARBLED) {
            Message::Garbage
        } else {
            Message::Shown(state.show(&self.device.profile, now))
        }
    }
}

/// All devices of a site, in the site's order and by id.
pub(crate) struct Field {
    machines: Vec<Arc<Machine>>,
    by_id: BTreeMap<String, Arc<Machine>>,
}

impl Field {
    /// The site's devices as they are at `now`: in normal operation.
    pub(crate) fn of(site: &Site, now: Timestamp) -> Self {
        let machine = |device: &Device| {
            let state = Mutex::new(Simulated::new(device, site.timezone.clone(), now));
            Arc::new(Machine {
                device: device.clone(),
                map: RegisterMap::of(&device.profile),
                state,
            })
        };
        let machines: Vec<_> = site.devices.values().map(machine).collect();
        let by_id = machines
            .iter()
            .map(|machine| (machine.device().id.clone(), Arc::clone(machine)))
            .collect();
        Self { machines, by_id }
    }

    /// Every device, in the site's order.
    pub(crate) fn machines(&self) -> &[Arc<Machine>] {
        &self.machines
    }

    /// The device of that id.
    pub(crate) fn by_id(&self, id: &str) -> Option<&Arc<Machine>> {
        self.by_id.get(id)
    }

    /// Every id, in order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.by_id.keys().map(String::as_str)
    }
}
