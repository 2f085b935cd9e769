//! What happens to the facility: each event of a plan as it begins and ends.

use std::time::Instant;

use serde_json::json;

use super::{FIRE_MAINS, World};
use crate::chaos::link::Mode;
use crate::chaos::plan::{Event, Target, What};
use crate::http::{delete, post};

impl World {
    pub(super) fn begin(&mut self, event: &Event) -> Result<(), String> {
        match event.what {
            What::Kill => {
                self.away.push(event.target);
                match event.target {
                    Target::Gateway => {
                        self.gateway.kill();
                        if !self.is_full(Target::GatewayDisk) {
                            self.verify_journal()?;
                        }
                    }
                    Target::Broker => {
                        self.session.broker_is_killed();
                        self.process(event.target).kill();
                    }
                    target => self.process(target).kill(),
                }
            }
            What::Freeze => {
                self.away.push(event.target);
                self.process(event.target).freeze();
            }
            What::Cut => self.link(event.target).set(Mode::Cut),
            What::Stall => self.link(event.target).set(Mode::Stalled),
            What::Deaf => self.link(event.target).set(Mode::Deaf),
            What::Mute => self.link(event.target).set(Mode::Mute),
            What::Fill => {
                self.full.insert(event.target, true);
                self.disks[&event.target].fill();
            }
            What::Leak => self.fire_main(event, true),
        }
        Ok(())
    }

    pub(super) fn end(&mut self, event: &Event) -> Result<(), String> {
        match event.what {
            What::Kill => {
                self.away.retain(|target| *target != event.target);
                self.launch(event.target);
            }
            What::Freeze => {
                self.away.retain(|target| *target != event.target);
                self.process(event.target).thaw();
            }
            What::Cut | What::Stall | What::Deaf | What::Mute => self.link(event.target).set(Mode::Open),
            What::Fill => self.make_room(event.target),
            What::Leak => self.fire_main(event, false),
        }
        Ok(())
    }

    pub(super) fn make_room(&mut self, disk: Target) {
        self.disks[&disk].make_room();
        self.full.insert(disk, false);
        self.had_room_at.insert(disk, Instant::now());
        // InfluxDB 1.6 writes nothing more to a log that once could not be written, until it is started again.
        if disk == Target::DatabaseDisk && self.process(Target::Database).runs() {
            self.process(Target::Database).kill();
            self.launch(Target::Database);
        }
    }

    /// A fire main begins or ceases to leak, if there is somebody to tell.
    pub(super) fn fire_main(&self, event: &Event, leaks: bool) {
        if self.away.contains(&Target::Simulator) {
            return;
        }
        let device = FIRE_MAINS[event.which % FIRE_MAINS.len()];
        let url = format!("{}/devices/{device}/faults", self.simulator.control_url());
        // It may be starting still; then it does not leak, or has forgotten that it did.
        let _ = match leaks {
            true => post(&url, &json!({ "fault": "main_leak" })),
            false => delete(&format!("{url}/main_leak")),
        };
    }
}
