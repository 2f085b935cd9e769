//! The gateway is killed at any moment: every fault still has exactly one ticket, and nothing counted is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tests::{Dice, Gateway, Influx, Scene, Simulator, Stored, Webhook, so, until_ok};

/// The rule's on-delay: from a fault's injection to its ticket.
const DELAY: Duration = Duration::from_secs(2);
const CATCH_UP: Duration = Duration::from_secs(60);

/// By device, when its ticket was opened and under which id, as it was first seen.
type Opened = BTreeMap<String, (String, String)>;

/// What the gateway said that it had taken of each device, and between which times: from its start until it said so.
struct Life {
    from: Timestamp,
    to: Timestamp,
    taken: BTreeMap<String, f64>,
}

#[test]
fn a_killed_gateway_loses_no_counted_sample_and_opens_each_ticket_once() {
    let kills = std::env::var("KILLS")
        .ok()
        .and_then(|kills| kills.parse().ok())
        .unwrap_or(20);
    let mut dice = Dice::seeded(20_261_124);
    let scene = Scene::new();
    let webhook = Webhook::start();
    let mut influx = Influx::start(scene.folder());
    let devices = write_site(&scene, &webhook, &influx, kills);
    let simulator = scene.simulate();
    let mut lives = Vec::new();
    let mut before_the_ticket = 0;
    let mut opened = Opened::new();
    let mut from = Timestamp::now();
    let mut gateway = scene.run();
    for (kill, device) in devices.iter().enumerate() {
        // The database is away for the middle third, so that what was taken lies on the gateway's own disk.
        if kill == kills / 3 {
            influx.go_away();
        } else if kill == kills * 2 / 3 {
            influx.come_back();
        }
        gateway.wait_until_good(device);
        let moment = moment(&mut dice, kill);
        println!("kill {kill}: {moment:?} after the fault of {device}");
        inject_and_wait(&simulator, device, moment);
        same_as_before(&gateway, &mut opened);
        before_the_ticket += usize::from(!opened.contains_key(device));
        let taken = taken(&gateway, &devices);
        let to = Timestamp::now();
        gateway.kill();
        lives.push(Life { from, to, taken });
        from = Timestamp::now();
        gateway = scene.run();
        one_ticket_each(&gateway, &devices[..=kill]);
        same_as_before(&gateway, &mut opened);
    }
    assert!(
        before_the_ticket * 2 >= kills,
        "only {before_the_ticket} of {kills} kills came before the ticket"
    );
    sleep(DELAY * 2);
    one_ticket_each(&gateway, &devices);
    same_as_before(&gateway, &mut opened);
    each_opening_has_its_own_key(&webhook, kills);
    until_ok("every counted sample to be in the database", CATCH_UP, || {
        nothing_is_missing(&lives, &influx.stored())
    });
    gateway.stop();
}

/// Every other kill lies anywhere between a fault and its ticket, the rest around the moment at which the ticket is
/// written and told.
fn moment(dice: &mut Dice, kill: usize) -> Duration {
    if kill.is_multiple_of(2) {
        dice.between(Duration::ZERO, DELAY - Duration::from_millis(100))
    } else {
        dice.between(
            DELAY - Duration::from_millis(100),
            DELAY + Duration::from_millis(800),
        )
    }
}

/// A fire main for each kill, so that each fault has a ticket of its own.
fn write_site(scene: &Scene, webhook: &Webhook, influx: &Influx, kills: usize) -> Vec<String> {
    let mut site = scene.draft();
    site.webhook(webhook.url())
        .table("influxdb", &influx.table())
        .leak_rule("2s");
    for connection in ["east", "west"] {
        site.connection(connection, &scene.modbus_url(), "500ms", "2s");
    }
    let devices: Vec<_> = (1..=kills).map(|number| format!("fire-main-{number}")).collect();
    for (number, device) in devices.iter().enumerate() {
        let connection = if number.is_multiple_of(2) { "east" } else { "west" };
        site.device(device, "fire-main", connection, &(number + 1).to_string());
    }
    site.write(&scene.site());
    devices
}

fn inject_and_wait(simulator: &Simulator, device: &str, moment: Duration) {
    let injected = Instant::now();
    simulator.inject(device, "main_leak");
    sleep(moment.saturating_sub(injected.elapsed()));
}

#[track_caller]
fn taken(gateway: &Gateway, devices: &[String]) -> BTreeMap<String, f64> {
    let metrics = gateway.metrics();
    let count = |device: &String| metrics.sum("facility_samples_taken_total", &[("device", device)]);
    devices
        .iter()
        .map(|device| (device.clone(), count(device)))
        .collect()
}

/// Waits until each of the faulty devices has a ticket, and checks that none has two and no other has one.
#[track_caller]
fn one_ticket_each(gateway: &Gateway, faulty: &[String]) {
    let wanted: Vec<_> = faulty
        .iter()
        .map(String::as_str)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    until_ok("one ticket for each fault", Duration::from_secs(20), || {
        let tickets = gateway.tickets();
        let mut devices: Vec<_> = tickets
            .iter()
            .filter_map(|ticket| ticket["device"].as_str())
            .collect();
        devices.sort_unstable();
        so(devices == wanted, || {
            format!("tickets of {devices:?}, faults of {wanted:?}")
        })
    });
}

/// Checks that no ticket that was ever seen has been opened anew since, and keeps those that are new.
#[track_caller]
fn same_as_before(gateway: &Gateway, opened: &mut Opened) {
    for ticket in gateway.tickets() {
        let text = |field: &str| {
            ticket[field]
                .as_str()
                .unwrap_or_else(|| panic!("no {field}: {ticket:#}"))
                .to_owned()
        };
        let now = (text("opened_at"), text("id"));
        let before = opened.entry(text("device")).or_insert_with(|| now.clone());
        assert_eq!(*before, now, "{ticket:#}");
    }
}

/// An alert may be sent again after a kill, but then it is the same one.
#[track_caller]
fn each_opening_has_its_own_key(webhook: &Webhook, kills: usize) {
    until_ok("an alert for each ticket", Duration::from_secs(30), || {
        let opened = webhook.alerts_of("ticket.opened");
        let keys: BTreeSet<_> = opened.iter().map(|alert| alert["key"].to_string()).collect();
        let tickets: BTreeSet<_> = opened
            .iter()
            .map(|alert| alert["ticket"]["id"].to_string())
            .collect();
        let one_each = keys.len() == kills && tickets.len() == kills;
        so(one_each, || {
            format!("{} keys for {} tickets", keys.len(), tickets.len())
        })
    });
}

fn nothing_is_missing(lives: &[Life], stored: &Stored) -> Result<(), String> {
    for (number, life) in lives.iter().enumerate() {
        for (device, taken) in &life.taken {
            let of_device = stored.iter().filter(|((owner, _), _)| owner == device);
            let samples = of_device.flat_map(|(_, samples)| samples);
            let found = samples
                .filter(|(at, _)| *at >= life.from && *at <= life.to)
                .count();
            if (found as f64) < *taken {
                return Err(format!(
                    "life {number}: {taken} samples of {device} were counted, {found} are stored"
                ));
            }
        }
    }
    Ok(())
}
