//! A broker that does what brokers seldom do: refuses topics, says what is no packet, ends the connection, wants no pings.

use std::time::Duration;

use model::MqttVersion;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::publish_tests::packet;
use super::subscribe_tests::{listening_to, run};
use super::waiting_tests::{SOON, accept, broker, pinged, published};

async fn accept_soon(listener: &TcpListener, version: MqttVersion) -> TcpStream {
    let accepted = tokio::time::timeout(SOON, accept(listener, version));
    accepted.await.expect("a connection")
}

/// Waits for a subscription and answers with that code; what was asked for.
async fn answer_subscription(stream: &mut TcpStream, code: u8) -> String {
    let asked = tokio::time::timeout(SOON, packet(stream));
    let (kind, body) = asked.await.expect("a subscription");
    assert_eq!(kind, 0x82);
    stream
        .write_all(&[0x90, 4, body[0], body[1], 0, code])
        .await
        .unwrap();
    String::from_utf8_lossy(&body[3..]).into_owned()
}

/// MQTT 5.0, 3.9.3.
const NOT_AUTHORIZED: u8 = 0x87;
const GRANTED: u8 = 1;

#[tokio::test]
async fn a_topic_that_the_broker_refuses_is_asked_for_again_until_it_is_allowed() {
    let (listener, broker) = broker(MqttVersion::V5).await;
    let mut running = run(listening_to(broker, &["a"]), 10);
    let mut stream = accept_soon(&listener, MqttVersion::V5).await;
    answer_subscription(&mut stream, NOT_AUTHORIZED).await;
    let again = answer_subscription(&mut stream, NOT_AUTHORIZED).await;
    assert!(again.contains('a'), "on the same connection: {again:?}");
    drop(stream);
    let mut stream = accept_soon(&listener, MqttVersion::V5).await;
    answer_subscription(&mut stream, GRANTED).await;
    drop(stream);
    // Now the session that it keeps knows the topic.
    let mut stream = accept_soon(&listener, MqttVersion::V5).await;
    stream.write_all(&published(MqttVersion::V5, 1)).await.unwrap();
    running.soon().await.receipt.unwrap().committed();
    let said = tokio::time::timeout(SOON, packet(&mut stream));
    assert_eq!(said.await.expect("an acknowledgement").0, 0x40);
    running.stop().await;
}

#[tokio::test]
async fn what_came_before_something_unreadable_is_acknowledged_and_the_broker_is_left_alone_ever_longer() {
    let version = MqttVersion::V311;
    let (listener, broker) = broker(version).await;
    let mut running = run(listening_to(broker, &["a"]), 10);
    // A length beyond every bound.
    let unreadable = [0x32, 0xff, 0xff, 0xff, 0x7f];
    let mut stream = accept_soon(&listener, version).await;
    assert_eq!(packet(&mut stream).await.0, 0x82);
    let both = [published(version, 1).as_slice(), &unreadable].concat();
    stream.write_all(&both).await.unwrap();
    let delivery = running.soon().await;
    // As long as a store takes to commit it.
    tokio::time::sleep(Duration::from_millis(100)).await;
    delivery.receipt.unwrap().committed();
    assert_eq!(packet(&mut stream).await, (0x40, vec![0, 1]));
    // From now on it says a message that need not be acknowledged, and the same again.
    let once = [0x30, 4, 0, 1, b'a', b'0'];
    let both = [once.as_slice(), &unreadable].concat();
    let mut stream = accept_soon(&listener, version).await;
    stream.write_all(&both).await.unwrap();
    let second = tokio::time::Instant::now();
    let _third = accept_soon(&listener, version).await;
    let pause = second.elapsed();
    // A second for receipts, and twice half a second, less a tenth at most.
    assert!(pause >= Duration::from_millis(1_850), "{pause:?}");
    running.stop().await;
}

#[tokio::test]
async fn a_broker_that_says_that_it_ends_the_connection_is_dialled_again() {
    let (listener, broker) = broker(MqttVersion::V5).await;
    let running = run(listening_to(broker, &["a"]), 10);
    let mut stream = accept_soon(&listener, MqttVersion::V5).await;
    answer_subscription(&mut stream, GRANTED).await;
    // Taken over; and it does not close.
    stream.write_all(&[0xe0, 1, 0x8e]).await.unwrap();
    let again = tokio::time::timeout(SOON, accept(&listener, MqttVersion::V5));
    again.await.expect("another connection");
    running.stop().await;
}

#[tokio::test]
async fn a_broker_that_wants_to_hear_from_us_once_an_hour_is_pinged_as_often_as_any() {
    let (listener, broker) = broker(MqttVersion::V5).await;
    let running = run(listening_to(broker, &["a"]), 10);
    let (mut stream, _) = listener.accept().await.unwrap();
    assert_eq!(packet(&mut stream).await.0 >> 4, 1);
    // CONNACK with a server keep alive (19) of 3600 s.
    stream
        .write_all(&[0x20, 6, 1, 0, 3, 19, 0x0e, 0x10])
        .await
        .unwrap();
    answer_subscription(&mut stream, GRANTED).await;
    let began = tokio::time::Instant::now();
    tokio::time::pause();
    assert!(pinged(&mut stream).await);
    tokio::time::resume();
    let seconds = began.elapsed().as_secs();
    assert!((25..=40).contains(&seconds), "{seconds} s");
    running.stop().await;
}
