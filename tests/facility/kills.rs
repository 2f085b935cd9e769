//! The gateway is killed at any moment, under load: every fault still has exactly one ticket, nothing counted is lost, and what people
//! did is there exactly once if they were told so, and never twice.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use tests::{
    Action, Dice, Gateway, Influx, Outcome, People, Scene, Simulator, Stored, Tally, Webhook, judge, so,
    until_ok, verify_journal,
};

/// The rule's on-delay: from a fault's injection to its ticket.
const DELAY: Duration = Duration::from_secs(1);
const CATCH_UP: Duration = Duration::from_secs(60);
const PEOPLE: [&str; 2] = ["Wang", "Li"];
/// What people rest between two actions: so short that about half of the kills cut one off, and so long that two hundred lives' work can be
/// looked through again and again.
const LONGEST_REST: Duration = Duration::from_millis(40);
/// More tickets than are opened in a few lives.
const NEWEST: usize = 200;
/// After each of the first so many kills everything is looked through, then once in so many; after the others only what the last lives
/// did, or the looking would take longer than the killing.
const WHOLE_LOOK_EVERY: usize = 20;

/// By device, when its ticket was opened and under which id, as it was first seen.
type Opened = BTreeMap<String, (String, String)>;

/// What the gateway said that it had taken of each device, and between which times: from its start until it said so.
struct Life {
    from: Timestamp,
    to: Timestamp,
    taken: BTreeMap<String, f64>,
    /// When it was killed.
    killed_at: Instant,
}

#[test]
fn a_killed_gateway_loses_nothing_counted_or_confirmed_and_doubles_nothing() {
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
    let begun = Instant::now();
    let mut people = People::start(gateway.url(), &PEOPLE, Duration::ZERO..=LONGEST_REST, &mut dice);
    for (kill, device) in devices.iter().enumerate() {
        // The database is away for the middle third, so that what was taken lies on the gateway's own disk.
        if kill == kills / 3 {
            influx.go_away();
        } else if kill == kills * 2 / 3 {
            influx.come_back();
        }
        gateway.wait_until_good(device);
        let moment = moment(&mut dice, kill);
        let elapsed = begun.elapsed().as_secs_f64();
        println!("{elapsed:8.3} s  kill {kill}: {moment:?} after the fault of {device}");
        inject_and_wait(&simulator, device, moment);
        same_as_before(&gateway.newest_tickets(NEWEST), &mut opened);
        before_the_ticket += usize::from(!opened.contains_key(device));
        let head = gateway.journal_head();
        let taken = taken(&gateway, &devices);
        let to = Timestamp::now();
        gateway.kill();
        lives.push(Life {
            from,
            to,
            taken,
            killed_at: Instant::now(),
        });
        // The dead one's journal holds as it lies there, and has all that it had shortly before.
        verify_journal(&scene.data(), Some(&head)).expect("a journal that holds");
        from = Timestamp::now();
        gateway = scene.run();
        wait_for_ticket(&gateway, device);
        if kill < WHOLE_LOOK_EVERY || kill.is_multiple_of(WHOLE_LOOK_EVERY) {
            all_is_there(&gateway, &people, &devices[..=kill], &mut opened);
        } else {
            the_newest_is_there(&gateway, &people, &lives, &mut opened);
        }
    }
    assert!(
        before_the_ticket * 2 >= kills,
        "only {before_the_ticket} of {kills} kills came before the ticket"
    );
    sleep(DELAY * 2);
    people.stop();
    let tally = all_is_there(&gateway, &people, &devices, &mut opened);
    let proven = verify_journal(&scene.data(), Some(&gateway.journal_head())).expect("a journal that holds");
    each_opening_has_its_own_key(&webhook, &gateway.tickets());
    until_ok("every counted sample to be in the database", CATCH_UP, || {
        nothing_is_missing(&lives, &influx.stored())
    });
    gateway.stop();
    let cut = cut_off(&people.actions(), &lives);
    println!(
        "{kills} kills, {before_the_ticket} before the fault's ticket, {cut} while an action was under way; {tally:?}; \
         the journal verified after each, and at the end: {proven}"
    );
    assert_eq!(tally.refused, 0, "{:?}", refused(&people.actions()));
    assert!(cut * 4 >= kills, "only {cut} of {kills} kills cut an action off");
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
        .leak_rule("1s");
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

/// Waits until a faulty device has its ticket.
#[track_caller]
fn wait_for_ticket(gateway: &Gateway, device: &str) {
    until_ok("the fault's ticket", Duration::from_secs(20), || {
        let tickets = gateway.newest_tickets(NEWEST);
        let is_there = tickets.iter().any(|ticket| ticket["device"] == device);
        so(is_there, || format!("no ticket of {device}"))
    });
}

/// Checks that each faulty device has one ticket, which was not opened anew, and no other has one; and all that people did.
#[track_caller]
fn all_is_there(gateway: &Gateway, people: &People, faulty: &[String], opened: &mut Opened) -> Tally {
    let actions = people.actions();
    let tickets = gateway.tickets();
    let tally = judge(&actions, &tickets).unwrap_or_else(|why| panic!("{why}"));
    let mut devices: Vec<_> = tickets
        .iter()
        .filter_map(|ticket| ticket["device"].as_str())
        .collect();
    devices.sort_unstable();
    let wanted: BTreeSet<_> = faulty.iter().map(String::as_str).collect();
    assert_eq!(devices, Vec::from_iter(wanted), "one ticket for each fault");
    same_as_before(&tickets, opened);
    tally
}

/// Checks what people did in the last two lives, and that no ticket was opened anew.
#[track_caller]
fn the_newest_is_there(gateway: &Gateway, people: &People, lives: &[Life], opened: &mut Opened) {
    let before = lives.iter().rev().nth(2).map(|life| life.killed_at);
    let mut actions = people.actions();
    actions.retain(|action| before.is_none_or(|before| action.begun > before));
    let tickets = gateway.newest_tickets(NEWEST);
    judge(&actions, &tickets).unwrap_or_else(|why| panic!("{why}"));
    same_as_before(&tickets, opened);
}

/// Checks that no ticket of a device that was ever seen has been opened anew since, and keeps those that are new.
#[track_caller]
fn same_as_before(tickets: &[Value], opened: &mut Opened) {
    for ticket in tickets {
        let Some(device) = ticket["device"].as_str() else {
            continue;
        };
        let text = |field: &str| {
            let text = ticket[field].as_str();
            text.unwrap_or_else(|| panic!("no {field}: {ticket:#}"))
                .to_owned()
        };
        let now = (text("opened_at"), text("id"));
        let before = opened.entry(device.to_owned()).or_insert_with(|| now.clone());
        assert_eq!(*before, now, "{ticket:#}");
    }
}

/// An alert may be sent again after a kill, but then it is the same one.
#[track_caller]
fn each_opening_has_its_own_key(webhook: &Webhook, tickets: &[Value]) {
    until_ok("an alert for each ticket", Duration::from_secs(30), || {
        let opened = webhook.alerts_of("ticket.opened");
        let keys: BTreeSet<_> = opened.iter().map(|alert| alert["key"].to_string()).collect();
        let told: BTreeSet<_> = opened
            .iter()
            .map(|alert| alert["ticket"]["id"].to_string())
            .collect();
        let one_each = keys.len() == tickets.len() && told.len() == tickets.len();
        so(one_each, || {
            format!(
                "{} keys for {} of {} tickets",
                keys.len(),
                told.len(),
                tickets.len()
            )
        })
    });
}

/// How many of the kills came while somebody waited for an answer, and never got it.
fn cut_off(actions: &[Action], lives: &[Life]) -> usize {
    let unanswered = actions
        .iter()
        .filter(|action| action.outcome == Outcome::Unanswered);
    // Each belongs to the first kill after it was begun.
    let cut = unanswered.map(|action| lives.partition_point(|life| life.killed_at < action.begun));
    BTreeSet::from_iter(cut.filter(|kill| *kill < lives.len())).len()
}

fn refused(actions: &[Action]) -> Option<&Action> {
    actions
        .iter()
        .find(|action| matches!(action.outcome, Outcome::Refused(_)))
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
