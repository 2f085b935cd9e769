//! One unit behind a shared connection never answers: the others do not notice.

use std::thread::sleep;
use std::time::Duration;

use jiff::Timestamp;
use tests::{Scene, intervals};

const INTERVAL: f64 = 1.0;
const TIMEOUT: f64 = 0.3;
/// What two busy processors add to a wake-up.
const MACHINE: f64 = 0.1;

#[test]
fn a_silent_unit_leaves_the_others_their_interval() {
    let scene = Scene::new();
    let mut site = scene.draft();
    site.connection("shared", &scene.modbus_url(), "1s", "300ms");
    let others = ["fire-main-1", "fire-main-2", "fire-main-4", "fire-main-5"];
    for unit in 1..=5 {
        site.device(
            &format!("fire-main-{unit}"),
            "fire-main",
            "shared",
            &unit.to_string(),
        );
    }
    site.write(&scene.site());
    let mut simulator = scene.simulate();
    simulator.inject("fire-main-3", "no_answer");
    let mut gateway = scene.run();
    for device in others {
        gateway.wait_until_good(device);
    }
    let from = Timestamp::now();
    sleep(Duration::from_secs(25));
    let timeouts = gateway
        .metrics()
        .sum("facility_poll_timeouts_total", &[("device", "fire-main-3")]);
    assert_eq!(gateway.device("fire-main-3")["state"], "offline");
    assert!(timeouts > 1.0, "the silent unit was asked {timeouts} times");
    gateway.stop();
    simulator.stop();
    for device in others {
        let mut intervals = intervals(&simulator.served(), device, "main_pressure", from);
        intervals.sort_by(f64::total_cmp);
        assert!(
            intervals.len() >= 20,
            "{device} was polled {} times in 25 s",
            intervals.len()
        );
        let (median, longest) = (intervals[intervals.len() / 2], intervals[intervals.len() - 1]);
        println!("{device}: median {median:.3} s, longest {longest:.3} s");
        assert!(
            (median - INTERVAL).abs() <= 0.05 * INTERVAL,
            "{device}: median {median:.3} s"
        );
        assert!(
            longest <= INTERVAL + TIMEOUT + MACHINE,
            "{device}: longest {longest:.3} s"
        );
    }
}
