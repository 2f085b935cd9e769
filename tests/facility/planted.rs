//! The chaos and the kills find what they are there for: with a fault planted in the gateway, the judgement is that something is lost.

use std::path::PathBuf;
use std::time::Duration;

use tests::{Build, Dice, Gateway, People, Scene, World, binary, judge, plan};

/// A seed whose plan has the gateway killed while its disk is full, and the database away more than once.
const SEED: u64 = 20_261_124;
const LENGTH: Duration = Duration::from_secs(40);

#[test]
#[ignore = "needs the gateway with planted faults, which `make soak` builds"]
fn a_message_that_is_acknowledged_before_it_is_on_disk_is_missed() {
    let why = judged_with("acknowledged-before-commit");
    assert!(
        why.contains("were acknowledged by the gateway and are not stored"),
        "{why}"
    );
}

#[test]
#[ignore = "needs the gateway with planted faults, which `make soak` builds"]
fn what_was_delivered_before_the_database_had_answered_is_missed() {
    let why = judged_with("moved-before-answer");
    assert!(
        why.contains("are stored") || why.contains("are not stored"),
        "{why}"
    );
}

#[test]
#[ignore = "needs the gateway with planted faults, which `make soak` builds"]
fn a_step_that_is_confirmed_before_it_is_on_disk_is_missed_after_a_kill() {
    let scene = Scene::new();
    scene.draft().write(&scene.site());
    let run = |build: &Build| {
        let mut gateway = Gateway::launch_build(build, &scene.site(), &scene.data(), &scene.address());
        gateway.wait_until_ready();
        gateway
    };
    let mut dice = Dice::of(SEED);
    let mut gateway = run(&planted("confirmed-before-commit"));
    let rest = Duration::ZERO..=Duration::from_millis(20);
    let mut people = People::start(gateway.url(), &["Wang"], rest, &mut dice);
    std::thread::sleep(dice.between(Duration::from_millis(300), Duration::from_secs(1)));
    gateway.kill();
    // The gateway that looks is in order, so that only the kill can have lost something.
    gateway = run(&Build::under_test());
    people.stop();
    let why = judge(&people.actions(), &gateway.tickets()).expect_err("the planted fault to be found");
    println!("found with confirmed-before-commit: {why}");
    assert!(why.contains("was confirmed and is not there"), "{why}");
}

/// Why a gateway with a fault is found to lose something; the same plan without the fault is found to be in order.
#[track_caller]
fn judged_with(fault: &str) -> String {
    let events = plan(&mut Dice::of(SEED), LENGTH);
    let mut world = World::set_up(planted(fault));
    let outcome = world.live_through(&events).and_then(|()| world.settle());
    let why = outcome.expect_err("the planted fault to be found");
    println!("found with {fault}: {why}");
    why
}

/// The gateway with a fault.
fn planted(fault: &str) -> Build {
    Build {
        binary: with_planted_faults(),
        environment: vec![("FACILITY_PLANTED_FAULT".to_owned(), fault.to_owned())],
    }
}

/// Beside the binary under test, so that neither build takes the other's place.
fn with_planted_faults() -> PathBuf {
    let binary = binary().with_file_name("facility-gateway-with-planted-faults");
    assert!(
        binary.exists(),
        "{} is not there: `make soak` builds it",
        binary.display()
    );
    binary
}
