//! The quirk zoo: servers that really behave as devices in the field do, one test each; `docs/field.md` has the table of them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::RegisterTable::{self, Holding};
use model::{DataType, DeviceIndex, Missing, Reading, Unit};

use super::harness::{NO_ANSWER, Running, fast, good, one_device, readings, registers, run, run_in};
use super::raw_server::{Deed, RawServer, Request};
use crate::Field;
use crate::modbus::learnt::Learnt;
use crate::test_site::{modbus_at, site};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A server whose registers in `holes` are not there, which answers no more than `most` at once.
async fn picky(holes: &[u16], most: u16) -> (RawServer, Arc<Mutex<Vec<(u16, u16)>>>) {
    let (holes, asked): (BTreeSet<u16>, _) =
        (holes.iter().copied().collect(), Arc::new(Mutex::new(Vec::new())));
    let noted = Arc::clone(&asked);
    let server = RawServer::start(move |request| {
        noted.lock().unwrap().push((request.first, request.count));
        let is_hole = (request.first..request.first + request.count).any(|number| holes.contains(&number));
        let answer = match request.count > most {
            true => request.refusal(3),
            false if is_hole => request.refusal(2),
            false => request.right(),
        };
        vec![Deed::Send(answer)]
    });
    (server.await, asked)
}

/// The readings of a poll once nothing is refused any more.
async fn settled(running: &mut Running, expected: &[Reading]) {
    for _ in 0..60 {
        if readings(&running.next().await) == expected {
            return;
        }
    }
    panic!("never settled");
}

#[tokio::test]
async fn one_register_that_is_not_there_costs_no_other_point_even_in_the_first_poll() {
    let (server, asked) = picky(&[5], 125).await;
    let numbers: Vec<u16> = (0..10).collect();
    let mut running = run(fast(one_device(&server, &numbers), ms(50)));
    let expected: Vec<_> = numbers
        .iter()
        .map(|number| match number {
            5 => Reading::Missing(Missing::Refused(2)),
            _ => good(100 + number),
        })
        .collect();
    assert_eq!(readings(&running.next().await), expected);
    settled(&mut running, &expected).await;
    running.next().await;
    asked.lock().unwrap().clear();
    for _ in 0..3 {
        assert_eq!(readings(&running.next().await), expected);
    }
    let asked: BTreeSet<_> = asked.lock().unwrap().iter().copied().collect();
    assert_eq!(asked, BTreeSet::from([(0, 5), (6, 4)]));
}

#[tokio::test]
async fn a_hole_between_two_points_is_no_longer_read() {
    let (server, asked) = picky(&[2], 125).await;
    let mut running = run(fast(one_device(&server, &[0, 4]), ms(50)));
    for _ in 0..5 {
        assert_eq!(readings(&running.next().await), [good(100), good(104)]);
    }
    let asked = asked.lock().unwrap();
    // What is refused once may be so by chance.
    assert_eq!(
        asked.iter().filter(|asked| **asked == (0, 5)).count(),
        2,
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_device_that_takes_short_blocks_only_is_read_whole_and_its_longest_block_is_found() {
    let (server, asked) = picky(&[], 20).await;
    let numbers: Vec<u16> = (0..60).collect();
    let mut running = run(fast(one_device(&server, &numbers), ms(50)));
    let expected: Vec<_> = numbers.iter().map(|number| good(100 + number)).collect();
    settled(&mut running, &expected).await;
    for _ in 0..12 {
        running.next().await;
    }
    asked.lock().unwrap().clear();
    assert_eq!(readings(&running.next().await), expected);
    running.next().await;
    let asked = asked.lock().unwrap();
    assert!(asked.iter().all(|(_, count)| *count == 20), "{asked:?}");
}

#[tokio::test]
async fn what_was_learnt_outlives_a_restart() {
    let (server, asked) = picky(&[5], 125).await;
    let numbers: Vec<u16> = (0..10).collect();
    let folder = tempfile::tempdir().unwrap();
    let field = || {
        let site = fast(one_device(&server, &numbers), ms(50));
        Arc::new(Field::remembering(
            Arc::new(site),
            folder.path().join("learnt.json"),
        ))
    };
    let before = field();
    let mut running = run_in(Arc::clone(&before));
    while before.device(DeviceIndex(0)).unwrap().learnt.is_empty() {
        running.next().await;
    }
    drop(running.stop);
    running.drivers.stopped().await;
    let learnt = Learnt::clone(&before.device(DeviceIndex(0)).unwrap().learnt);
    assert_eq!(learnt.refused.len(), 1);
    asked.lock().unwrap().clear();
    let after = field();
    assert_eq!(*after.device(DeviceIndex(0)).unwrap().learnt, learnt);
    let mut running = run_in(after);
    running.next().await;
    running.next().await;
    assert!(!asked.lock().unwrap().contains(&(0, 10)), "{asked:?}");
}

#[tokio::test]
async fn a_device_that_refuses_everything_is_not_asked_over_and_over() {
    let (server, asked) = picky(&(0..100).collect::<Vec<_>>(), 125).await;
    let mut running = run(fast(one_device(&server, &[0, 1, 2, 3, 50]), ms(20)));
    let refused = Reading::Missing(Missing::Refused(2));
    for _ in 0..40 {
        assert_eq!(readings(&running.next().await), vec![refused.clone(); 5]);
    }
    let asked = asked.lock().unwrap().len();
    assert!(asked < 40 * 2 + 6 * 8 + 10, "{asked} requests in 40 polls");
}

#[tokio::test]
async fn a_busy_device_is_asked_again_within_the_timeout_and_refuses_only_then() {
    for code in [5, 6] {
        let server = RawServer::start(move |request| {
            vec![Deed::Send(match request.number % 3 {
                2 => request.right(),
                _ => request.refusal(code),
            })]
        })
        .await;
        let mut running = run(one_device(&server, &[0]));
        for _ in 0..3 {
            assert_eq!(readings(&running.next().await), [good(100)], "exception {code}");
        }
    }
}

#[tokio::test]
async fn a_device_that_stays_busy_takes_no_longer_for_all_its_reads_than_one_answer_may() {
    let server = RawServer::start(|request| {
        vec![Deed::Send(match request.first {
            1500 => request.right(),
            _ => request.refusal(6),
        })]
    })
    .await;
    let numbers = [0, 500, 1000, 1500, 2000];
    let site = one_device(&server, &numbers);
    let field = Arc::new(Field::new(Arc::new(site)));
    let mut running = run_in(Arc::clone(&field));
    let busy = Reading::Missing(Missing::Refused(6));
    let expected = numbers.map(|number| if number == 1500 { good(1600) } else { busy.clone() });
    assert_eq!(readings(&running.next().await), expected);
    // The polls take less than two answers may; one timeout for each read would take four.
    let took = field.device(DeviceIndex(0)).unwrap().latency.unwrap().p99;
    assert!(took < ms(400), "{took:?}");
    let server = RawServer::start(|request| vec![Deed::Send(request.refusal(6))]).await;
    let mut running = run(one_device(&server, &[0]));
    assert_eq!(
        readings(&running.next().await),
        [Reading::Missing(Missing::Refused(6))]
    );
}

#[tokio::test]
async fn a_device_that_needs_a_rest_between_requests_is_given_one_once_it_has_fallen_silent() {
    // It hears nothing for 15 ms after each of its answers.
    let last = Arc::new(Mutex::new(None::<std::time::Instant>));
    let server = RawServer::start(move |request| {
        let mut last = last.lock().unwrap();
        if last.is_some_and(|last| last.elapsed() < ms(15)) {
            return Vec::new();
        }
        *last = Some(std::time::Instant::now());
        vec![Deed::Send(request.right())]
    })
    .await;
    let site = fast(one_device(&server, &[0, 500, 1000]), ms(300));
    let field = Arc::new(Field::new(Arc::new(site)));
    let mut running = run_in(Arc::clone(&field));
    // A busy machine is itself a rest, so a rest that is too short may do for a poll or two.
    let mut right_in_a_row = 0;
    for _ in 0..60 {
        let is_right = readings(&running.next().await) == [good(100), good(600), good(1100)];
        right_in_a_row = if is_right { right_in_a_row + 1 } else { 0 };
        if right_in_a_row == 4 {
            break;
        }
    }
    assert_eq!(right_in_a_row, 4);
    let pause = field.device(DeviceIndex(0)).unwrap().learnt.pause;
    assert!((ms(10)..=ms(80)).contains(&pause), "{pause:?}");
}

#[tokio::test]
async fn a_read_that_a_device_leaves_unanswered_costs_no_other_and_is_asked_ever_more_seldom() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    let server = RawServer::start(move |request| {
        noted.lock().unwrap().push(request.first);
        match request.first {
            500 => Vec::new(),
            _ => vec![Deed::Send(request.right())],
        }
    })
    .await;
    let mut line = modbus_at(server.address);
    line.timeout = ms(100);
    let site = site(line, [(Unit::Modbus(1), registers(&[0, 500, 1000]))]);
    let mut running = run(fast(site, ms(50)));
    assert_eq!(readings(&running.next().await), [good(100), NO_ANSWER, NO_ANSWER]);
    // Until every rest has been tried it is asked in each poll.
    let mut asked_in_row = 0;
    while asked_in_row < 12 {
        asked.lock().unwrap().clear();
        assert_eq!(
            readings(&running.next().await),
            [good(100), NO_ANSWER, good(1100)]
        );
        let is_asked = asked.lock().unwrap().contains(&500);
        asked_in_row = if is_asked { 0 } else { asked_in_row + 1 };
    }
}

#[tokio::test]
async fn reads_beside_each_other_that_a_device_leaves_unanswered_cost_one_poll_each_and_never_two_in_a_row() {
    tokio::join!(
        polled_beside_silent_reads(&[500, 1000]),
        polled_beside_silent_reads(&[500, 1000, 1500, 2000]),
    );
}

async fn polled_beside_silent_reads(silent: &'static [u16]) {
    let asked = Arc::new(AtomicU32::new(0));
    let noted = Arc::clone(&asked);
    let server = RawServer::start(move |request| match silent.contains(&request.first) {
        true => {
            noted.fetch_add(1, Ordering::SeqCst);
            Vec::new()
        }
        false => vec![Deed::Send(request.right())],
    })
    .await;
    let mut line = modbus_at(server.address);
    line.timeout = ms(100);
    let site = site(
        line,
        [(Unit::Modbus(1), registers(&[&[0, 100], silent].concat()))],
    );
    let mut running = run(fast(site, ms(20)));
    let (mut lost, mut lost_in_row, mut unasked_in_row) = (0, 0, 0);
    // Until every rest has been tried, and each of them is passed by for long.
    while unasked_in_row < 12 {
        asked.store(0, Ordering::SeqCst);
        let batch = readings(&running.next().await);
        let is_lost = batch[..2] == [NO_ANSWER, NO_ANSWER];
        lost += usize::from(is_lost);
        lost_in_row = if is_lost { lost_in_row + 1 } else { 0 };
        assert!(lost_in_row < 2 && lost < silent.len(), "{lost} of {silent:?}");
        assert!(is_lost || batch[..2] == [good(100), good(200)], "{batch:?}");
        let is_asked = asked.load(Ordering::SeqCst) > 0;
        unasked_in_row = if is_asked { 0 } else { unasked_in_row + 1 };
    }
}

#[tokio::test]
async fn a_device_that_needs_a_rest_after_connecting_is_given_it() {
    let server = RawServer::start_settling(ms(60), |request| vec![Deed::Send(request.right())]).await;
    let mut dialled = modbus_at(server.address);
    dialled.pause_after_connect = ms(120);
    let mut running = run(site(dialled, [(Unit::Modbus(1), registers(&[0]))]));
    assert_eq!(readings(&running.next().await), [good(100)]);
}

#[tokio::test]
async fn an_answer_of_another_unit_is_not_believed() {
    let server = RawServer::start(|request| {
        let other = Request { unit: 9, ..request };
        vec![Deed::Send(other.right())]
    })
    .await;
    let mut running = run(one_device(&server, &[0]));
    assert_eq!(
        readings(&running.next().await),
        [Reading::Missing(Missing::Malformed)]
    );
}

#[tokio::test]
async fn frames_that_are_glued_together_are_told_apart() {
    // Its answer to the last request comes again before the present one's.
    let last = Mutex::new(Vec::new());
    let server = RawServer::start(move |request| {
        let mut last = last.lock().unwrap();
        let glued = [last.as_slice(), &request.right()].concat();
        *last = request.right();
        vec![Deed::Send(glued)]
    })
    .await;
    let mut running = run(fast(one_device(&server, &[0, 500]), ms(50)));
    for _ in 0..5 {
        assert_eq!(readings(&running.next().await), [good(100), good(600)]);
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_long_answer_is_no_value() {
    let server = RawServer::start(|request| {
        vec![Deed::Send(
            request.registers(request.transaction, request.count + 1),
        )]
    })
    .await;
    let mut running = run(one_device(&server, &[0]));
    assert_eq!(
        readings(&running.next().await),
        [Reading::Missing(Missing::Malformed)]
    );
}

#[tokio::test]
async fn a_server_that_takes_connections_and_never_answers_is_silence_and_is_dialled_again() {
    let server = RawServer::start(|_| Vec::new()).await;
    let mut running = run(fast(one_device(&server, &[0]), ms(50)));
    for _ in 0..10 {
        assert_eq!(readings(&running.next().await), [NO_ANSWER]);
    }
}

#[tokio::test]
async fn a_server_with_room_for_one_connection_only_is_left_before_it_is_dialled_again() {
    let open = Arc::new(AtomicU32::new(0));
    let most = Arc::new(AtomicU32::new(0));
    let server = RawServer::start_counting(Arc::clone(&open), Arc::clone(&most), |request| {
        match request.number {
            3 => vec![Deed::Close],
            5..9 => Vec::new(),
            _ => vec![Deed::Send(request.right())],
        }
    })
    .await;
    let mut running = run(fast(one_device(&server, &[0]), ms(50)));
    let mut right = 0;
    while right < 10 {
        right += usize::from(readings(&running.next().await) == [good(100)]);
    }
    assert!(server.connections() >= 2);
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn how_a_device_does_and_what_is_asked_of_it_can_be_seen() {
    let (server, _) = picky(&[5], 125).await;
    let site = fast(one_device(&server, &[0, 5, 9]), ms(50));
    let field = Arc::new(Field::new(Arc::new(site)));
    let mut running = run_in(Arc::clone(&field));
    while field.device(DeviceIndex(0)).unwrap().learnt.is_empty() {
        running.next().await;
    }
    let stats = field.device(DeviceIndex(0)).unwrap();
    let requests: Vec<_> = stats
        .requests
        .iter()
        .map(|one| (one.table, one.first, one.count, one.points))
        .collect();
    assert_eq!(requests, [(Holding, 0, 1, 1), (Holding, 9, 1, 1)]);
    assert!(stats.polls >= 1 && stats.refusals >= 2 && stats.latency.is_some());
    let connection = field.connection(model::ConnectionIndex(0)).unwrap();
    assert!(connection.is_up && connection.reconnects == 0 && connection.latency.is_some());
    let metrics = field.metrics();
    for line in [
        format!(
            "facility_refusals_total{{device=\"device-0\"}} {}",
            stats.refusals
        ),
        "# TYPE facility_connection_up gauge".to_owned(),
        "facility_connection_up{connection=\"line\"} 1".to_owned(),
    ] {
        assert!(metrics.lines().any(|there| there == line), "{line} in {metrics}");
    }
}

#[tokio::test]
async fn every_word_order_is_read_off_the_wire() {
    use model::Order::{Abcd, Badc, Cdab, Dcba};
    let server = RawServer::start(|request| {
        let bytes: [u8; 4] = match request.first {
            0 => [0x41, 0x20, 0, 0],
            100 => [0, 0, 0x41, 0x20],
            200 => [0x20, 0x41, 0, 0],
            _ => [0, 0, 0x20, 0x41],
        };
        let pdu = [&[3, 4], bytes.as_slice()].concat();
        vec![Deed::Send(request.frame(request.transaction, &pdu))]
    })
    .await;
    let points = [(0, Abcd), (100, Cdab), (200, Badc), (300, Dcba)].map(|(number, order)| model::Point {
        order,
        ..crate::test_site::point_at(RegisterTable::Holding, number, DataType::F32)
    });
    let profile = crate::test_site::profile(points.into());
    let mut running = run(site(modbus_at(server.address), [(Unit::Modbus(1), profile)]));
    assert_eq!(readings(&running.next().await), vec![good(10); 4]);
}
