//! The MQTT loop against mosquitto: what is acknowledged, what comes again, and who is silent.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use model::{
    Batch, Connection, DataType, DeviceIndex, Link, Missing, MqttVersion, Reading, Site, Unit, Value,
};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::sparkplug::foreign_tests::{DBIRTH, DDATA_HISTORICAL, NBIRTH, bytes, plant};
use crate::test_site::{connection, point_in_json, profile, site};
use crate::test_tls::identities;
use crate::{Delivery, Drivers, Field, start};

/// What [`until_heard`] publishes.
const ZERO: Reading = Reading::Good(Value::Number(0.0));

const MOSQUITTO: &str = "/usr/sbin/mosquitto";

/// A broker of a test's own; ends with it.
pub(super) struct Broker {
    process: Child,
    port: u16,
    folder: std::path::PathBuf,
}

impl Broker {
    /// Starts one on a free port, and waits until it listens.
    pub(super) async fn start(test: &str) -> Self {
        Self::start_with(test, |_| String::new()).await
    }

    /// The same with more settings, which may name files in its folder.
    pub(super) async fn start_with(test: &str, more: impl FnOnce(&std::path::Path) -> String) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let folder = std::env::temp_dir().join(format!("drivers-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let settings = folder.join("mosquitto.conf");
        std::fs::write(
            &settings,
            format!(
                "listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n{}",
                more(&folder)
            ),
        )
        .unwrap();
        let process = Command::new(MOSQUITTO)
            .arg("-c")
            .arg(&settings)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mosquitto is installed (apt-get install mosquitto)");
        let broker = Self {
            process,
            port,
            folder,
        };
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        broker
    }

    /// Sends its process a signal: STOP, as if it hung, or CONT.
    pub(super) fn signal(&self, name: &str) {
        let process = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &process]).status();
        assert!(sent.unwrap().success());
    }

    pub(super) fn connection(&self) -> Connection {
        connection(Link::Mqtt {
            host: "127.0.0.1".into(),
            port: self.port,
        })
    }

    /// Publishes messages with quality of service 1 and waits until the broker has them all.
    pub(super) async fn publish(&self, topic: &str, messages: &[&[u8]]) {
        let mut options = MqttOptions::new("publisher", "127.0.0.1", self.port);
        options.set_max_packet_size(Some(1_000_000));
        let (client, mut events) = AsyncClient::new(options, messages.len() + 10);
        for message in messages {
            client
                .publish(topic, QoS::AtLeastOnce, false, message.to_vec())
                .await
                .unwrap();
        }
        let mut confirmed = 0;
        while confirmed < messages.len() {
            if let Event::Incoming(rumqttc::v5::Incoming::PubAck(_)) = events.poll().await.unwrap() {
                confirmed += 1;
            }
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub(super) struct Running {
    pub(super) deliveries: mpsc::Receiver<Delivery>,
    drivers: Drivers,
    stop: CancellationToken,
}

pub(super) fn run(site: Site, room: usize) -> Running {
    let (intake, deliveries) = mpsc::channel(room);
    let stop = CancellationToken::new();
    let drivers = start(Arc::new(Field::new(Arc::new(site))), intake, stop.clone());
    Running {
        deliveries,
        drivers,
        stop,
    }
}

impl Running {
    /// The next delivery that is not one of [`until_heard`]'s.
    async fn next(&mut self) -> Delivery {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(20), self.deliveries.recv());
            let mut delivery = next.await.expect("a batch in time").unwrap();
            match delivery
                .receipt
                .take_if(|_| delivery.batch.samples[0].reading == ZERO)
            {
                Some(receipt) => receipt.committed(),
                None => return delivery,
            }
        }
    }

    pub(super) async fn stop(self) {
        self.stop.cancel();
        // What is still on its way is given up, as by a gateway that is told to end.
        drop(self.deliveries);
        self.drivers.stopped().await;
    }
}

/// A site with devices on these topics, whose one point is `/v`; its intervals are so long that nobody is silent.
pub(super) fn listening(broker: &Broker, topics: &[&str]) -> Site {
    listening_to(broker.connection(), topics)
}

pub(super) fn listening_to(broker: Connection, topics: &[&str]) -> Site {
    let broker = Connection {
        interval: Duration::from_secs(600),
        ..broker
    };
    let profile = profile(vec![point_in_json("/v", DataType::F64)]);
    site(
        broker,
        topics
            .iter()
            .map(|topic| (Unit::Topic((*topic).into()), profile.clone())),
    )
}

pub(super) fn value(batch: &Batch) -> f64 {
    let good = batch.samples[0].reading.good().and_then(Value::as_number);
    good.unwrap_or_else(|| panic!("{batch:?}"))
}

/// Publishes until the site's subscription is there, which is when the first message comes through.
pub(super) async fn until_heard(broker: &Broker, running: &mut Running, topic: &str) {
    loop {
        broker.publish(topic, &[br#"{"v": 0}"#]).await;
        if let Ok(Some(delivery)) =
            tokio::time::timeout(Duration::from_millis(200), running.deliveries.recv()).await
        {
            assert_eq!(value(&delivery.batch), 0.0);
            delivery.receipt.unwrap().committed();
            return;
        }
    }
}

#[tokio::test]
async fn what_was_not_stored_before_a_stop_comes_again_and_what_was_stored_does_not() {
    let broker = Broker::start("stored").await;
    let mut first = run(listening(&broker, &["a"]), 100);
    until_heard(&broker, &mut first, "a").await;
    let messages: Vec<_> = (1..=6)
        .map(|number| format!(r#"{{"v": {number}}}"#).into_bytes())
        .collect();
    broker
        .publish("a", &messages.iter().map(Vec::as_slice).collect::<Vec<_>>())
        .await;
    let mut given_up = Vec::new();
    for number in 1..=6 {
        let delivery = first.next().await;
        assert_eq!(value(&delivery.batch), f64::from(number));
        match number {
            1..=3 => delivery.receipt.unwrap().committed(),
            _ => given_up.push(delivery),
        }
    }
    drop(given_up);
    first.stop().await;
    let mut second = run(listening(&broker, &["a"]), 100);
    for number in 4..=6 {
        let delivery = second.next().await;
        assert_eq!(value(&delivery.batch), f64::from(number));
        delivery.receipt.unwrap().committed();
    }
    broker.publish("a", &[br#"{"v": 7}"#]).await;
    assert_eq!(value(&second.next().await.batch), 7.0);
    second.stop().await;
}

#[tokio::test]
async fn what_a_node_tells_of_the_past_comes_first_with_its_own_times_and_never_as_the_newest() {
    let broker = Broker::start("past").await;
    let mut plant = plant();
    plant.connections = model::Dense::new(vec![broker.connection()]);
    let mut running = run(plant, 100);
    let say = async |kind: &str, hex| {
        let (topic, message) = (format!("spBv1.0/plant/{kind}"), bytes(hex));
        broker.publish(&topic, &[&message]).await;
    };
    let heard_of_node = async |running: &mut Running| {
        say("NBIRTH/pumps", NBIRTH).await;
        let next = tokio::time::timeout(Duration::from_millis(200), running.deliveries.recv());
        next.await.is_ok()
    };
    while !heard_of_node(&mut running).await {}
    say("DBIRTH/pumps/set-1", DBIRTH).await;
    say("DDATA/pumps/set-1", DDATA_HISTORICAL).await;
    let mut batches = Vec::new();
    while batches.len() < 4 {
        let delivery = running.next().await;
        if delivery.batch.device == DeviceIndex(0) {
            delivery.receipt.unwrap().committed();
            batches.push(delivery.batch);
        }
    }
    let (birth, values): (_, Vec<f64>) = (batches[0].at, batches[1..].iter().map(value).collect());
    assert_eq!(values, [0.31, 0.32, 0.5]);
    let past = |second: i64| jiff::Timestamp::from_second(1_707_584_400 - second).unwrap();
    assert_eq!((batches[1].at, batches[2].at), (past(60), past(30)));
    assert!(batches[3].at > birth);
    running.stop().await;
}

#[tokio::test]
async fn a_message_that_could_not_be_stored_is_asked_for_again_without_a_restart() {
    let broker = Broker::start("again").await;
    let mut running = run(listening(&broker, &["a"]), 100);
    until_heard(&broker, &mut running, "a").await;
    broker.publish("a", &[br#"{"v": 1}"#, br#"{"v": 2}"#]).await;
    drop(running.next().await);
    // The second one is stored, but to acknowledge it before the first would be out of order: both come again.
    for expected in [2.0, 1.0, 2.0] {
        let delivery = running.next().await;
        assert_eq!(value(&delivery.batch), expected);
        delivery.receipt.unwrap().committed();
    }
    broker.publish("a", &[br#"{"v": 3}"#]).await;
    assert_eq!(value(&running.next().await.batch), 3.0);
    running.stop().await;
}

#[tokio::test]
async fn a_full_intake_loses_no_message() {
    let broker = Broker::start("full").await;
    let mut running = run(listening(&broker, &["a"]), 1);
    until_heard(&broker, &mut running, "a").await;
    let messages: Vec<_> = (1..=200)
        .map(|number| format!(r#"{{"v": {number}}}"#).into_bytes())
        .collect();
    broker
        .publish("a", &messages.iter().map(Vec::as_slice).collect::<Vec<_>>())
        .await;
    for number in 1..=200 {
        let delivery = running.next().await;
        assert_eq!(value(&delivery.batch), f64::from(number));
        delivery.receipt.unwrap().committed();
    }
    running.stop().await;
}

#[tokio::test]
async fn devices_that_share_a_topic_are_each_given_their_points() {
    let broker = Broker::start("shared").await;
    let mut site = listening(&broker, &["both", "both"]);
    let mut devices: Vec<_> = site.devices.values().cloned().collect();
    devices[1].profile = profile(vec![point_in_json("/w", DataType::F64)]);
    site.devices = model::Dense::new(devices);
    let mut running = run(site, 100);
    let delivery = loop {
        broker.publish("both", &[br#"{"v": 1, "w": 2}"#]).await;
        if let Ok(delivery) =
            tokio::time::timeout(Duration::from_millis(200), running.deliveries.recv()).await
        {
            break delivery.unwrap();
        }
    };
    let other = running.next().await;
    assert_eq!(
        (delivery.batch.device, value(&delivery.batch)),
        (DeviceIndex(0), 1.0)
    );
    assert_eq!((other.batch.device, value(&other.batch)), (DeviceIndex(1), 2.0));
    running.stop().await;
}

#[tokio::test]
async fn a_message_beyond_the_bound_is_left_out_and_the_next_one_comes() {
    let broker = Broker::start("large").await;
    let mut running = run(listening(&broker, &["a"]), 100);
    until_heard(&broker, &mut running, "a").await;
    let large = format!(r#"{{"v": 1, "padding": "{}"}}"#, "x".repeat(200_000)).into_bytes();
    let below = format!(r#"{{"v": 2, "padding": "{}"}}"#, "x".repeat(90_000)).into_bytes();
    broker.publish("a", &[&large, &below, br#"{"v": 3}"#]).await;
    for expected in [2.0, 3.0] {
        let delivery = running.next().await;
        assert_eq!(value(&delivery.batch), expected);
        delivery.receipt.unwrap().committed();
    }
    running.stop().await;
}

#[tokio::test]
async fn what_is_no_json_is_malformed_and_the_next_message_counts() {
    let broker = Broker::start("malformed").await;
    let mut running = run(listening(&broker, &["a"]), 100);
    until_heard(&broker, &mut running, "a").await;
    broker
        .publish("a", &[b"{\"v\": 1", b"\xff\xfe", br#"{"w": 1}"#, br#"{"v": 4}"#])
        .await;
    let (malformed, absent) = (Missing::Malformed, Missing::Absent);
    for expected in [malformed, malformed, absent] {
        assert_eq!(
            running.next().await.batch.samples[0].reading,
            Reading::Missing(expected)
        );
    }
    assert_eq!(value(&running.next().await.batch), 4.0);
    running.stop().await;
}

#[tokio::test]
async fn a_device_that_says_nothing_is_silent_even_when_its_broker_is_not_there() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let nowhere = connection(Link::Mqtt {
        host: "127.0.0.1".into(),
        port,
    });
    let profile = profile(vec![point_in_json("/v", DataType::F64)]);
    let mut running = run(site(nowhere, [(Unit::Topic("a".into()), profile)]), 100);
    let first = running.next().await.batch;
    let second = running.next().await.batch;
    for batch in [&first, &second] {
        assert_eq!(batch.samples[0].reading, Reading::Missing(Missing::NoAnswer));
    }
    assert!(first.at < second.at);
    running.stop().await;
}

#[tokio::test]
async fn after_a_broker_comes_back_with_nothing_we_are_subscribed_again() {
    let mut broker = Broker::start("restart").await;
    let mut running = run(listening(&broker, &["a"]), 100);
    until_heard(&broker, &mut running, "a").await;
    broker.process.kill().unwrap();
    broker.process.wait().unwrap();
    // The same port, and no memory of any session.
    broker.process = Command::new(MOSQUITTO)
        .arg("-c")
        .arg(broker.folder.join("mosquitto.conf"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while tokio::net::TcpStream::connect(("127.0.0.1", broker.port))
        .await
        .is_err()
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    until_heard(&broker, &mut running, "a").await;
    running.stop().await;
}

#[tokio::test]
async fn over_mqtt_3_1_1_too_only_what_is_stored_is_acknowledged() {
    let broker = Broker::start("old").await;
    let old = || {
        let mut site = listening(&broker, &["a"]);
        let connections = site.connections.values().cloned();
        let older = connections.map(|connection| Connection {
            mqtt_version: MqttVersion::V311,
            ..connection
        });
        site.connections = model::Dense::new(older.collect());
        site
    };
    let mut first = run(old(), 100);
    until_heard(&broker, &mut first, "a").await;
    broker.publish("a", &[br#"{"v": 1}"#, br#"{"v": 2}"#]).await;
    let stored = first.next().await;
    assert_eq!(value(&stored.batch), 1.0);
    stored.receipt.unwrap().committed();
    assert_eq!(value(&first.next().await.batch), 2.0);
    first.stop().await;
    let mut second = run(old(), 100);
    assert_eq!(value(&second.next().await.batch), 2.0);
    second.stop().await;
}

#[tokio::test]
async fn a_broker_inside_tls_is_heard_with_a_certificate() {
    let identities = identities();
    let tls_port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let broker = Broker::start_with("tls", |folder| {
        let file = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        format!(
            "listener {tls_port} 127.0.0.1\ncafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\n",
            file("ca.pem", &identities.authority),
            file("cert.pem", &identities.certificate),
            file("key.pem", &identities.key)
        )
    })
    .await;
    for version in [MqttVersion::V5, MqttVersion::V311] {
        let mut site = listening(&broker, &["a"]);
        site.connections = model::Dense::new(vec![Connection {
            link: Link::Mqtts {
                host: "127.0.0.1".into(),
                port: tls_port,
            },
            tls: Some(identities.client()),
            mqtt_version: version,
            client_id: format!("facility-{version:?}"),
            interval: Duration::from_secs(600),
            ..broker.connection()
        }]);
        let mut running = run(site, 100);
        until_heard(&broker, &mut running, "a").await;
        running.stop().await;
    }
}
