//! The page in a real browser: the fire main breaks, and a technician takes the ticket through to its end.

use std::process::Command;
use std::time::Duration;

use tests::{Demo, Process, repository};

#[test]
fn a_technician_takes_the_ticket_through_to_its_end_in_the_browser() {
    let scripts = repository().join("tests/browser");
    assert!(
        scripts.join("node_modules").exists(),
        "run `make test-setup` first: it installs the browser's driver"
    );
    let mut demo = Demo::start();
    let mut script = Command::new("node");
    script.arg(scripts.join("fire_main.mjs"));
    script
        .env("GATEWAY_URL", demo.url())
        .env("CONTROL_URL", demo.control_url());
    let finished = Process::finish("fire_main.mjs", &script, Duration::from_secs(180));
    println!("{}", finished.stdout);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    demo.stop();
}
