//! What `[connections.NAME]` has.

use std::borrow::Cow;
use std::time::Duration;

use super::folder::Folder;
use super::link::link;
use super::names::{one_of, said};
use super::quantity::{duration_within, size_in_bytes};
use super::secret::secret;
use super::table::Table;
use crate::{Connection, Link, MqttVersion, Secret, Tls};

const INTERVAL: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_millis(500);
/// The largest packet, unless a site says another.
pub(super) const MAX_PACKET_BYTES: u32 = 1_048_576;

/// MQTT's own bound on a packet, in bytes (MQTT 5.0, 1.5.5: a length has four bytes of seven bits).
const LARGEST_PACKET_BYTES: u64 = 268_435_455;

/// The keys that only a connection to a broker has.
const MQTT_KEYS: [&str; 6] = [
    "version",
    "max_packet",
    "client_id",
    "user",
    "password",
    "password_file",
];

/// The keys that only a connection with TLS has.
const TLS_KEYS: [&str; 3] = ["ca_file", "cert_file", "key_file"];

pub(super) const MQTT_VERSIONS: [(&str, MqttVersion); 2] =
    [("3.1.1", MqttVersion::V311), ("5", MqttVersion::V5)];

/// Reads a connection; `None` when it has a mistake.
pub(super) fn read(table: &Table<'_>, name: &str, site: &str, folder: &Folder) -> Option<Connection> {
    let faults_before = table.fault_count();
    let url = table.parsed("url", link);
    let link = table
        .needed("url", "`modbus+tcp://host:port` or `mqtt://host:port`", url)
        .map(|given| given.value);
    let span = |key, least: Duration, most: Duration, default| {
        table
            .parsed(key, |text| duration_within(text, least, most))
            .map_or(default, |given| given.value)
    };
    let interval = span(
        "interval",
        Duration::from_millis(10),
        Duration::from_hours(24),
        INTERVAL,
    );
    let timeout = span(
        "timeout",
        Duration::from_millis(1),
        Duration::from_mins(1),
        TIMEOUT,
    );
    let pause = span("pause", Duration::ZERO, Duration::from_secs(10), Duration::ZERO);
    let pause_after_connect = span(
        "pause_after_connect",
        Duration::ZERO,
        Duration::from_secs(10),
        Duration::ZERO,
    );
    let tls = tls(table, folder, link.as_ref());
    let mqtt_version = table.parsed("version", |text| one_of("version of MQTT", text, &MQTT_VERSIONS));
    let max_packet_bytes = max_packet_bytes(table).unwrap_or(MAX_PACKET_BYTES);
    let client_id = table
        .parsed("client_id", said)
        .map(|given| given.value.to_owned());
    let user = table.parsed("user", said).map(|given| given.value.to_owned());
    let password = secret(table, folder, "password");
    if link.as_ref().is_some_and(Link::is_modbus) {
        for key in MQTT_KEYS {
            table.fault_if_given(key, "only an `mqtt://` connection has this: leave it out");
        }
    } else {
        table.fault_if_given(
            "pause_after_connect",
            "only a Modbus connection has this: leave it out",
        );
    }
    let connection = Connection {
        name: name.to_owned(),
        link: link?,
        interval,
        timeout,
        pause,
        pause_after_connect,
        tls,
        mqtt_version: mqtt_version.map_or(MqttVersion::default(), |given| given.value),
        max_packet_bytes,
        client_id: client_id.unwrap_or_else(|| format!("facility-gateway-{site}-{name}")),
        user,
        password,
    };
    (table.fault_count() == faults_before).then_some(connection)
}

/// Whom a link with TLS trusts and who it says it is; what the texts hold is judged when the driver is built.
pub(super) fn tls(table: &Table<'_>, folder: &Folder, link: Option<&Link>) -> Option<Tls> {
    if !link?.is_tls() {
        for key in TLS_KEYS {
            table.fault_if_given(
                key,
                "only a `modbus+tls://` or `mqtts://` connection has this: leave it out",
            );
        }
        return None;
    }
    let text = |key: &str| {
        let path = table.parsed(key, said)?;
        let read = folder.secret(path.value).map(Cow::into_owned);
        read.map_err(|why| table.fault_of(key, path.spot, why)).ok()
    };
    let [authorities, certificate, key] = TLS_KEYS.map(text);
    if table.has("cert_file") != table.has("key_file") {
        let right = "a certificate and its key go together: write `cert_file` and `key_file`";
        table.fault_if_given("cert_file", right);
        table.fault_if_given("key_file", right);
    }
    Some(Tls {
        authorities,
        certificate,
        key: key.map(Secret::new),
    })
}

/// `max_packet`: a whole number of bytes, or a text with a unit.
pub(super) fn max_packet_bytes(table: &Table<'_>) -> Option<u32> {
    let field = table.field("max_packet")?;
    let bytes = match (field.whole(), field.string()) {
        (Some(bytes), _) => u64::try_from(bytes).map_err(|_| "a size is not below zero".to_owned()),
        (None, Some(text)) => size_in_bytes(text.value),
        (None, None) => Err("write bytes as a whole number, or `\"1MiB\"`".to_owned()),
    };
    let within = bytes.and_then(|bytes| match u32::try_from(bytes) {
        Ok(fitting) if (1_024..=LARGEST_PACKET_BYTES).contains(&bytes) => Ok(fitting),
        _ => Err(format!("write 1024 to {LARGEST_PACKET_BYTES} bytes (255MiB)")),
    });
    within
        .map_err(|text| table.fault_of("max_packet", field.spot, text))
        .ok()
}
