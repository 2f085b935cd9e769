//! What `gateway.toml` has: the site's own facts, its connections, and whom the gateway itself speaks to.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use jiff::tz::TimeZone;

use super::document::read_document;
use super::environment::Overrides;
use super::folder::Folder;
use super::names::{check_id, check_name, said, shown};
use super::table::Table;
use super::{connection_toml, influxdb_toml, link, mqtt_toml};
use crate::{Connection, Fault, InfluxDb, Notify, Publishing, Webhook};

/// The file's name.
pub(super) const FILE: &str = "gateway.toml";

/// The most connections of a site: each takes a task, a socket and a poll of its own.
const MOST_CONNECTIONS: usize = 10_000;

/// What `gateway.toml` says, with what stands for what is wrong or missing.
pub(super) struct Gateway {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) timezone: TimeZone,
    pub(super) listen: SocketAddr,
    /// Every connection that the file names; `None` for a faulty one, so that its devices are not told to be faulty, too.
    pub(super) connections: BTreeMap<String, Option<Connection>>,
    pub(super) influxdb: Option<InfluxDb>,
    pub(super) destinations: BTreeMap<String, InfluxDb>,
    pub(super) mqtt: Option<Publishing>,
    pub(super) notify: Notify,
    /// Whether a part of the file is not TOML, so that a connection may stand there which is not known.
    pub(super) is_broken: bool,
}

/// Reads the file's text and the environment over it.
pub(super) fn read(text: &str, overrides: &Overrides, folder: &Folder) -> (Gateway, Vec<Fault>) {
    read_document(FILE, text, overrides, |root| {
        let (id, name, timezone) = root.table("site", site).unwrap_or_else(|| {
            root.needed::<()>(
                "site",
                "`site = { id = \"…\", name = \"…\", timezone = \"Asia/Shanghai\" }`",
                None,
            );
            (None, None, None)
        });
        let id = id.unwrap_or_else(|| "site".to_owned());
        let connections = root
            .table("connections", |table| connections(table, &id, folder))
            .unwrap_or_default();
        let mqtt = root.table("mqtt", |table| {
            let publishing = mqtt_toml::read(table, &id, folder)?;
            check_client_id(table, &publishing.broker, connections.values().flatten());
            Some(publishing)
        });
        Gateway {
            name: name.unwrap_or_else(|| id.clone()),
            timezone: timezone.unwrap_or(TimeZone::UTC),
            listen: root
                .parsed("listen", listen)
                .map_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)), |given| given.value),
            connections,
            mqtt: mqtt.flatten(),
            influxdb: root
                .table("influxdb", |table| influxdb_toml::read(table, folder))
                .flatten(),
            destinations: root
                .table("destinations", |table| destinations(table, folder))
                .unwrap_or_default(),
            notify: root.table("notify", notify).unwrap_or_default(),
            is_broken: root.is_broken(),
            id,
        }
    })
}

fn site(table: &Table<'_>) -> (Option<String>, Option<String>, Option<TimeZone>) {
    let id = table.parsed("id", |id| check_id(id).map(|()| id.to_owned()));
    let name = table.parsed("name", said);
    let timezone = table.parsed("timezone", |zone| {
        TimeZone::get(zone).map_err(|_| {
            format!(
                "unknown time zone `{}`: write its name in the IANA data base, such as `Asia/Shanghai`",
                shown(zone)
            )
        })
    });
    (
        table
            .needed("id", "a short name in small letters, such as `huayuan`", id)
            .map(|given| given.value),
        table
            .needed("name", "what people call the site", name)
            .map(|given| given.value.to_owned()),
        table
            .needed("timezone", "`Asia/Shanghai` or another of its kind", timezone)
            .map(|given| given.value),
    )
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| {
        format!(
            "`{}` is not an address: write one such as `127.0.0.1:8080`",
            shown(text)
        )
    })?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err("there are no accounts yet, so nothing may listen beyond this machine: write `127.0.0.1:8080`, and let a \
         reverse proxy with passwords stand before it"
        .to_owned())
}

fn connections(table: &Table<'_>, site: &str, folder: &Folder) -> BTreeMap<String, Option<Connection>> {
    let mut connections: BTreeMap<String, Option<Connection>> = BTreeMap::new();
    for (count, name) in table.own_keys().into_iter().enumerate() {
        if count >= MOST_CONNECTIONS {
            table.field(name.value);
            connections.insert(name.value.to_owned(), None);
            if count == MOST_CONNECTIONS {
                table.fault(
                    name.spot,
                    format!("a site has at most {MOST_CONNECTIONS} connections"),
                );
            }
            continue;
        }
        if let Err(text) = check_name(name.value) {
            table.fault(name.spot, text);
        }
        let connection = table.table(name.value, |inner| {
            let connection = connection_toml::read(inner, name.value, site, folder)?;
            check_client_id(inner, &connection, connections.values().flatten());
            Some(connection)
        });
        connections.insert(name.value.to_owned(), connection.flatten());
    }
    connections
}

/// A broker throws a client out when another of the same name comes.
fn check_client_id<'other>(
    table: &Table<'_>,
    connection: &Connection,
    others: impl Iterator<Item = &'other Connection>,
) {
    let is_same =
        |other: &&Connection| other.link == connection.link && other.client_id == connection.client_id;
    let mut others = others.filter(|other| !other.link.is_modbus());
    if let Some(other) = others.find(is_same) {
        let text = format!(
            "connection `{}` has the same one, and a broker keeps only one of the two: write another",
            other.name
        );
        table.fault_of(
            "client_id",
            table.field("client_id").map_or(table.spot(), |field| field.spot),
            text,
        );
    }
}

/// `[destinations.NAME]`: each has the keys of `[influxdb]`.
fn destinations(table: &Table<'_>, folder: &Folder) -> BTreeMap<String, InfluxDb> {
    let mut destinations = BTreeMap::new();
    for name in table.own_keys() {
        if name.value == "influxdb" {
            table.fault(
                name.spot,
                "`influxdb` is the table of that name: give this destination another",
            );
        } else if let Err(text) = check_name(name.value) {
            table.fault(name.spot, text);
        }
        let destination = table
            .table(name.value, |inner| influxdb_toml::read(inner, folder))
            .flatten();
        if let Some(destination) = destination {
            destinations.insert(name.value.to_owned(), destination);
        }
    }
    destinations
}

fn notify(table: &Table<'_>) -> Notify {
    let webhook = table.table("webhook", |webhook| {
        let url = webhook.parsed("url", |url| link::http_url(url).map(|_| url.to_owned()));
        webhook.needed("url", "`http://host:port/path`", url)
    });
    Notify {
        webhook: webhook.flatten().map(|url| Webhook { url: url.value }),
    }
}
