//! A real Mosquitto, which drops no message by itself, and those who publish to it.

use std::path::Path;
use std::time::{Duration, Instant};

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use crate::process::{Core, Process};
use crate::site::BrokerSite;
use crate::trouble::{Outcome, Trouble, While};
use crate::victoria::free_port;

/// Messages that it sends before one of them is acknowledged, as many as the gateway allows.
pub const UNACKNOWLEDGED: u16 = 1_000;
/// Topics that are published to.
pub const TOPICS: usize = 50;
const PUBLISHERS: u64 = 4;
const LIMIT: Duration = Duration::from_secs(120);

/// The broker.
pub struct Mosquitto {
    /// Its port.
    pub port: u16,
    process: Process,
}

impl Mosquitto {
    /// Starts it in a folder; its sessions live as long as it does.
    ///
    /// # Errors
    /// It does not start: Debian's package is `mosquitto`.
    pub fn start(folder: &Path) -> Outcome<Self> {
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
        let process = Process::start("mosquitto", &command, Core::Any, folder)?;
        let mut broker = Self { port, process };
        broker.wait_until_it_listens()?;
        Ok(broker)
    }

    fn wait_until_it_listens(&mut self) -> Outcome<()> {
        let until = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            self.process.must_run()?;
            if Instant::now() > until {
                return Err(Trouble::new("mosquitto does not listen: see mosquitto.log"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

/// Publishes that many messages, as fast as several clients can, and waits until the broker has acknowledged each.
///
/// # Errors
/// The broker ends a connection, or is not done in time.
pub fn publish(port: u16, messages: u64) -> Outcome<()> {
    run(async move {
        let mut publishers = JoinSet::new();
        for publisher in 0..PUBLISHERS {
            publishers.spawn(publish_share(port, publisher, messages));
        }
        while let Some(ended) = publishers.join_next().await {
            ended.during("a publisher")??;
        }
        Ok(())
    })
}

/// Every fourth message, from this publisher's number on.
async fn publish_share(port: u16, publisher: u64, messages: u64) -> Outcome<()> {
    let (client, mut events) =
        AsyncClient::new(options(&format!("bench-publisher-{publisher}"), port), 1_000);
    let numbers = move || (publisher..messages).step_by(PUBLISHERS as usize);
    let publishing = tokio::spawn(async move {
        for number in numbers() {
            let topic = BrokerSite::topic(usize::try_from(number).unwrap_or(0) % TOPICS);
            let message = BrokerSite::message(number);
            client.publish(topic, QoS::AtLeastOnce, false, message).await?;
        }
        Ok::<_, rumqttc::v5::ClientError>(client)
    });
    for _ in numbers() {
        next(&mut events, |packet| matches!(packet, Packet::PubAck(_))).await?;
    }
    publishing.await.during("publishing")?.during("publishing")?;
    Ok(())
}

/// How every client here connects.
pub fn options(id: &str, port: u16) -> MqttOptions {
    let mut options = MqttOptions::new(id, "127.0.0.1", port);
    options.set_keep_alive(Duration::from_secs(60));
    let mut network = options.network_options();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    options
}

/// The next packet of a kind.
///
/// # Errors
/// The broker ends the connection.
pub async fn next(events: &mut EventLoop, wanted: impl Fn(&Packet) -> bool) -> Outcome<Packet> {
    loop {
        if let Event::Incoming(packet) = events.poll().await.during("the broker")?
            && wanted(&packet)
        {
            return Ok(packet);
        }
    }
}

/// Does it on a runtime of its own.
///
/// # Errors
/// It fails, or is not done in time.
pub fn run<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.during("the async runtime")?.block_on(async {
        let done = tokio::time::timeout(LIMIT, work).await;
        done.during(format_args!("MQTT was not done within {LIMIT:?}"))?
    })
}
