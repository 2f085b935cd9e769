//! Messages of quality of service 1 that a broker holds for a consumer: how fast are they taken, each acknowledged after it is on disk,
//! beside a bare consumer that acknowledges at once and keeps nothing?

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, Publish};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use tokio::runtime::Builder;

use crate::figures::Target::{AtMost, RatioAtLeast};
use crate::figures::{Figure, Figures, median};
use crate::gateway::Gateway;
use crate::http::sum;
use crate::process::{Core, Process};
use crate::running::fresh_folder;
use crate::setting::Setting;
use crate::sink::Sink;
use crate::site::BrokerSite;
use crate::trouble::{Outcome, Trouble, While};
use crate::victoria::free_port;

const MESSAGES: usize = 200_000;
const TOPICS: usize = 50;
/// Unacknowledged messages, as many as the gateway allows.
const UNACKNOWLEDGED: u16 = 1_000;
const LIMIT: Duration = Duration::from_secs(120);
/// So long without a message, and no more are waited for; longer than a message waits for its redelivery.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn measure(setting: &Setting, figures: &mut Figures) -> Outcome<()> {
    let messages = setting.part_of(MESSAGES) as u64;
    let (mut bare, mut ours, mut lost) = (Vec::new(), Vec::new(), 0.0);
    for window in 1..=setting.windows {
        bare.push(bare_rate(setting, messages)?);
        let taken = gateway_rate(setting, messages)?;
        ours.push(taken.rate);
        lost += taken.lost;
        setting.tell(&format!(
            "run {window} of {}: bare consumer {:.0} messages/s, gateway {:.0}",
            setting.windows,
            bare.last().unwrap_or(&0.0),
            taken.rate
        ));
    }
    let rate = Figure::new(
        "messages taken, acknowledged after the disk",
        median(&ours),
        "1/s",
    );
    figures.add(
        &rate
            .beside(median(&bare), "bare consumer")
            .target(RatioAtLeast(0.8)),
    );
    figures.add(&Figure::new("messages lost", lost, "").target(AtMost(0.0)));
    Ok(())
}

struct Taken {
    rate: f64,
    lost: f64,
}

/// The gateway subscribes, ends, and finds the messages when it starts again.
fn gateway_rate(setting: &Setting, messages: u64) -> Outcome<Taken> {
    let folder = fresh_folder(setting, "mqtt")?;
    let (_broker, port) = mosquitto(&folder)?;
    let sink = Sink::start()?;
    let site = BrokerSite {
        port,
        topics: TOPICS,
        database: sink.url(),
    };
    site.write(&folder.join("site"))?;
    let gateway = Gateway::start(&folder, Core::Any)?;
    wait_until_subscribed(&gateway)?;
    gateway.stop();
    publish(port, messages)?;
    sink.take();
    let gateway = Gateway::start(&folder, Core::Any)?;
    wait_until_quiet(&sink, messages);
    gateway.stop();
    let arrivals = sink.take();
    let (first, last) = arrivals.first_and_last.during("a message that arrived")?;
    let arrived = arrivals.numbers.len() as f64;
    Ok(Taken {
        rate: arrived / last.duration_since(first).as_secs_f64(),
        lost: messages as f64 - arrived,
    })
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
    let until = Instant::now() + LIMIT;
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
fn bare_rate(setting: &Setting, messages: u64) -> Outcome<f64> {
    let folder = fresh_folder(setting, "mqtt-bare")?;
    let (_broker, port) = mosquitto(&folder)?;
    run(async {
        let (client, mut events) = consumer(port);
        for topic in 0..TOPICS {
            client
                .subscribe(BrokerSite::topic(topic), QoS::AtLeastOnce)
                .await
                .during("subscribing")?;
        }
        for _ in 0..TOPICS {
            next(&mut events, |packet| matches!(packet, Packet::SubAck(_))).await?;
        }
        Ok(())
    })?;
    publish(port, messages)?;
    run(async {
        let (client, mut events) = consumer(port);
        let mut numbers = HashSet::new();
        let mut first = None;
        while (numbers.len() as u64) < messages {
            let packet = next(&mut events, |packet| matches!(packet, Packet::Publish(_))).await?;
            let Packet::Publish(publish) = packet else {
                continue;
            };
            first.get_or_insert_with(Instant::now);
            numbers.insert(number_of(&publish));
            client.try_ack(&publish).during("an acknowledgement")?;
        }
        let first = first.during("a message that arrived")?;
        Ok(messages as f64 / first.elapsed().as_secs_f64())
    })
}

fn consumer(port: u16) -> (AsyncClient, EventLoop) {
    let mut options = options("bench-consumer", port);
    options
        .set_clean_start(false)
        .set_session_expiry_interval(Some(3_600))
        .set_manual_acks(true)
        .set_receive_maximum(Some(UNACKNOWLEDGED));
    AsyncClient::new(options, 65_536)
}

/// Without parsing the message: the digits after its first colon.
fn number_of(publish: &Publish) -> u64 {
    let digits = publish.payload.iter().skip_while(|byte| !byte.is_ascii_digit());
    digits
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

/// Publishes all messages and waits until the broker has acknowledged each.
fn publish(port: u16, messages: u64) -> Outcome<()> {
    run(async {
        let (client, mut events) = AsyncClient::new(options("bench-publisher", port), 1_000);
        let publishing = tokio::spawn(async move {
            for number in 0..messages {
                let topic = BrokerSite::topic(usize::try_from(number).unwrap_or(0) % TOPICS);
                client
                    .publish(topic, QoS::AtLeastOnce, false, BrokerSite::message(number))
                    .await?;
            }
            Ok::<_, rumqttc::v5::ClientError>(client)
        });
        for _ in 0..messages {
            next(&mut events, |packet| matches!(packet, Packet::PubAck(_))).await?;
        }
        publishing.await.during("publishing")?.during("publishing")?;
        Ok(())
    })
}

fn options(id: &str, port: u16) -> MqttOptions {
    let mut options = MqttOptions::new(id, "127.0.0.1", port);
    options.set_keep_alive(Duration::from_secs(60));
    let mut network = options.network_options();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    options
}

async fn next(events: &mut EventLoop, wanted: impl Fn(&Packet) -> bool) -> Outcome<Packet> {
    loop {
        if let Event::Incoming(packet) = events.poll().await.during("the broker")?
            && wanted(&packet)
        {
            return Ok(packet);
        }
    }
}

fn run<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.during("the async runtime")?.block_on(async {
        let done = tokio::time::timeout(LIMIT, work).await;
        done.during(format_args!("MQTT was not done within {LIMIT:?}"))?
    })
}

/// A broker that drops no message by itself.
fn mosquitto(folder: &Path) -> Outcome<(Process, u16)> {
    let port = free_port()?;
    let config = folder.join("mosquitto.conf");
    // As root it would become another user, and with it lose the kernel's promise to end it with the benchmark.
    let text = format!(
        "listener {port} 127.0.0.1\nallow_anonymous true\nuser root\nmax_queued_messages 0\n\
         max_inflight_messages {UNACKNOWLEDGED}\npersistence false\nset_tcp_nodelay true\n"
    );
    std::fs::write(&config, text).during(config.display())?;
    let mut command = std::process::Command::new("/usr/sbin/mosquitto");
    command.arg("-c").arg(&config);
    let mut broker = Process::start("mosquitto", &command, Core::Any, folder)?;
    let until = Instant::now() + Duration::from_secs(10);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        broker.must_run()?;
        if Instant::now() > until {
            return Err(Trouble::new("mosquitto does not listen: see mosquitto.log"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok((broker, port))
}
