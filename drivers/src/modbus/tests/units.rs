//! What is asked of a unit behind which two devices stand, or of which nothing is asked in some polls.

use std::time::Duration;

use model::RegisterTable::Holding;
use model::{DataType, Dense, Unit};

use super::harness::{NO_ANSWER, fast, good, readings, registers, run};
use super::raw_server::{Deed, RawServer};
use crate::test_site::{modbus_at, point_at, profile, site};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[tokio::test]
async fn one_lost_answer_costs_one_poll_however_seldom_another_device_of_the_unit_is_polled() {
    let server = RawServer::start(|request| match request.number {
        4 => Vec::new(),
        _ => vec![Deed::Send(request.right())],
    })
    .await;
    let units = [0, 500].map(|number| (Unit::Modbus(1), registers(&[number])));
    let mut site = site(modbus_at(server.address), units);
    let mut devices: Vec<_> = site.devices.values().cloned().collect();
    devices[0].interval = Duration::from_secs(60);
    devices[1].interval = ms(50);
    site.devices = Dense::new(devices);
    let mut running = run(site);
    while readings(&running.next_of(1).await) != [NO_ANSWER] {}
    for _ in 0..3 {
        assert_eq!(readings(&running.next_of(1).await), [good(600)]);
    }
}

#[tokio::test]
async fn a_poll_that_passes_by_all_that_it_would_ask_brings_no_slower_point_earlier() {
    let server = RawServer::start(|request| match request.first {
        500 => Vec::new(),
        _ => vec![Deed::Send(request.right())],
    })
    .await;
    let mut line = modbus_at(server.address);
    line.timeout = ms(50);
    let mut slow = point_at(Holding, 0, DataType::U16);
    slow.every = 3;
    let profile = profile(vec![slow, point_at(Holding, 500, DataType::U16)]);
    let mut running = run(fast(site(line, [(Unit::Modbus(1), profile)]), ms(10)));
    let mut points = Vec::new();
    while !points.ends_with(&[2, 1, 1, 2, 1, 1, 2]) {
        points.push(running.next().await.samples.len());
        assert!(points.len() < 400, "{points:?}");
    }
}
