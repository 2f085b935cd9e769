//! A database and a webhook that take everything and never answer: neither polls nor rules notice.

use std::net::TcpListener;
use std::thread::sleep;
use std::time::Duration;

use jiff::Timestamp;
use tests::{Scene, intervals, so, until_ok};

const INTERVAL: f64 = 0.5;

#[test]
fn servers_that_never_answer_delay_neither_polls_nor_tickets() {
    let scene = Scene::new();
    let (database, webhook) = (black_hole(), black_hole());
    let mut site = scene.draft();
    site.table(
        "influxdb",
        &format!("url = \"{database}\"\nversion = 2\norg = \"o\"\nbucket = \"b\""),
    );
    site.webhook(&webhook)
        .connection("pump_room", &scene.modbus_url(), "500ms", "300ms")
        .leak_rule("1s");
    site.device("fire-main-1", "fire-main", "pump_room", "1").device(
        "fire-main-2",
        "fire-main",
        "pump_room",
        "2",
    );
    site.write(&scene.site());
    let mut simulator = scene.simulate();
    let mut gateway = scene.run();
    gateway.wait_until_good("fire-main-1");
    let from = Timestamp::now();
    simulator.inject("fire-main-1", "main_leak");
    until_ok(
        "the ticket within delay, poll and two seconds",
        Duration::from_millis(3_500),
        || {
            let tickets = gateway.tickets();
            so(tickets.len() == 1, || format!("{tickets:#?}"))
        },
    );
    sleep(Duration::from_secs(12));
    gateway.stop();
    simulator.stop();
    for device in ["fire-main-1", "fire-main-2"] {
        let mut intervals = intervals(&simulator.served(), device, "main_pressure", from);
        intervals.sort_by(f64::total_cmp);
        assert!(
            intervals.len() >= 20,
            "{device} was polled {} times in 12 s",
            intervals.len()
        );
        let median = intervals[intervals.len() / 2];
        assert!(
            (median - INTERVAL).abs() <= 0.05 * INTERVAL,
            "{device}: median {median:.3} s"
        );
        assert!(
            intervals.iter().all(|interval| *interval < 2.0 * INTERVAL),
            "{device}: {intervals:?}"
        );
    }
}

/// A server that accepts every connection, keeps it, and says nothing.
fn black_hole() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("its address"));
    std::thread::spawn(move || listener.incoming().flatten().collect::<Vec<_>>());
    url
}
