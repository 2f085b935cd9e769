//! Messages that waited at their broker and come all at once, faster than anybody can store them.

use std::sync::Arc;
use std::time::Duration;

use model::{Connection, ConnectionIndex, DeviceIndex, Link, MqttVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::listen::{Arrival, Listener};
use super::packets::{self, Said};
use super::publish_tests::packet;
use super::subscribe_tests::{Broker, Running, listening, listening_to, run, until_heard, value};
use crate::Field;
use crate::test_site::connection;

/// More than a receive maximum and every queue of ours hold.
const WAITING: u16 = 20_000;
/// Far less than it took until a connection that had come to a standstill was given up.
pub(super) const SOON: Duration = Duration::from_secs(4);

impl Running {
    pub(super) async fn soon(&mut self) -> crate::Delivery {
        let next = tokio::time::timeout(SOON, self.deliveries.recv());
        next.await.expect("no standstill").unwrap()
    }
}

/// A broker of the test's own: where it listens, and the way to it.
pub(super) async fn broker(version: MqttVersion) -> (TcpListener, Connection) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let link = Link::Mqtt {
        host: "127.0.0.1".into(),
        port: listener.local_addr().unwrap().port(),
    };
    let broker = Connection {
        mqtt_version: version,
        ..connection(link)
    };
    (listener, broker)
}

fn spoken(version: MqttVersion, mut site: model::Site) -> model::Site {
    let connections = site.connections.values().cloned();
    let connections = connections.map(|connection| Connection {
        mqtt_version: version,
        client_id: format!("facility-{version:?}"),
        ..connection
    });
    site.connections = model::Dense::new(connections.collect());
    site
}

/// Mosquitto 2.0.11 keeps to the receive maximum until the first acknowledgement, and then sends all that has waited.
#[tokio::test]
async fn what_has_waited_at_mosquitto_comes_once_in_order_and_without_a_standstill() {
    let broker = Broker::start_with("waiting", |_| "max_inflight_messages 1000\n".to_owned()).await;
    for version in [MqttVersion::V5, MqttVersion::V311] {
        let mut before = run(spoken(version, listening(&broker, &["a"])), 100);
        until_heard(&broker, &mut before, "a").await;
        before.stop().await;
        let messages: Vec<_> = (1..=WAITING)
            .map(|number| format!(r#"{{"v": {number}}}"#).into_bytes())
            .collect();
        broker
            .publish("a", &messages.iter().map(Vec::as_slice).collect::<Vec<_>>())
            .await;
        let mut running = run(spoken(version, listening(&broker, &["a"])), 100);
        // As a store does, many are committed together.
        let mut uncommitted = Vec::new();
        let mut expected = 1;
        while expected <= WAITING {
            let delivery = running.soon().await;
            let value = value(&delivery.batch);
            // What this test subscribed with may come again, since nobody waited for its acknowledgement.
            if value != 0.0 {
                assert_eq!(value, f64::from(expected), "{version:?}");
                expected += 1;
            }
            uncommitted.push(delivery.receipt.unwrap());
            if uncommitted.len() == 500 || expected > WAITING {
                uncommitted.drain(..).for_each(crate::Receipt::committed);
            }
        }
        running.stop().await;
    }
}

/// A broker that has a session, and sends all of it without waiting for anything.
pub(super) async fn accept(listener: &TcpListener, version: MqttVersion) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    let (kind, _) = packet(&mut stream).await;
    assert_eq!(kind >> 4, 1);
    let answer: &[u8] = match version {
        MqttVersion::V5 => &[0x20, 3, 1, 0, 0],
        MqttVersion::V311 => &[0x20, 2, 1, 0],
    };
    stream.write_all(answer).await.unwrap();
    stream
}

pub(super) fn published(version: MqttVersion, number: u16) -> Vec<u8> {
    says(version, number, &format!(r#"{{"v": {number}}}"#))
}

/// A message of `a`, with its number as its packet's.
pub(super) fn says(version: MqttVersion, number: u16, payload: &str) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    let mut body = vec![0, 1, b'a', high, low];
    if version == MqttVersion::V5 {
        body.push(0);
    }
    body.extend(payload.as_bytes());
    let mut packet = vec![0x32, u8::try_from(body.len()).unwrap()];
    packet.extend(body);
    packet
}

#[tokio::test]
async fn what_is_stored_is_acknowledged_even_while_there_is_no_room_for_another_message() {
    for version in [MqttVersion::V5, MqttVersion::V311] {
        let (listener, broker) = broker(version).await;
        let mut running = run(spoken(version, listening_to(broker, &["a"])), 1);
        let stream = accept(&listener, version).await;
        let (mut hears, mut says) = stream.into_split();
        let all = (1..=WAITING).flat_map(move |number| published(version, number));
        let all: Vec<_> = all.collect();
        let sending = tokio::spawn(async move { says.write_all(&all).await.map(|()| says) });
        // The first is stored; nobody takes another, so that all room is soon used up, which nothing shows from outside.
        let first = running.soon().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        first.receipt.unwrap().committed();
        let mut acknowledged = 0_u16;
        let mut acknowledgement = async |running: Option<&mut Running>| {
            let mut running = running;
            loop {
                let packet = packet(&mut hears);
                tokio::pin!(packet);
                let (kind, body) = loop {
                    let Some(running) = running.as_mut() else {
                        break packet.await;
                    };
                    tokio::select! {
                        packet = &mut packet => break packet,
                        delivery = running.deliveries.recv() => delivery.unwrap().receipt.unwrap().committed(),
                    }
                };
                if kind >> 4 == 4 {
                    acknowledged += 1;
                    assert_eq!(body[..2], acknowledged.to_be_bytes(), "{version:?}");
                    return acknowledged;
                }
            }
        };
        let heard = tokio::time::timeout(SOON, acknowledgement(None)).await;
        assert_eq!(heard.expect("the acknowledgement of what is stored"), 1);
        // On the same connection and in order, all others follow once they are stored.
        loop {
            let next = acknowledgement(Some(&mut running));
            let number = tokio::time::timeout(SOON, next).await.expect("no standstill");
            if number == WAITING {
                break;
            }
        }
        drop(sending.await.unwrap().unwrap());
        running.stop().await;
    }
}

/// Reads what is sent until a ping came; `false` at the end of the connection.
pub(super) async fn pinged(stream: &mut TcpStream) -> bool {
    let mut byte = [0; 2];
    loop {
        match stream.read_exact(&mut byte).await {
            Ok(_) if byte == [0xc0, 0] => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

#[tokio::test]
async fn a_broker_that_answers_no_ping_is_given_up_and_dialled_again() {
    let (listener, broker) = broker(MqttVersion::V5).await;
    let running = run(listening_to(broker, &["a"]), 1);
    let mut stream = accept(&listener, MqttVersion::V5).await;
    // The subscription, so that only pings follow.
    assert_eq!(packet(&mut stream).await.0, 0x82);
    let began = tokio::time::Instant::now();
    tokio::time::pause();
    for _ in 0..3 {
        assert!(pinged(&mut stream).await);
        stream.write_all(&[0xd0, 0]).await.unwrap();
    }
    assert!(pinged(&mut stream).await);
    assert!(!pinged(&mut stream).await, "it goes on although nothing is heard");
    tokio::time::resume();
    // Three pings that were answered, one that was not, each after 30 s.
    let seconds = began.elapsed().as_secs();
    assert!((145..=160).contains(&seconds), "{seconds} s");
    let again = tokio::time::timeout(SOON, accept(&listener, MqttVersion::V5));
    again.await.expect("another connection");
    running.stop().await;
}

#[tokio::test]
async fn a_broker_is_given_up_when_nothing_could_be_read_from_it_for_minutes() {
    let (listener, broker) = broker(MqttVersion::V5).await;
    let running = run(listening_to(broker, &["a"]), 1);
    let mut stream = accept(&listener, MqttVersion::V5).await;
    assert_eq!(packet(&mut stream).await.0, 0x82);
    let all: Vec<_> = (1..=WAITING)
        .flat_map(|number| published(MqttVersion::V5, number))
        .collect();
    stream.write_all(&all).await.unwrap();
    // Nobody takes any of them, so that all room is soon used up, which nothing shows from outside.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = tokio::time::Instant::now();
    tokio::time::pause();
    let mut pings = 0;
    while pings < 20 && pinged(&mut stream).await {
        pings += 1;
    }
    tokio::time::resume();
    let seconds = began.elapsed().as_secs();
    assert!((270..=400).contains(&seconds), "{pings} pings in {seconds} s");
    running.stop().await;
}

#[tokio::test]
async fn large_messages_wait_at_the_broker_once_those_that_nobody_has_read_fill_their_room() {
    const MESSAGES: u32 = 48;
    let (listener, broker) = broker(MqttVersion::V5).await;
    let broker = Connection {
        max_packet_bytes: 2 << 20,
        ..broker
    };
    let mut running = run(listening_to(broker, &["a"]), 1);
    let mut stream = accept(&listener, MqttVersion::V5).await;
    assert_eq!(packet(&mut stream).await.0, 0x82);
    let mut all = Vec::new();
    for number in 1..=MESSAGES {
        let payload = format!(r#"{{"v": {number}, "padding": "{}"}}"#, "x".repeat(1 << 20));
        let length = 6 + payload.len();
        all.push(0x32);
        all.extend(
            [0, 7, 14].map(|shift| (length >> shift) as u8 & 0x7f | if shift < 14 { 0x80 } else { 0 }),
        );
        all.extend([0, 1, b'a', 0, number as u8, 0]);
        all.extend(payload.as_bytes());
    }
    let mut sent = 0;
    while sent < all.len()
        && let Ok(more) = tokio::time::timeout(Duration::from_millis(500), stream.write(&all[sent..])).await
    {
        sent += more.unwrap();
    }
    // 16 MiB wait to be read; the rest is in the buffers of the network.
    assert!(sent < 36 << 20, "{sent} bytes were taken");
    let sending = tokio::spawn(async move { stream.write_all(&all[sent..]).await.map(|()| stream) });
    for number in 1..=MESSAGES {
        let delivery = running.soon().await;
        assert_eq!(value(&delivery.batch), f64::from(number));
        delivery.receipt.unwrap().committed();
    }
    drop(sending.await.unwrap().unwrap());
    running.stop().await;
}

/// What a listener to `a` and `b` delivers when so many messages of `a` have waited for it until both were to be looked at.
async fn delivered_after_a_standstill(waiting: u16) -> Vec<(DeviceIndex, bool)> {
    let broker = connection(Link::Mqtt {
        host: "127.0.0.1".into(),
        port: 1883,
    });
    let field = Field::new(Arc::new(listening_to(broker, &["a", "b"])));
    let broker = field.site().connections.get(ConnectionIndex(0)).unwrap();
    let devices = [DeviceIndex(0), DeviceIndex(1)];
    let (intake, mut deliveries) = mpsc::channel(60_000);
    let (to_settle, _unsettled) = mpsc::channel(60_000);
    let (replies, _to_say) = mpsc::channel(10);
    let mut listener = Listener::new(&field, broker, &devices, intake, to_settle, replies);
    let (arrivals, arrived) = mpsc::channel(60_000);
    tokio::time::advance(Duration::from_secs(3 * 600 + 1)).await;
    for number in 1..=waiting {
        let mut packet = published(MqttVersion::V5, number).as_slice().into();
        let Ok(Some(Said::Message(message))) = packets::next(MqttVersion::V5, 100, &mut packet) else {
            panic!("no message");
        };
        let at = jiff::Timestamp::now();
        let arrival = Arrival {
            message,
            era: 1,
            at,
            room: None,
        };
        arrivals.send(arrival).await.unwrap();
    }
    drop(arrivals);
    listener.go_on(arrived, CancellationToken::new()).await;
    drop(listener);
    let mut delivered = Vec::new();
    while let Some(delivery) = deliveries.recv().await {
        let is_good = delivery.batch.samples[0].reading.good().is_some();
        delivered.push((delivery.batch.device, is_good));
    }
    delivered
}

#[tokio::test(start_paused = true)]
async fn a_device_whose_message_waits_here_is_not_called_silent() {
    for _ in 0..32 {
        assert_eq!(delivered_after_a_standstill(1).await, [(DeviceIndex(0), true)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_device_is_told_however_many_messages_of_others_wait() {
    let delivered = delivered_after_a_standstill(30_000).await;
    let silent = delivered
        .iter()
        .position(|(device, is_good)| (*device, *is_good) == (DeviceIndex(1), false));
    assert_eq!(silent, Some(20_000));
}
