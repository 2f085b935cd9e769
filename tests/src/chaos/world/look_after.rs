//! Looks after the processes as a service manager does: what has ended is started again, and only a full disk excuses that.

use std::time::{Duration, Instant};

use super::World;
use crate::chaos::link::Link;
use crate::chaos::plan::Target;
use crate::gateway::Gateway;
use crate::process::Process;

/// How long after its disk had room again a process may still end for want of it.
const WANT_OF_ROOM: Duration = Duration::from_secs(3);
/// A service manager starts again what has ended.
const RESTART: Duration = Duration::from_millis(500);
pub(super) const LOOK: Duration = Duration::from_millis(50);

impl World {
    /// Starts again what has ended by itself, which only a full disk excuses.
    pub(super) fn look_after(&mut self) -> Result<(), String> {
        for (target, disk) in [
            (Target::Gateway, Some(Target::GatewayDisk)),
            (Target::Database, Some(Target::DatabaseDisk)),
            (Target::Broker, Some(Target::BrokerDisk)),
            (Target::Simulator, None),
        ] {
            if self.away.contains(&target) || self.process(target).runs() {
                continue;
            }
            let log = self.process(target).log_tail();
            // Mosquitto 2.0.11 leaves half a file where the disk was full while it wrote, and does not start on it.
            let is_spoiled = target == Target::Broker
                && self.had_room_at.contains_key(&Target::BrokerDisk)
                && log.trim_end().ends_with("Couldn't open database.");
            if !(is_spoiled || disk.is_some_and(|disk| self.lacked_room(disk))) {
                return Err(format!("{target:?} has ended by itself:\n{log}"));
            }
            if self.tried_again_at.elapsed() < RESTART {
                continue;
            }
            let now = self.begun.elapsed().as_secs_f64();
            println!("{now:8.3} s  {target:?} has ended for want of room, and is started again");
            self.tried_again_at = Instant::now();
            self.ended_for_want_of_room += 1;
            if is_spoiled {
                self.session.broker_is_killed();
                self.mosquitto.forget();
            }
            self.launch(target);
        }
        Ok(())
    }

    pub(super) fn is_full(&self, disk: Target) -> bool {
        self.full.get(&disk).copied().unwrap_or(false)
    }

    pub(super) fn lacked_room(&self, disk: Target) -> bool {
        self.is_full(disk)
            || self
                .had_room_at
                .get(&disk)
                .is_some_and(|at| at.elapsed() < WANT_OF_ROOM)
    }

    pub(super) fn launch(&mut self, target: Target) {
        match target {
            Target::Gateway => {
                self.scraper.begins_a_life();
                let (site, data) = (self.scene.site(), self.scene.data());
                self.gateway = Gateway::launch_build(&self.build, &site, &data, &self.scene.address());
            }
            Target::Database => self.influx.launch(),
            Target::Broker => self.mosquitto.launch(),
            Target::Simulator => self.simulator.launch(),
            other => unreachable!("{other:?} is no process"),
        }
    }

    pub(super) fn process(&mut self, target: Target) -> &mut Process {
        match target {
            Target::Gateway => self.gateway.process(),
            Target::Database => self.influx.process(),
            Target::Broker => self.mosquitto.process(),
            Target::Simulator => self.simulator.process(),
            other => unreachable!("{other:?} is no process"),
        }
    }

    pub(super) fn link(&self, target: Target) -> &Link {
        match target {
            Target::DatabaseLink => &self.database_link,
            Target::BrokerLink => &self.broker_link,
            Target::DeviceLink => &self.device_link,
            Target::PlantLink => &self.plant_link,
            other => unreachable!("{other:?} is no link"),
        }
    }

    /// Waits until something is so; meanwhile it looks after the processes.
    pub(super) fn wait_for<Found>(
        &mut self,
        what: &str,
        limit: Duration,
        mut look: impl FnMut(&mut Self) -> Result<Found, String>,
    ) -> Result<Found, String> {
        let begun = Instant::now();
        loop {
            self.look_after()?;
            match look(self) {
                Ok(found) => return Ok(found),
                Err(why) if begun.elapsed() >= limit => {
                    return Err(format!("waited {limit:?} for {what}: {why}"));
                }
                Err(_) => std::thread::sleep(LOOK * 4),
            }
        }
    }
}
