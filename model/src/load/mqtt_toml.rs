//! What `[mqtt]` has: the broker that the gateway publishes to, and how its topics are called.

use std::time::Duration;

use super::connection_toml::{MAX_PACKET_BYTES, MQTT_VERSIONS, max_packet_bytes, tls};
use super::folder::Folder;
use super::link::link;
use super::names::{one_of, said, shown};
use super::secret::secret;
use super::table::Table;
use crate::{Connection, Link, MqttVersion, Publishing};

/// What Home Assistant listens to unless it is told otherwise.
const HOME_ASSISTANT: &str = "homeassistant";
/// An alarm's id and words of our own follow, and a topic has at most 65,535 bytes (MQTT 5.0, 1.5.4).
const LONGEST_PREFIX_BYTES: usize = 200;

/// Reads where to publish; `None` when there is a mistake.
pub(super) fn read(table: &Table<'_>, site: &str, folder: &Folder) -> Option<Publishing> {
    let faults_before = table.fault_count();
    let url = table.parsed("url", broker);
    let link = table.needed("url", "`mqtt://host:port` or `mqtts://host:port`", url);
    let link = link.map(|given| given.value);
    let tls = tls(table, folder, link.as_ref());
    let version = table.parsed("version", |text| one_of("version of MQTT", text, &MQTT_VERSIONS));
    let max_packet_bytes = max_packet_bytes(table).unwrap_or(MAX_PACKET_BYTES);
    let client_id = table
        .parsed("client_id", said)
        .map(|given| given.value.to_owned());
    let user = table.parsed("user", said).map(|given| given.value.to_owned());
    let password = secret(table, folder, "password");
    let prefix = table.parsed("prefix", prefix).map(|given| given.value.to_owned());
    let home_assistant = home_assistant(table);
    let broker = Connection {
        name: "mqtt".to_owned(),
        link: link?,
        interval: Duration::ZERO,
        timeout: Duration::ZERO,
        pause: Duration::ZERO,
        pause_after_connect: Duration::ZERO,
        tls,
        mqtt_version: version.map_or(MqttVersion::default(), |given| given.value),
        max_packet_bytes,
        client_id: client_id.unwrap_or_else(|| format!("facility-gateway-{site}")),
        user,
        password,
    };
    (table.fault_count() == faults_before).then(|| Publishing {
        broker,
        prefix: prefix.unwrap_or_else(|| format!("facility/{site}")),
        home_assistant,
    })
}

fn broker(text: &str) -> Result<Link, String> {
    let link = link(text)?;
    if link.is_modbus() {
        return Err(format!(
            "`{}` is no broker: write `mqtt://host:port` or `mqtts://host:port`",
            link.scheme()
        ));
    }
    Ok(link)
}

/// What topics begin with: levels that say something, and nothing that subscribers give a meaning to.
fn prefix(text: &str) -> Result<&str, String> {
    said(text)?;
    let is_plain = text.len() <= LONGEST_PREFIX_BYTES
        && !text.starts_with('$')
        && !text.contains(['+', '#'])
        && text.split('/').all(|level| !level.trim().is_empty());
    if is_plain {
        return Ok(text);
    }
    Err(format!(
        "`{}` can't begin a topic: write levels with `/` between them, such as `facility/yard`, without `+` and `#`, at most \
         {LONGEST_PREFIX_BYTES} bytes",
        shown(text)
    ))
}

/// `home_assistant`: true for its own prefix, or another one.
fn home_assistant(table: &Table<'_>) -> Option<String> {
    let field = table.field("home_assistant")?;
    match (field.yes(), field.string()) {
        (Some(true), _) => Some(HOME_ASSISTANT.to_owned()),
        (Some(false), _) => None,
        (None, Some(text)) => match prefix(text.value) {
            Ok(prefix) => Some(prefix.to_owned()),
            Err(wrong) => {
                table.fault_of("home_assistant", field.spot, wrong);
                None
            }
        },
        (None, None) => {
            let right = "write `true`, or what its discovery topics begin with, such as `\"homeassistant\"`";
            table.fault_of("home_assistant", field.spot, right);
            None
        }
    }
}
