//! MQTT messages of quality of service 1, each acknowledged after it is on disk, beside a bare consumer that acknowledges at once and
//! keeps nothing: while others publish as fast as they can, and when all of them have waited at the broker.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, Publish};
use rumqttc::v5::{AsyncClient, Event, EventLoop};

use crate::broker::{Mosquitto, TOPICS, UNACKNOWLEDGED, next, options, publish, run};
use crate::figures::Target::{AtMost, RatioAtLeast};
use crate::figures::{Figure, Figures, median};
use crate::gateway::Gateway;
use crate::http::sum;
use crate::process::Core;
use crate::running::fresh_folder;
use crate::setting::Setting;
use crate::sink::Sink;
use crate::site::BrokerSite;
use crate::trouble::{Outcome, Trouble, While};

const MESSAGES: usize = 200_000;
/// So long without a message, and no more are waited for; longer than a message waits for its redelivery.
const PATIENCE: Duration = Duration::from_secs(30);
const START: Duration = Duration::from_secs(30);

/// How the messages come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// While they are published.
    Live,
    /// All at once, having waited at the broker for a consumer that was away: more than it can take.
    Waiting,
}

pub(super) fn measure(setting: &Setting, figures: &mut Figures) -> Outcome<()> {
    let published = |bare, ours: Figure| ours.beside(bare, "bare consumer");
    let (bare, ours, lost) = rates(setting, Way::Live)?;
    let live = Figure::new("messages taken while others publish", ours, "1/s");
    figures.add(&published(bare, live).target(RatioAtLeast(0.8)));
    figures.add(&Figure::new("… lost", lost, "").target(AtMost(0.0)));
    let (bare, ours, lost) = rates(setting, Way::Waiting)?;
    let waiting = Figure::new("messages taken that had waited at the broker", ours, "1/s");
    figures.add(&published(bare, waiting).target(RatioAtLeast(0.8)));
    figures.add(&Figure::new("… lost", lost, "").target(AtMost(0.0)));
    Ok(())
}

/// Messages a second of the bare consumer and of the gateway, at the median; and how many the gateway lost in all runs.
fn rates(setting: &Setting, way: Way) -> Outcome<(f64, f64, f64)> {
    let messages = setting.part_of(MESSAGES) as u64;
    let (mut bare, mut ours, mut lost) = (Vec::new(), Vec::new(), 0.0);
    for window in 1..=setting.windows {
        let rate = bare_rate(setting, way, messages)?;
        let taken = gateway_rate(setting, way, messages)?;
        setting.tell(&format!(
            "run {window} of {}, {way:?}: bare consumer {rate:.0} messages/s, gateway {:.0}",
            setting.windows, taken.rate
        ));
        bare.push(rate);
        ours.push(taken.rate);
        lost += taken.lost;
    }
    Ok((median(&bare), median(&ours), lost))
}

struct Taken {
    rate: f64,
    lost: f64,
}

/// The gateway subscribes; if messages are to wait for it, it ends and finds them when it starts again.
fn gateway_rate(setting: &Setting, way: Way, messages: u64) -> Outcome<Taken> {
    let folder = fresh_folder(setting, "mqtt")?;
    let broker = Mosquitto::start(&folder)?;
    let sink = Sink::start()?;
    let site = BrokerSite {
        port: broker.port,
        topics: TOPICS,
        database: sink.url(),
    };
    site.write(&folder.join("site"))?;
    let mut gateway = Gateway::start(&folder, Core::Any)?;
    wait_until_subscribed(&gateway)?;
    sink.take();
    if way == Way::Waiting {
        gateway.stop();
        publish(broker.port, messages)?;
        gateway = Gateway::start(&folder, Core::Any)?;
        wait_until_quiet(&sink, messages);
    } else {
        let port = broker.port;
        let publishing = std::thread::spawn(move || publish(port, messages));
        wait_until_quiet(&sink, messages);
        joined(publishing)?;
    }
    gateway.stop();
    let arrivals = sink.take();
    let (first, last) = arrivals.first_and_last.during("a message that arrived")?;
    let arrived = arrivals.numbers.len() as f64;
    Ok(Taken {
        rate: arrived / last.duration_since(first).as_secs_f64(),
        lost: messages as f64 - arrived,
    })
}

fn joined(publishing: std::thread::JoinHandle<Outcome<()>>) -> Outcome<()> {
    publishing
        .join()
        .map_err(|_| Trouble::new("the publishers' thread ended by itself"))?
}

/// Until all have arrived, or none did for a while.
fn wait_until_quiet(sink: &Sink, messages: u64) {
    let (mut arrived, mut since) = (0, Instant::now());
    while (arrived as u64) < messages && since.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(20));
        let now = sink.numbers();
        if now > arrived {
            (arrived, since) = (now, Instant::now());
        }
    }
}

fn wait_until_subscribed(gateway: &Gateway) -> Outcome<()> {
    let until = Instant::now() + START;
    while sum(&gateway.metrics()?, "facility_connection_up", "") < 1.0 {
        if Instant::now() > until {
            return Err(Trouble::new(
                "the gateway does not reach the broker: see gateway.log",
            ));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    // The subscription follows the connection.
    std::thread::sleep(Duration::from_secs(1));
    Ok(())
}

/// A consumer that counts and acknowledges, and does nothing else.
fn bare_rate(setting: &Setting, way: Way, messages: u64) -> Outcome<f64> {
    let folder = fresh_folder(setting, "mqtt-bare")?;
    let broker = Mosquitto::start(&folder)?;
    let port = broker.port;
    // The session outlives the connection, which ends with the runtime that it was made on.
    run(async {
        let (client, mut events) = consumer(port);
        subscribe(&client, &mut events).await
    })?;
    let publishing = match way {
        Way::Waiting => publish(port, messages).map(|()| None)?,
        Way::Live => Some(std::thread::spawn(move || publish(port, messages))),
    };
    let rate = run(async {
        let (client, mut events) = consumer(port);
        consume(&client, &mut events, messages).await
    })?;
    publishing.map_or(Ok(()), joined)?;
    Ok(rate)
}

async fn subscribe(client: &AsyncClient, events: &mut EventLoop) -> Outcome<()> {
    for topic in 0..TOPICS {
        let topic = BrokerSite::topic(topic);
        client
            .subscribe(topic, QoS::AtLeastOnce)
            .await
            .during("subscribing")?;
    }
    for _ in 0..TOPICS {
        next(events, |packet| matches!(packet, Packet::SubAck(_))).await?;
    }
    Ok(())
}

/// Until all have come and every acknowledgement is sent: a message that is not acknowledged comes again.
async fn consume(client: &AsyncClient, events: &mut EventLoop, messages: u64) -> Outcome<f64> {
    let mut numbers = HashSet::new();
    let (mut first, mut unacknowledged) = (None, 0_u64);
    while (numbers.len() as u64) < messages || unacknowledged > 0 {
        match events.poll().await.during("the broker")? {
            Event::Incoming(Packet::Publish(publish)) => {
                first.get_or_insert_with(Instant::now);
                numbers.insert(number_of(&publish));
                client.try_ack(&publish).during("an acknowledgement")?;
                unacknowledged += 1;
            }
            Event::Outgoing(Outgoing::PubAck(_)) => unacknowledged = unacknowledged.saturating_sub(1),
            Event::Incoming(_) | Event::Outgoing(_) => {}
        }
    }
    let first = first.during("a message that arrived")?;
    Ok(messages as f64 / first.elapsed().as_secs_f64())
}

fn consumer(port: u16) -> (AsyncClient, EventLoop) {
    let mut options = options("bench-consumer", port);
    options
        .set_clean_start(false)
        .set_session_expiry_interval(Some(3_600))
        .set_manual_acks(true)
        .set_receive_maximum(Some(UNACKNOWLEDGED));
    // Room for an acknowledgement of each message: the client reads up to nine messages for each acknowledgement that it sends.
    AsyncClient::new(options, 2 * MESSAGES)
}

/// Without parsing the message: the digits after its first colon.
fn number_of(publish: &Publish) -> u64 {
    let digits = publish.payload.iter().skip_while(|byte| !byte.is_ascii_digit());
    digits
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}
