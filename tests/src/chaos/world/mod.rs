//! The facility's processes, the links between them and their disks: lets a plan happen to them, and judges what is left.

mod happen;
mod look_after;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use self::look_after::LOOK;
use super::counting::{Counting, PROFILE};
use super::judge::{Evidence, Figures, judge};
use super::link::Link;
use super::plan::{Event, Target};
use super::publisher::Publisher;
use super::scrapes::Scraper;
use super::session::Session;
use crate::dice::Dice;
use crate::disk::SmallDisk;
use crate::gateway::{Build, Gateway, verify_journal};
use crate::http::get;
use crate::influx::Influx;
use crate::mosquitto::Mosquitto;
use crate::people::{self, People};
use crate::scene::Scene;
use crate::simulator::Simulator;
use crate::site::SiteDraft;
use crate::wait::so;
use crate::webhook::Webhook;

const FIRE_MAINS: [&str; 3] = ["fire-main-1", "fire-main-2", "fire-main-3"];
/// Each with its unit; the first two are behind the link that is disturbed, the others are asked directly.
const COUNTERS: [(&str, usize); 4] = [
    ("counter-1", 1),
    ("counter-2", 2),
    ("counter-3", 3),
    ("counter-4", 4),
];
const METERS: [&str; 4] = ["meter-1", "meter-2", "meter-3", "meter-4"];

/// The profile of a device that numbers its messages.
const METER: &str = r#"class = "counting"
name = { zh = "编号消息", en = "Numbered messages" }
point = [
    { name = "number", title = { zh = "消息序号", en = "Message" }, unit = "", address = "/number", type = "u32" },
]

[mqtt]
time = "/at"
"#;

/// Between two things that somebody does.
const REST: Duration = Duration::from_millis(250);
/// Until all is delivered, once nothing is in the way: the longest rest after failures, and some work.
const CATCH_UP: Duration = Duration::from_secs(60);
/// Until the judgement is final: only what is on its way can still come.
const LAST_ARRIVALS: Duration = Duration::from_secs(20);

/// The whole facility, running.
pub struct World {
    begun: Instant,
    gateway: Gateway,
    build: Build,
    people: People,
    publisher: Publisher,
    scraper: Scraper,
    session: Session,
    counting: Counting,
    simulator: Simulator,
    influx: Influx,
    mosquitto: Mosquitto,
    webhook: Webhook,
    database_link: Link,
    broker_link: Link,
    device_link: Link,
    plant_link: Link,
    disks: BTreeMap<Target, SmallDisk>,
    /// The disks that are full now, and when the others had room again last.
    full: BTreeMap<Target, bool>,
    had_room_at: BTreeMap<Target, Instant>,
    /// The processes that are killed or frozen now.
    away: Vec<Target>,
    ended_for_want_of_room: usize,
    tried_again_at: Instant,
    journal_checks: usize,
    // Last, so that its folder goes after the processes in it.
    scene: Scene,
}

impl World {
    /// Starts everything, and waits until the gateway reads and hears all devices.
    #[track_caller]
    pub fn set_up(build: Build) -> Self {
        let scene = Scene::new();
        let disks = BTreeMap::from([
            (Target::GatewayDisk, SmallDisk::mount(&scene.data(), 64)),
            (
                Target::DatabaseDisk,
                SmallDisk::mount(&scene.folder().join("influxdb"), 128),
            ),
            (
                Target::BrokerDisk,
                SmallDisk::mount(&scene.folder().join("mosquitto"), 16),
            ),
        ]);
        let (webhook, counting, session) = (Webhook::start(), Counting::start(), Session::default());
        let influx = Influx::start(scene.folder());
        let mosquitto = Mosquitto::start(scene.folder());
        let plant = scene.lease();
        let overhearing = session.clone();
        let database_link = Link::to(&influx.address());
        let broker_link = Link::overheard(&mosquitto.address(), move |connection, way, bytes| {
            overhearing.hear(connection, way, bytes);
        });
        let (device_link, plant_link) = (Link::to(counting.address()), Link::to(&plant));

        let mut site = scene.draft();
        site.webhook(webhook.url())
            .table("influxdb", &influx.table_at(&database_link.address()))
            .connection("broker", &format!("mqtt://{}", broker_link.address()), "1s", "2s")
            .file("profiles/counter.toml", PROFILE)
            .file("profiles/meter.toml", METER)
            .leak_rule("1s");
        let modbus = |address: &str| format!("modbus+tcp://{address}");
        site.connection("linked", &modbus(&device_link.address()), "100ms", "300ms")
            .connection("direct", &modbus(counting.address()), "100ms", "300ms");
        for (device, unit) in COUNTERS {
            let connection = if unit <= 2 { "linked" } else { "direct" };
            site.device(device, "counter", connection, &unit.to_string());
        }
        for device in METERS {
            site.device(device, "meter", "broker", &Publisher::topic(device));
        }
        fire_mains(&mut site, &plant_link.address()).write(&scene.site());
        let plant_site = scene.folder().join("plant");
        fire_mains(&mut SiteDraft::listening_at("127.0.0.1:0"), &plant).write(&plant_site);

        let simulator = Simulator::serve(&plant_site, scene.folder());
        let counted: Vec<_> = COUNTERS
            .iter()
            .map(|(device, _)| *device)
            .chain(FIRE_MAINS)
            .collect();
        let scraper = Scraper::start(&format!("http://{}", scene.address()), &counted);
        scraper.begins_a_life();
        let mut gateway = Gateway::launch_build(&build, &scene.site(), &scene.data(), &scene.address());
        gateway.wait_until_ready();
        gateway.wait_until_good(FIRE_MAINS[0]);
        gateway.wait_until_good(COUNTERS[0].0);
        let publisher = Publisher::start(&mosquitto.address(), &METERS, &session);
        gateway.wait_until_good(METERS[0]);
        let people = People::start(gateway.url(), &["Wang"], REST..=REST, &mut Dice::of(0));
        Self {
            begun: Instant::now(),
            gateway,
            build,
            people,
            publisher,
            scraper,
            session,
            counting,
            simulator,
            influx,
            mosquitto,
            webhook,
            database_link,
            broker_link,
            device_link,
            plant_link,
            disks,
            full: BTreeMap::new(),
            had_room_at: BTreeMap::new(),
            away: Vec::new(),
            ended_for_want_of_room: 0,
            tried_again_at: Instant::now(),
            journal_checks: 0,
            scene,
        }
    }

    /// Lets all events happen, each a line of the output; the error says what broke meanwhile.
    pub fn live_through(&mut self, events: &[Event]) -> Result<(), String> {
        let mut turns: Vec<_> = events
            .iter()
            .flat_map(|event| [(event.begins, true, event), (event.ends, false, event)])
            .collect();
        turns.sort_by_key(|(at, begins, _)| (*at, *begins));
        self.begun = Instant::now();
        for (at, begins, event) in turns {
            while self.begun.elapsed() < at {
                std::thread::sleep(LOOK.min(at.saturating_sub(self.begun.elapsed())));
                self.look_after()?;
            }
            if begins {
                println!("{event}");
                self.begin(event)?;
            } else {
                self.end(event)?;
            }
        }
        Ok(())
    }

    /// Lets everything run until it has caught up, and judges what is stored.
    pub fn settle(mut self) -> Result<Figures, String> {
        println!(
            "{:8.3} s  everything is let run",
            self.begun.elapsed().as_secs_f64()
        );
        self.wait_until_all_run()?;
        self.people.stop();
        self.publisher.be_quiet();
        let tickets = self.settle_tickets()?;
        self.wait_for("the gateway to acknowledge every message", CATCH_UP, |world| {
            let waits = |number: &&u64| !world.session.has_acknowledged(**number);
            let kept = world.publisher.kept();
            let waiting = kept.keys().filter(waits).count();
            (world.publisher.has_finished() && waiting == 0)
                .then_some(())
                .ok_or_else(|| format!("{waiting} of {} are not acknowledged", kept.len()))
        })?;
        let delivered = |gateway: &Gateway| gateway.metrics().sum("facility_samples_delivered_total", &[]);
        let before = delivered(&self.gateway);
        self.wait_for("something to be delivered again", CATCH_UP, |world| {
            let now = delivered(&world.gateway);
            so(now > before, || format!("still {now}"))
        })?;
        // From here on only deliveries are waited for: what is judged by stays as it is.
        let (lives, messages, acknowledged) = (
            self.scraper.lives(),
            self.publisher.kept(),
            self.session.acknowledged(),
        );
        let mut figures = self.wait_for(
            "all that was taken to be in the database",
            LAST_ARRIVALS,
            |world| {
                let stored = world.influx.stored();
                let answers = COUNTERS
                    .iter()
                    .map(|(device, unit)| ((*device).to_owned(), world.counting.last_answer(*unit)));
                let evidence = Evidence {
                    lives: &lives,
                    answers: &answers.collect(),
                    messages: &messages,
                    acknowledged: &acknowledged,
                };
                judge(&evidence, &stored)
            },
        )?;
        figures.tickets = tickets.len();
        figures.confirmed = people::judge(&self.people.actions(), &tickets)?.confirmed;
        self.gateway.stop();
        self.verify_journal()?;
        println!(
            "{:8.3} s  {figures:?}, {} journals verified, {} ends for want of room",
            self.begun.elapsed().as_secs_f64(),
            self.journal_checks,
            self.ended_for_want_of_room
        );
        Ok(figures)
    }

    fn verify_journal(&mut self) -> Result<(), String> {
        self.journal_checks += 1;
        verify_journal(&self.scene.data(), None).map(|_| ())
    }

    fn wait_until_all_run(&mut self) -> Result<(), String> {
        let urls = [
            format!("{}/readyz", self.gateway.url()),
            format!("http://{}/ping", self.influx.address()),
            format!("{}/devices", self.simulator.control_url()),
        ];
        self.wait_for("every process to answer", CATCH_UP, |world| {
            let is_silent = |url: &&String| !get(url).is_ok_and(|answer| answer.status < 300);
            match urls.iter().find(is_silent) {
                Some(url) => Err(format!("{url} does not")),
                None if !world.mosquitto.answers() => Err("the broker does not".to_owned()),
                None => Ok(()),
            }
        })
    }

    /// Every fire main leaks for good: each has one ticket, however often it leaked before, and it was told under one key.
    fn settle_tickets(&mut self) -> Result<Vec<Value>, String> {
        for device in FIRE_MAINS {
            self.simulator.inject(device, "main_leak");
        }
        self.wait_for(
            "one ticket of each fire main, told under one key",
            CATCH_UP,
            |world| {
                let tickets = world.gateway.tickets();
                let alerts = world.webhook.alerts_of("ticket.opened");
                for device in FIRE_MAINS {
                    let of_it: Vec<_> = tickets
                        .iter()
                        .filter(|ticket| ticket["device"] == device)
                        .collect();
                    let [ticket] = of_it.as_slice() else {
                        return Err(format!("{device} has {} tickets: {of_it:#?}", of_it.len()));
                    };
                    let mut keys: Vec<_> = alerts
                        .iter()
                        .filter(|alert| alert["ticket"]["id"] == ticket["id"])
                        .map(|alert| alert["key"].to_string())
                        .collect();
                    keys.sort_unstable();
                    keys.dedup();
                    if keys.len() != 1 {
                        return Err(format!("{device}'s ticket was told under {keys:?}"));
                    }
                }
                Ok(tickets)
            },
        )
    }
}

fn fire_mains<'site>(site: &'site mut SiteDraft, address: &str) -> &'site mut SiteDraft {
    site.connection("plant", &format!("modbus+tcp://{address}"), "500ms", "500ms");
    for (unit, device) in FIRE_MAINS.iter().enumerate() {
        site.device(device, "fire-main", "plant", &(unit + 1).to_string());
    }
    site
}
