//! The page in a real browser: a technician takes the broken fire main's ticket through to its end, and a shift is worked at the desk.

use std::process::Command;
use std::time::Duration;

use tests::{Demo, Process, repository};

#[test]
fn a_technician_takes_the_ticket_through_to_its_end_in_the_browser() {
    tell("fire_main.mjs");
}

#[test]
fn a_shift_at_the_desk_is_worked_in_the_browser() {
    tell("shift.mjs");
}

/// Tells one story of `tests/browser` against a demo of its own.
fn tell(story: &str) {
    let scripts = repository().join("tests/browser");
    assert!(
        scripts.join("node_modules").exists(),
        "run `make test-setup` first: it installs the browser's driver"
    );
    let mut demo = Demo::start();
    let mut script = Command::new("node");
    script.arg(scripts.join(story));
    script
        .env("GATEWAY_URL", demo.url())
        .env("CONTROL_URL", demo.control_url());
    let finished = Process::finish(story, &script, Duration::from_secs(180));
    println!("{}", finished.stdout);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    demo.stop();
}
