//! Publishing against a broker that takes, refuses, forgets and vanishes as a test tells it.

use std::time::Duration;

use model::{Connection, Link, MqttVersion};
use rumqttc::mqttbytes::QoS;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::publish::{Heard, LastWill, Publication, run};
use super::subscribe_tests::Broker;
use crate::test_site::connection;
use crate::test_tls::identities;

/// A broker of MQTT 3.1.1 that never has a session, and takes nothing unless it is told to.
struct Forgetful(TcpListener);

impl Forgetful {
    async fn start() -> (Self, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (Self(listener), port)
    }

    /// Takes a connection: no session is present.
    async fn accept(&self) -> Client {
        let (mut stream, _) = self.0.accept().await.unwrap();
        let (kind, connect) = packet(&mut stream).await;
        assert_eq!(kind >> 4, 1);
        stream.write_all(&[0x20, 2, 0, 0]).await.unwrap();
        Client { stream, connect }
    }
}

/// One client as that broker sees it.
struct Client {
    stream: TcpStream,
    connect: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
struct Published {
    topic: String,
    payload: String,
    packet: [u8; 2],
    is_retained: bool,
}

impl Client {
    async fn published(&mut self) -> Published {
        loop {
            let (kind, body) = packet(&mut self.stream).await;
            if kind >> 4 != 3 {
                continue;
            }
            assert_eq!(kind & 0b0110, 0b0010, "quality of service 1");
            let length = usize::from(body[0]) << 8 | usize::from(body[1]);
            let (topic, rest) = body[2..].split_at(length);
            return Published {
                topic: String::from_utf8(topic.to_vec()).unwrap(),
                packet: [rest[0], rest[1]],
                payload: String::from_utf8(rest[2..].to_vec()).unwrap(),
                is_retained: kind & 1 == 1,
            };
        }
    }

    async fn take(&mut self, published: &Published) {
        let [high, low] = published.packet;
        self.stream.write_all(&[0x40, 2, high, low]).await.unwrap();
    }
}

/// The first byte of a packet, and what follows its length.
pub(super) async fn packet(stream: &mut (impl AsyncRead + Unpin)) -> (u8, Vec<u8>) {
    let kind = stream.read_u8().await.unwrap();
    let (mut length, mut shift) = (0_usize, 0);
    loop {
        let byte = stream.read_u8().await.unwrap();
        length |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    (kind, body)
}

struct Publisher {
    publications: mpsc::Sender<Publication>,
    heard: mpsc::Receiver<Heard>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

fn publisher(port: u16) -> Publisher {
    publisher_to(Connection {
        mqtt_version: MqttVersion::V311,
        ..connection(Link::Mqtt {
            host: "127.0.0.1".into(),
            port,
        })
    })
}

fn publisher_to(broker: Connection) -> Publisher {
    let will = LastWill {
        topic: "yard/status".into(),
        payload: b"offline".to_vec(),
    };
    let (publications, given) = mpsc::channel(100);
    let (tell, heard) = mpsc::channel(100);
    let stop = CancellationToken::new();
    let task = tokio::spawn(run(broker, will, given, tell, stop.clone()));
    Publisher {
        publications,
        heard,
        stop,
        task,
    }
}

impl Publisher {
    async fn next(&mut self) -> Heard {
        let heard = tokio::time::timeout(Duration::from_secs(10), self.heard.recv());
        heard.await.expect("something is heard in time").unwrap()
    }

    async fn give(&self, number: u64, era: u64) {
        let publication = Publication {
            topic: format!("yard/{number}"),
            payload: format!("era {era}").into_bytes(),
            number,
            era,
        };
        self.publications.send(publication).await.unwrap();
    }
}

#[tokio::test]
async fn what_a_forgetful_broker_had_not_taken_is_never_called_taken_and_can_be_given_again() {
    let (broker, port) = Forgetful::start().await;
    let mut publisher = publisher(port);
    let mut client = broker.accept().await;
    assert_eq!(publisher.next().await, Heard::Up { era: 1 });
    for number in 1..=5 {
        publisher.give(number, 1).await;
        assert_eq!(client.published().await.topic, format!("yard/{number}"));
    }
    drop(client);
    assert!(matches!(publisher.next().await, Heard::Down(_)));
    // Given before it was known that the connection is another one: it is given again there, and must not come twice.
    publisher.give(6, 1).await;
    let mut client = broker.accept().await;
    assert_eq!(publisher.next().await, Heard::Up { era: 2 });
    for number in 1..=5 {
        publisher.give(number, 2).await;
    }
    for number in 1..=5 {
        let published = client.published().await;
        assert_eq!(
            (published.topic.as_str(), published.payload.as_str()),
            (format!("yard/{number}").as_str(), "era 2")
        );
        assert!(published.is_retained);
        client.take(&published).await;
        assert_eq!(publisher.next().await, Heard::Taken(number));
    }
    publisher.stop.cancel();
    assert_eq!(client.published().await.payload, "offline");
    publisher.task.abort();
}

/// Why nobody may lean on the client's own queue.
#[tokio::test]
async fn the_client_by_itself_forgets_what_a_forgetful_broker_had_not_taken() {
    let (broker, port) = Forgetful::start().await;
    let mut options = MqttOptions::new("naive", "127.0.0.1", port);
    options.set_clean_session(false);
    let (client, mut events) = AsyncClient::new(options, 100);
    let (up, mut is_up) = mpsc::channel(10);
    let naive = tokio::spawn(async move {
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => up.send(()).await.unwrap(),
                Ok(_) => {}
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    });
    let mut first = broker.accept().await;
    is_up.recv().await.unwrap();
    for number in 1..=5 {
        client
            .publish(format!("yard/{number}"), QoS::AtLeastOnce, true, "naive")
            .await
            .unwrap();
        first.published().await;
    }
    drop(first);
    let mut second = broker.accept().await;
    is_up.recv().await.unwrap();
    client
        .publish("yard/6", QoS::AtLeastOnce, true, "naive")
        .await
        .unwrap();
    // The five that were never taken do not come again: the sixth is the first.
    assert_eq!(second.published().await.topic, "yard/6");
    naive.abort();
}

#[tokio::test]
async fn the_broker_has_our_last_will_before_anything_is_published() {
    let (broker, port) = Forgetful::start().await;
    let publisher = publisher(port);
    let client = broker.accept().await;
    let connect = String::from_utf8_lossy(&client.connect).into_owned();
    assert!(
        connect.contains("yard/status") && connect.contains("offline"),
        "{connect:?}"
    );
    // Protocol name and level come before the flags: will, quality of service 1, retained; and a clean session.
    assert_eq!(client.connect[7] & 0b0011_1110, 0b0010_1110);
    publisher.task.abort();
}

#[tokio::test]
async fn what_the_broker_refuses_is_told_with_its_reason_and_the_rest_goes_on() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut publisher = publisher_to(connection(Link::Mqtt {
        host: "127.0.0.1".into(),
        port: listener.local_addr().unwrap().port(),
    }));
    let (mut stream, _) = listener.accept().await.unwrap();
    packet(&mut stream).await;
    // MQTT 5: no session, success, no properties.
    stream.write_all(&[0x20, 3, 0, 0, 0]).await.unwrap();
    assert_eq!(publisher.next().await, Heard::Up { era: 1 });
    publisher.give(1, 1).await;
    publisher.give(2, 1).await;
    let mut packets = Vec::new();
    for _ in 0..2 {
        let (_, body) = packet(&mut stream).await;
        let length = usize::from(body[1]);
        packets.push([body[2 + length], body[3 + length]]);
    }
    // Not authorized (MQTT 5.0, 3.4.2.1), then success.
    for ([high, low], reason) in packets.into_iter().zip([0x87, 0]) {
        stream.write_all(&[0x40, 4, high, low, reason, 0]).await.unwrap();
    }
    assert_eq!(publisher.next().await, Heard::Refused(1, "NotAuthorized".into()));
    assert_eq!(publisher.next().await, Heard::Taken(2));
    publisher.task.abort();
}

/// A broker that hangs keeps the connection, so that nothing but its silence shows.
#[tokio::test]
async fn a_broker_that_hangs_is_given_up_after_half_a_minute_and_found_again_when_it_goes_on() {
    for mqtt_version in [MqttVersion::V5, MqttVersion::V311] {
        let broker = Broker::start(&format!("hangs-{mqtt_version:?}")).await;
        let mut publisher = publisher_to(Connection {
            mqtt_version,
            ..broker.connection()
        });
        assert_eq!(publisher.next().await, Heard::Up { era: 1 });
        publisher.give(1, 1).await;
        assert_eq!(publisher.next().await, Heard::Taken(1));
        broker.signal("STOP");
        let began = tokio::time::Instant::now();
        tokio::time::pause();
        publisher.give(2, 1).await;
        let Some(Heard::Down(why)) = publisher.heard.recv().await else {
            panic!("the broker hangs, and nobody sees it");
        };
        tokio::time::resume();
        assert!(why.contains("taken nothing for 30s"), "{why}");
        assert!(
            (30..=31).contains(&began.elapsed().as_secs()),
            "{:?}",
            began.elapsed()
        );
        broker.signal("CONT");
        // It may have been dialled in the meantime, before it went on.
        let era = loop {
            match publisher.next().await {
                Heard::Up { era } => break era,
                Heard::Down(_) => {}
                heard => panic!("{heard:?}"),
            }
        };
        publisher.give(2, era).await;
        assert_eq!(publisher.next().await, Heard::Taken(2));
        publisher.stop.cancel();
        publisher.task.await.unwrap();
    }
}

#[tokio::test]
async fn a_broker_inside_tls_takes_what_comes_with_a_certificate() {
    let identities = identities();
    let port = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let broker = Broker::start_with("publish-tls", |folder| {
        let file = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        format!(
            "listener {port} 127.0.0.1\ncafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\n",
            file("ca.pem", &identities.authority),
            file("cert.pem", &identities.certificate),
            file("key.pem", &identities.key)
        )
    })
    .await;
    for mqtt_version in [MqttVersion::V5, MqttVersion::V311] {
        let mut publisher = publisher_to(Connection {
            link: Link::Mqtts {
                host: "127.0.0.1".into(),
                port,
            },
            tls: Some(identities.client()),
            mqtt_version,
            ..broker.connection()
        });
        assert_eq!(publisher.next().await, Heard::Up { era: 1 });
        publisher.give(1, 1).await;
        assert_eq!(publisher.next().await, Heard::Taken(1));
        publisher.stop.cancel();
        publisher.task.await.unwrap();
    }
}
