//! The poll loop against real sockets: a good server of tokio-modbus, and raw ones that misbehave as devices do.

use std::collections::HashMap;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use model::RegisterTable::{Coil, Discrete, Holding, Input};
use model::{DataType, DeviceIndex, Missing, ModbusLimits, Reading, TransactionIds, Unit, Value};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_modbus::server::{Service, tcp};
use tokio_modbus::{ExceptionCode, Response, SlaveRequest};
use tokio_util::sync::CancellationToken;

use super::harness::{NO_ANSWER, fast, good, one_device, readings, registers, run};
use super::raw_server::{Deed, RawServer, Request};
use crate::test_site::{limited_profile, modbus_at, point_at, profile, site};
use crate::{Field, start};

struct GoodServer;

impl Service for GoodServer {
    type Request = SlaveRequest<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = Ready<Result<Response, ExceptionCode>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        use tokio_modbus::Request::{
            ReadCoils, ReadDiscreteInputs, ReadHoldingRegisters, ReadInputRegisters,
        };
        ready(match request.request {
            ReadCoils(first, count) => Ok(Response::ReadCoils(
                (first..first + count).map(|bit| bit % 2 == 1).collect(),
            )),
            ReadDiscreteInputs(first, count) => Ok(Response::ReadDiscreteInputs(
                (first..first + count).map(|bit| bit % 3 == 0).collect(),
            )),
            ReadInputRegisters(first, count) => {
                Ok(Response::ReadInputRegisters((first..first + count).collect()))
            }
            ReadHoldingRegisters(first, count) => {
                let base = u16::from(request.slave) * 100;
                Ok(Response::ReadHoldingRegisters(
                    (first..first + count).map(|number| base + number).collect(),
                ))
            }
            _ => Err(ExceptionCode::IllegalFunction),
        })
    }
}

#[tokio::test]
async fn every_table_of_every_unit_is_read_and_time_goes_forward() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let server = tcp::Server::new(listener);
        let accept = |stream, peer| ready(tcp::accept_tcp_connection(stream, peer, |_| Ok(Some(GoodServer))));
        server.serve(&accept, |_| {}).await
    });
    let profile = profile(vec![
        point_at(Holding, 7, DataType::U16),
        point_at(Coil, 3, DataType::Bool),
        point_at(Discrete, 4, DataType::Bool),
        point_at(Input, 9, DataType::U32),
        point_at(Holding, 60_000, DataType::U16),
    ]);
    let units = [(Unit::Modbus(1), profile.clone()), (Unit::Modbus(2), profile)];
    let mut running = run(site(modbus_at(address), units));
    let mut last = HashMap::new();
    for _ in 0..10 {
        let batch = running.next().await;
        let base = (batch.device.0 as u16 + 1) * 100;
        let expected = vec![
            good(base + 7),
            Reading::Good(Value::Bool(true)),
            Reading::Good(Value::Bool(false)),
            Reading::Good(Value::Number(f64::from(9 * 65_536 + 10))),
            good(base + 60_000),
        ];
        assert_eq!(readings(&batch), expected);
        assert!(
            last.insert(batch.device, batch.at)
                .is_none_or(|before| before < batch.at)
        );
    }
    assert_eq!(last.len(), 2);
    drop(running.stop);
    running.drivers.stopped().await;
    server.abort();
}

#[tokio::test]
async fn an_answer_after_the_timeout_makes_none_of_a_hundred_later_readings_wrong() {
    // The first answer takes longer than the timeout, all later ones are slow: a gateway with a queue.
    let server = RawServer::start(|request| {
        let delay = if request.number == 0 { 300 } else { 20 };
        vec![
            Deed::Wait(Duration::from_millis(delay)),
            Deed::Send(request.right()),
        ]
    })
    .await;
    let site = fast(one_device(&server, &[0, 1000]), Duration::from_millis(50));
    let mut running = run(site);
    let mut right = 0;
    let mut silent = 0;
    while right < 100 {
        for (reading, expected) in readings(&running.next().await)
            .into_iter()
            .zip([good(100), good(1100)])
        {
            if reading == NO_ANSWER {
                silent += 1;
            } else {
                assert_eq!(reading, expected, "after {right} right ones");
                right += 1;
            }
        }
    }
    assert!((1..60).contains(&silent), "{silent}");
    // One timeout never costs the connection; a machine so busy that three follow each other may.
    assert!(server.connections() <= 2, "{}", server.connections());
}

#[tokio::test]
async fn an_answer_in_pieces_is_put_together() {
    let server = RawServer::start(|request| {
        let right = request.right();
        right
            .chunks(4)
            .flat_map(|piece| [Deed::Send(piece.to_vec()), Deed::Wait(Duration::from_millis(2))])
            .collect()
    })
    .await;
    let mut running = run(one_device(&server, &[0, 1, 2]));
    assert_eq!(readings(&running.next().await), [good(100), good(101), good(102)]);
}

#[tokio::test]
async fn a_short_answer_is_no_value_and_costs_nobody_else() {
    let server = RawServer::start(|request| {
        let short = request.first == 0;
        let count = if short { 1 } else { request.count };
        vec![Deed::Send(request.registers(request.transaction, count))]
    })
    .await;
    let mut running = run(one_device(&server, &[0, 1, 500]));
    for _ in 0..3 {
        let malformed = Reading::Missing(Missing::Malformed);
        assert_eq!(
            readings(&running.next().await),
            [malformed.clone(), malformed, good(600)]
        );
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_dead_unit_delays_no_other_and_its_silence_is_a_sample_at_every_poll() {
    let server = RawServer::start(|request| match request.unit {
        2 => Vec::new(),
        _ => vec![Deed::Send(request.right())],
    })
    .await;
    let units = (1..=4).map(|unit| (Unit::Modbus(unit), registers(&[5])));
    let mut running = run(site(modbus_at(server.address), units));
    let mut times: HashMap<u32, Vec<jiff::Timestamp>> = HashMap::new();
    for _ in 0..60 {
        let batch = running.next().await;
        let dead = batch.device == DeviceIndex(1);
        let expected = if dead {
            NO_ANSWER
        } else {
            good(105 + 100 * batch.device.0 as u16)
        };
        assert_eq!(readings(&batch), [expected]);
        times.entry(batch.device.0).or_default().push(batch.at);
    }
    assert_eq!(server.connections(), 1);
    for (device, times) in times {
        assert!(
            (13..=17).contains(&times.len()),
            "device {device} was polled {} times",
            times.len()
        );
        let gaps: Vec<_> = times
            .windows(2)
            .map(|pair| pair[1].duration_since(pair[0]).as_millis())
            .collect();
        let mut sorted = gaps.clone();
        sorted.sort_unstable();
        assert!(
            (225..=275).contains(&sorted[sorted.len() / 2]),
            "device {device}: {gaps:?}"
        );
        // One interval of 250 ms, one timeout of 200 ms, and what a loaded machine may add.
        assert!(
            sorted.last().is_some_and(|longest| *longest <= 600),
            "device {device}: {gaps:?}"
        );
    }
}

#[tokio::test]
async fn a_unit_that_comes_back_is_read_whole_again() {
    let server = RawServer::start(|request| match request.number {
        0..3 => Vec::new(),
        _ => vec![Deed::Send(request.right())],
    })
    .await;
    let mut slow = point_at(Holding, 1, DataType::U16);
    slow.every = 1000;
    let profile = profile(vec![point_at(Holding, 0, DataType::U16), slow]);
    let mut running = run(site(modbus_at(server.address), [(Unit::Modbus(1), profile)]));
    assert_eq!(readings(&running.next().await), [NO_ANSWER, NO_ANSWER]);
    loop {
        match readings(&running.next().await).as_slice() {
            [first, second] if *first == NO_ANSWER && *second == NO_ANSWER => {}
            both => {
                assert_eq!(both, [good(100), good(101)]);
                break;
            }
        }
    }
    assert_eq!(readings(&running.next().await), [good(100)]);
}

#[tokio::test]
async fn points_that_are_all_slow_are_read_at_their_own_polls_only() {
    let server = RawServer::start(|request| vec![Deed::Send(request.right())]).await;
    let mut slow = point_at(Holding, 0, DataType::U16);
    slow.every = 10;
    let slow = site(
        modbus_at(server.address),
        [(Unit::Modbus(1), profile(vec![slow]))],
    );
    let mut running = run(fast(slow, Duration::from_millis(10)));
    let mut read = Vec::new();
    for poll in 0..25 {
        if !running.next().await.samples.is_empty() {
            read.push(poll);
        }
    }
    assert_eq!(read, [0, 10, 20]);
}

#[tokio::test]
async fn a_server_that_closes_after_every_answer_still_works() {
    let server = RawServer::start(|request| vec![Deed::Send(request.right()), Deed::Close]).await;
    let mut running = run(one_device(&server, &[0, 500, 1000]));
    for _ in 0..3 {
        assert_eq!(
            readings(&running.next().await),
            [good(100), good(600), good(1100)]
        );
    }
    assert_eq!(server.connections(), 9);
}

#[tokio::test]
async fn an_answer_with_another_transaction_id_is_not_believed_unless_the_profile_says_so() {
    fn wrong_id(request: Request) -> Vec<Deed> {
        vec![Deed::Send(request.registers(0x7777, request.count))]
    }
    let server = RawServer::start(wrong_id).await;
    let mut running = run(one_device(&server, &[0, 1000]));
    assert_eq!(readings(&running.next().await), [NO_ANSWER, NO_ANSWER]);

    let server = RawServer::start(wrong_id).await;
    let ignoring = ModbusLimits {
        transaction_ids: TransactionIds::Ignore,
        ..ModbusLimits::default()
    };
    let points = vec![
        point_at(Holding, 0, DataType::U16),
        point_at(Holding, 1000, DataType::U16),
    ];
    let units = [(Unit::Modbus(1), limited_profile(points, ignoring))];
    let mut running = run(site(modbus_at(server.address), units));
    for _ in 0..3 {
        assert_eq!(readings(&running.next().await), [good(100), good(1100)]);
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_device_without_transaction_ids_is_dialled_anew_after_a_late_answer_and_never_read_wrong() {
    let server = RawServer::start(|request| {
        let delay = if request.number == 0 { 300 } else { 10 };
        vec![
            Deed::Wait(Duration::from_millis(delay)),
            Deed::Send(request.registers(0, request.count)),
        ]
    })
    .await;
    let ignoring = ModbusLimits {
        transaction_ids: TransactionIds::Ignore,
        ..ModbusLimits::default()
    };
    let points = vec![
        point_at(Holding, 0, DataType::U16),
        point_at(Holding, 1000, DataType::U16),
    ];
    let units = [(Unit::Modbus(1), limited_profile(points, ignoring))];
    let mut running = run(site(modbus_at(server.address), units));
    assert_eq!(readings(&running.next().await), [NO_ANSWER, NO_ANSWER]);
    for _ in 0..10 {
        assert_eq!(readings(&running.next().await), [good(100), good(1100)]);
    }
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_refused_block_is_refused_alone() {
    let server = RawServer::start(|request| {
        vec![Deed::Send(if request.first == 500 {
            request.refusal(2)
        } else {
            request.right()
        })]
    })
    .await;
    let mut running = run(one_device(&server, &[0, 500, 1000]));
    for _ in 0..3 {
        assert_eq!(
            readings(&running.next().await),
            [good(100), Reading::Missing(Missing::Refused(2)), good(1100)]
        );
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_gateway_that_cannot_reach_a_unit_blames_the_unit_and_not_the_link() {
    let server = RawServer::start(|request| {
        vec![Deed::Send(if request.unit == 1 {
            request.refusal(0x0b)
        } else {
            request.right()
        })]
    })
    .await;
    let units = (1..=2).map(|unit| (Unit::Modbus(unit), registers(&[0])));
    let mut running = run(site(modbus_at(server.address), units));
    for _ in 0..20 {
        let batch = running.next().await;
        assert_eq!(
            readings(&batch),
            [if batch.device == DeviceIndex(0) {
                NO_ANSWER
            } else {
                good(200)
            }]
        );
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn what_is_not_modbus_is_no_answer_and_the_connection_is_made_again() {
    let server = RawServer::start(|request| {
        vec![Deed::Send(if request.number < 2 {
            b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()
        } else {
            request.right()
        })]
    })
    .await;
    let mut running = run(one_device(&server, &[0]));
    assert_eq!(readings(&running.next().await), [NO_ANSWER]);
    while readings(&running.next().await) != [good(100)] {}
    assert!(server.connections() >= 2);
}

#[tokio::test]
async fn a_refused_connection_is_silence_until_somebody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let units = (1..=2).map(|unit| (Unit::Modbus(unit), registers(&[0])));
    let mut running = run(site(modbus_at(address), units));
    for _ in 0..6 {
        assert_eq!(readings(&running.next().await), [NO_ANSWER]);
    }
    let listener = TcpListener::bind(address).await.unwrap();
    let server = RawServer::on(listener, |request| vec![Deed::Send(request.right())]);
    while readings(&running.next_of(1).await) != [good(200)] {}
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_line_that_vanished_without_a_word_is_dialled_again() {
    // The first connection answers once and is silent for good, as after a cable was pulled; a new one would work.
    let server = RawServer::start(|request| match request.number {
        1 => vec![Deed::Wait(Duration::from_secs(600))],
        _ => vec![Deed::Send(request.right())],
    })
    .await;
    let mut running = run(one_device(&server, &[0]));
    assert_eq!(readings(&running.next().await), [good(100)]);
    assert_eq!(readings(&running.next().await), [NO_ANSWER]);
    while readings(&running.next().await) != [good(100)] {}
    assert!(server.connections() >= 2);
}

#[tokio::test]
async fn a_full_intake_never_delays_a_poll() {
    let (asked, mut questions) = mpsc::unbounded_channel();
    let server = RawServer::start(move |request| {
        let _ = asked.send(request.number);
        vec![Deed::Send(request.right())]
    })
    .await;
    let (intake, mut batches) = mpsc::channel(1);
    let stop = CancellationToken::new();
    let drivers = start(
        Arc::new(Field::new(Arc::new(one_device(&server, &[0])))),
        intake,
        stop.clone(),
    );
    while questions.recv().await != Some(5) {}
    assert_eq!(readings(&batches.recv().await.unwrap().batch), [good(100)]);
    while questions.recv().await != Some(8) {}
    stop.cancel();
    drivers.stopped().await;
}
