//! The poll loop over every transport: the frames of a serial line on a socket and on a line, and Modbus TCP inside TLS.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use model::{Connection, Link, Missing, Parity, Reading, Secret, SerialLine, Site, Tls, Unit};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_serial::{SerialPort, SerialStream};

use super::harness::{NO_ANSWER, fast, good, readings, registers, run};
use super::raw_server::{Deed, Framing, RawServer, Request, serve};
use crate::test_site::{connection, site};
use crate::test_tls::{Identities, identities};

fn rtu_over_tcp(server: &RawServer) -> Connection {
    connection(Link::ModbusRtuOverTcp {
        host: server.address.ip().to_string(),
        port: server.address.port(),
    })
}

/// A serial line of a test's own: what answers at its far end goes on until the test ends.
fn line(behave: impl Fn(Request) -> Vec<Deed> + Send + Sync + 'static) -> Connection {
    let (far_end, near_end) = SerialStream::pair().expect("a pair of pseudo terminals");
    let path = near_end.name().expect("a name of the near end");
    tokio::spawn(async move {
        // Held open, so that the far end isn't told that nobody is there before the driver has opened it.
        let _near_end = near_end;
        serve(far_end, Framing::Crc, &behave, &AtomicU32::new(0)).await;
    });
    connection(Link::ModbusRtu(SerialLine {
        path,
        baud: 9600,
        parity: Parity::None,
        stop_bits: 1,
    }))
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Reads until a hundred readings were right; none may be anything but right or missing. How many were missing.
async fn a_hundred_right(site: Site) -> usize {
    let mut running = run(site);
    let (mut right, mut silent) = (0, 0);
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
    silent
}

/// The first answer takes longer than the timeout, and later ones wait behind it: a gateway with a queue.
fn late_once(request: Request) -> Vec<Deed> {
    let delay = if request.number == 0 { 300 } else { 20 };
    vec![Deed::Wait(ms(delay)), Deed::Send(request.right())]
}

#[tokio::test]
async fn an_answer_after_the_timeout_makes_no_reading_wrong_where_frames_have_no_id() {
    let server = RawServer::start_crc(late_once).await;
    let units = [(Unit::Modbus(1), registers(&[0, 1000]))];
    let silent = a_hundred_right(fast(site(rtu_over_tcp(&server), units), ms(50))).await;
    assert!((1..60).contains(&silent), "{silent}");
}

#[tokio::test]
async fn on_a_serial_line_an_answer_after_the_timeout_makes_no_reading_wrong() {
    let units = [(Unit::Modbus(1), registers(&[0, 1000]))];
    let silent = a_hundred_right(fast(site(line(late_once), units), ms(50))).await;
    assert!((1..60).contains(&silent), "{silent}");
}

#[tokio::test]
async fn a_dead_unit_behind_a_serial_server_does_not_reconnect_the_others() {
    let server = RawServer::start_crc(|request| match request.unit {
        2 => Vec::new(),
        _ => vec![Deed::Send(request.right())],
    })
    .await;
    let units = (1..=3).map(|unit| (Unit::Modbus(unit), registers(&[5])));
    let mut running = run(fast(site(rtu_over_tcp(&server), units), ms(100)));
    let mut answered = 0;
    while answered < 60 {
        let batch = running.next().await;
        if batch.device.0 == 1 {
            assert_eq!(readings(&batch), [NO_ANSWER]);
        } else {
            assert_eq!(readings(&batch), [good(105 + 100 * batch.device.0 as u16)]);
            answered += 1;
        }
    }
    // Before each of its probes at most, which come ever more seldom.
    assert!(server.connections() <= 6, "{}", server.connections());
}

#[tokio::test]
async fn an_echo_that_reads_as_an_answer_is_no_value_on_a_serial_line() {
    // At these addresses a request has the form of an answer with three bytes of data.
    let line = line(|request| {
        let body = [request.first.to_be_bytes(), request.count.to_be_bytes()].concat();
        let echo = request.frame(0, &[&[request.function], body.as_slice()].concat());
        match request.number {
            0 => vec![Deed::Send(echo)],
            _ => vec![Deed::Send(echo), Deed::Send(request.right())],
        }
    });
    let mut running = run(fast(site(line, [(Unit::Modbus(1), registers(&[0x305]))]), ms(50)));
    assert_eq!(readings(&running.next().await), [NO_ANSWER]);
    while readings(&running.next().await) == [NO_ANSWER] {}
    for _ in 0..5 {
        assert_eq!(readings(&running.next().await), [good(0x305 + 100)]);
    }
}

#[tokio::test]
async fn noise_echoes_and_frames_in_pieces_on_a_serial_line_are_read_right() {
    let line = line(|request| {
        let (right, stranger) = (request.right(), request.frame(0, &[0x83, 2]));
        let mut spoiled = right.clone();
        spoiled[3] ^= 0x10;
        let (head, tail) = right.split_at(5);
        match request.number % 3 {
            0 => vec![Deed::Send([&[0, 0xff, 0x55], right.as_slice(), &[0]].concat())],
            1 => vec![Deed::Send(spoiled), Deed::Send(right)],
            _ if request.first == 77 => vec![Deed::Send(stranger)],
            _ => vec![
                Deed::Send(head.to_vec()),
                Deed::Wait(ms(15)),
                Deed::Send(tail.to_vec()),
            ],
        }
    });
    let mut running = run(fast(
        site(line, [(Unit::Modbus(1), registers(&[0, 1, 2]))]),
        ms(50),
    ));
    for _ in 0..9 {
        assert_eq!(readings(&running.next().await), [good(100), good(101), good(102)]);
    }
}

#[tokio::test]
async fn a_spoiled_frame_is_no_value() {
    let server = RawServer::start_crc(|request| {
        let mut answer = request.right();
        if request.number % 2 == 1 {
            answer[4] ^= 1;
        }
        vec![Deed::Send(answer)]
    })
    .await;
    let mut running = run(fast(
        site(rtu_over_tcp(&server), [(Unit::Modbus(1), registers(&[0]))]),
        ms(50),
    ));
    for _ in 0..6 {
        assert!([good(100), NO_ANSWER].contains(&readings(&running.next().await)[0]));
    }
}

#[tokio::test]
async fn a_short_answer_with_a_right_check_sum_is_malformed_and_no_value() {
    let server = RawServer::start_crc(|request| vec![Deed::Send(request.registers(0, 1))]).await;
    let mut running = run(site(
        rtu_over_tcp(&server),
        [(Unit::Modbus(1), registers(&[0, 1]))],
    ));
    let malformed = Reading::Missing(Missing::Malformed);
    assert_eq!(readings(&running.next().await), [malformed.clone(), malformed]);
}

/// A Modbus TCP server inside TLS that wants a certificate of its client.
async fn tls_server(identities: &Identities) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(identities.authority.as_bytes()).unwrap())
        .unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.unwrap())
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(identities.certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(identities.key.as_bytes()).unwrap(),
        )
        .unwrap();
    let (acceptor, listener) = (
        TlsAcceptor::from(Arc::new(config)),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                let right: &(dyn Fn(Request) -> Vec<Deed> + Sync) =
                    &|request| vec![Deed::Send(request.right())];
                serve(stream, Framing::Header, right, &AtomicU32::new(0)).await;
            }
        }
    });
    port
}

#[tokio::test]
async fn a_device_inside_tls_is_read_with_a_certificate_and_refuses_without_one() {
    let (ours, strangers) = (identities(), identities());
    let port = tls_server(&ours).await;
    let with = |authority: &Identities, own: Option<&Identities>| {
        let mut dialled = connection(Link::ModbusTls {
            host: "127.0.0.1".into(),
            port,
        });
        dialled.tls = Some(Tls {
            authorities: Some(authority.authority.clone()),
            certificate: own.map(|own| own.certificate.clone()),
            key: own.map(|own| Secret::new(own.key.clone())),
        });
        dialled.timeout = Duration::from_secs(2);
        site(dialled, [(Unit::Modbus(1), registers(&[0]))])
    };
    for (site, expected) in [
        (with(&ours, None), NO_ANSWER),
        (with(&strangers, Some(&ours)), NO_ANSWER),
        (with(&ours, Some(&strangers)), NO_ANSWER),
        (with(&ours, Some(&ours)), good(100)),
    ] {
        assert_eq!(crate::check(&site), []);
        assert_eq!(readings(&run(site).next().await), [expected]);
    }
}

#[tokio::test]
async fn an_answer_that_has_begun_in_time_may_take_its_time_on_a_slow_line() {
    let mut slow = line(|request| {
        let mut answer = request.right();
        let rest = answer.split_off(5);
        vec![
            Deed::Wait(ms(150)),
            Deed::Send(answer),
            Deed::Wait(ms(150)),
            Deed::Send(rest),
        ]
    });
    if let Link::ModbusRtu(line) = &mut slow.link {
        // 25 bytes of an answer take 229 ms.
        line.baud = 1200;
    }
    slow.timeout = ms(200);
    let ten: Vec<u16> = (0..10).collect();
    let read = readings(&run(site(slow, [(Unit::Modbus(1), registers(&ten))])).next().await);
    assert_eq!(read.first(), Some(&good(100)), "{read:?}");
}

/// How long a line at 9600 8N1 takes for the frames of one answered read.
fn on_the_line(request: &Request) -> Duration {
    let bytes = 8 + 5 + 2 * u32::from(request.count);
    Duration::from_micros(1042) * bytes
}

#[tokio::test]
async fn with_a_third_of_a_serial_line_dead_the_others_keep_their_interval() {
    let line = line(|request| match request.unit {
        unit if unit % 3 == 0 => Vec::new(),
        _ => vec![Deed::Wait(on_the_line(&request)), Deed::Send(request.right())],
    });
    let ten: Vec<u16> = (0..10).collect();
    let units = (1..=30).map(|unit| (Unit::Modbus(unit), registers(&ten)));
    let mut running = run(fast(site(line, units), ms(2000)));
    let begin = std::time::Instant::now();
    let mut last = std::collections::HashMap::new();
    let mut gaps = Vec::new();
    while begin.elapsed() < ms(24_000) {
        let batch = running.next().await;
        if (batch.device.0 + 1) % 3 == 0 {
            continue;
        }
        let before = last.insert(batch.device, batch.at);
        // The first silences of all dead units come together.
        if let Some(before) = before.filter(|_| begin.elapsed() > ms(10_000)) {
            gaps.push(batch.at.duration_since(before).as_millis());
        }
    }
    gaps.sort_unstable();
    let at = |percent: usize| gaps[(gaps.len() * percent).div_ceil(100) - 1];
    assert!((1_600..=2_400).contains(&at(50)), "{gaps:?}");
    assert!(at(5) >= 1_600 && at(95) <= 2_400, "{gaps:?}");
}

#[test]
fn certificates_that_are_of_no_use_are_told_before_the_start() {
    let mut dialled = connection(Link::ModbusTls {
        host: "plc".into(),
        port: 802,
    });
    dialled.tls = Some(Tls {
        authorities: Some("not PEM".into()),
        ..Tls::default()
    });
    let faults = crate::check(&site(dialled, [(Unit::Modbus(1), registers(&[0]))]));
    assert!(
        faults[0].to_string().contains("`ca_file` holds no certificate"),
        "{faults:?}"
    );
}
