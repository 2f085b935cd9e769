//! What is told of a `gateway.toml`.

use super::*;
use crate::{InfluxVersion, Link, Secret};

const FILE: &str = "gateway.toml";

#[test]
fn the_sites_own_facts() {
    check(
        FILE,
        "site = ",
        "siet = ",
        &[
            "gateway.toml:1:1: `site` is missing: write `site = { id = \"…\", name = \"…\", timezone = \"Asia/Shanghai\" }`",
            "gateway.toml:1:1: unknown key `siet`; did you mean `site`?",
        ],
    );
    check(
        FILE,
        "\"yard\"",
        "3",
        &["gateway.toml:1:15: `site.id`: this must be a text in quotes"],
    );
    check(
        FILE,
        "\"小院\"",
        "\"\"",
        &["gateway.toml:1:30: `site.name`: this must not be empty"],
    );
    check(
        FILE,
        ", timezone = \"Asia/Shanghai\"",
        "",
        &["gateway.toml:1:8: `site.timezone` is missing: write `Asia/Shanghai` or another of its kind"],
    );
    check(
        FILE,
        "Asia/Shanghai",
        "Asia/Shangha",
        &[
            "gateway.toml:1:47: `site.timezone`: unknown time zone `Asia/Shangha`: write its name in the IANA data base, such as `Asia/Shanghai`",
        ],
    );
}

#[test]
fn where_it_listens() {
    for right in ["127.0.0.1:0", "127.0.0.2:8080", "[::1]:8080"] {
        check(FILE, "site = ", &format!("listen = \"{right}\"\nsite = "), &[]);
    }
    check(
        FILE,
        "site = ",
        "listen = \"8080\"\nsite = ",
        &["gateway.toml:1:10: `listen`: `8080` is not an address: write one such as `127.0.0.1:8080`"],
    );
    check(
        FILE,
        "site = ",
        "listen = \"0.0.0.0:8080\"\nsite = ",
        &[
            "gateway.toml:1:10: `listen`: there are no accounts yet, so nothing may listen beyond this machine: write `127.0.0.1:8080`, \
         and let a reverse proxy with passwords stand before it",
        ],
    );
}

#[test]
fn text_that_is_not_toml() {
    check(
        FILE,
        "192.168.1.20\"",
        "192.168.1.20\"\ninterval = 1s",
        &["gateway.toml:5:12: this is not TOML: string values must be quoted, expected literal string"],
    );
    check(
        FILE,
        "192.168.1.20\"",
        "192.168.1.20",
        &["gateway.toml:4:33: this is not TOML: invalid basic string, expected `\"`"],
    );
    check(
        FILE,
        "[connections.room]",
        "[connections.room",
        &["gateway.toml:3:18: this is not TOML: unclosed table, expected `]`"],
    );
    check(
        FILE,
        "url = \"modbus+tcp://192.168.1.20\"",
        "url",
        &["gateway.toml:4:4: this is not TOML: key with no value, expected `=`"],
    );
    check(
        FILE,
        "",
        "url = \"mqtt://h\"\n",
        &["gateway.toml:8:1: this is not TOML: duplicate key"],
    );
}

#[test]
fn a_connections_keys() {
    let room =
        |to: &str, expected: &[&str]| check(FILE, "url = \"modbus+tcp://192.168.1.20\"\n", to, expected);
    room(
        "",
        &[
            "gateway.toml:3:1: `connections.room.url` is missing: write `modbus+tcp://host:port` or `mqtt://host:port`",
        ],
    );
    room(
        "url = \"modbus+tcp://h\"\nuser = \"me\"\n",
        &["gateway.toml:5:8: `connections.room.user`: only an `mqtt://` connection has this: leave it out"],
    );
    room(
        "url = \"modbus+rtu:///dev/ttyS1?bits=7\"\n",
        &[
            "gateway.toml:4:7: `connections.room.url`: `bits` is no setting of a line: write `baud`, `parity` or `stop`",
        ],
    );
    room(
        "url = \"modbus+rtu:///dev/ttyS1?baud=9600\"\nca_file = \"ca.pem\"\n",
        &[
            "gateway.toml:5:11: `connections.room.ca_file`: only a `modbus+tls://` or `mqtts://` connection has this: leave it out",
        ],
    );
    room(
        "url = \"modbus+tcp://h\"\ninterval = \"1\"\ntimeout = \"2m\"\npause = 3\n",
        &[
            "gateway.toml:5:12: `connections.room.interval`: `1` is not a span of time: write a whole number with ms, s, m or h, such as `500ms` or `1s`",
            "gateway.toml:6:11: `connections.room.timeout`: `2m` is out of bounds: write 1ms to 1m",
            "gateway.toml:7:9: `connections.room.pause`: this must be a text in quotes",
        ],
    );
    check(
        FILE,
        "[connections.room]",
        "[connections.Room]",
        &[
            "devices.csv:2:16: connection: unknown connection `room`; did you mean `Room`?",
            "gateway.toml:3:14: `Room` can't be a name here: write a small letter first, then small letters, digits and `_`, at most 100, such as `room`",
        ],
    );
    check(
        FILE,
        "site = ",
        "connections = 3\nsite = ",
        &[
            "gateway.toml:1:15: `connections`: this must be a table, such as `[connections]`",
            "gateway.toml:4:2: this is not TOML: cannot extend value of type integer with a dotted key",
            "gateway.toml:7:2: this is not TOML: cannot extend value of type integer with a dotted key",
        ],
    );
}

#[test]
fn a_brokers_keys() {
    let broker = |to: &str, expected: &[&str]| check(FILE, "", to, expected);
    broker(
        "max_packet = \"1GiB\"\n",
        &[
            "gateway.toml:8:14: `connections.broker.max_packet`: `1GiB` is not a size: write bytes as a whole number, or `512KiB`, or `1MiB`",
        ],
    );
    broker(
        "max_packet = 10\n",
        &["gateway.toml:8:14: `connections.broker.max_packet`: write 1024 to 268435455 bytes (255MiB)"],
    );
    broker(
        "password = \"a\"\npassword_file = \"b\"\n",
        &[
            "gateway.toml:9:17: `connections.broker.password_file`: `password` is there, too: keep one of the two",
        ],
    );
    broker(
        "password_file = \"no-such-secret\"\n",
        &["gateway.toml:8:17: `connections.broker.password_file`: there is no file `no-such-secret`"],
    );
    broker(
        "password = \"two\\nlines\"\n",
        &[
            "gateway.toml:8:12: `connections.broker.password`: it has a line's end or another control character in it: write it on one line",
        ],
    );
    broker(
        "client_id = \"same\"\n[connections.again]\nurl = \"mqtt://192.168.1.10:1883\"\nclient_id = \"same\"\n",
        &[
            "gateway.toml:11:13: `connections.again.client_id`: connection `broker` has the same one, and a broker keeps only one of the two: write another",
        ],
    );
}

#[test]
fn more_connections_than_a_site_can_have_are_told_once() {
    let more: String = (0..10_010)
        .map(|number| format!("[connections.c{number}]\nurl = \"modbus+tcp://h\"\n"))
        .collect();
    check(
        FILE,
        "",
        &more,
        &["gateway.toml:20004:14: a site has at most 10000 connections"],
    );
}

#[test]
fn a_connection_has_defaults_for_what_it_does_not_say() {
    let mut folder = changed(
        FILE,
        "",
        "max_packet = \"2MiB\"\nuser = \"me\"\npassword_file = \"secrets/broker\"\n",
    );
    folder.set_text("secrets/broker", "0123\n");
    let loading = load(&folder, []);
    assert_eq!(told(&loading), Vec::<String>::new());
    let [broker, room] = loading.site.connections.values().as_slice() else {
        panic!("two connections")
    };
    assert_eq!(
        room.link,
        Link::ModbusTcp {
            host: "192.168.1.20".to_owned(),
            port: 502
        }
    );
    assert_eq!(
        (
            room.interval.as_millis(),
            room.timeout.as_millis(),
            room.pause.as_millis()
        ),
        (1_000, 500, 0)
    );
    assert_eq!(
        (broker.name.as_str(), broker.client_id.as_str()),
        ("broker", "facility-gateway-yard-broker")
    );
    assert_eq!(
        (broker.max_packet_bytes, broker.user.as_deref()),
        (2_097_152, Some("me"))
    );
    assert_eq!(broker.password, Some(Secret::new("0123")));
    assert!(!format!("{broker:?}").contains("0123"));
}

#[test]
fn where_telemetry_goes() {
    let influxdb = |to: &str, expected: &[&str]| check(FILE, "", &format!("[influxdb]\n{to}"), expected);
    influxdb("url = \"http://h:8086\"\norg = \"o\"\nbucket = \"b\"\n", &[]);
    influxdb(
        "url = \"https://h/prefix\"\nversion = 1\nbucket = \"b/rp\"\nuser = \"u\"\npassword = \"p\"\n",
        &[],
    );
    influxdb(
        "version = 3\n",
        &[
            "gateway.toml:8:1: `influxdb.bucket` is missing: write where to write: with version 1, `database` or `database/retention-policy`",
            "gateway.toml:8:1: `influxdb.org` is missing: write the organisation that the bucket belongs to",
            "gateway.toml:8:1: `influxdb.url` is missing: write `http://host:port`",
            "gateway.toml:9:11: `influxdb.version`: write a whole number from 1 to 2",
        ],
    );
    influxdb(
        "url = \"https://h\"\norg = \"o\"\nbucket = \"b\"\nuser = \"u\"\n",
        &["gateway.toml:12:8: `influxdb.user`: version 2 has no users: write `token`, or `version = 1`"],
    );
    influxdb("url = \"https://h/prefix\"\norg = \"o\"\nbucket = \"b\"\n", &[]);
    influxdb(
        "url = \"http://h/prefix\"\norg = \"o\"\nbucket = \"b\"\nca_file = \"ca.pem\"\n",
        &[
            "gateway.toml:9:7: `influxdb.url`: a path may follow host and port with version 1 or `https://` only: write `http://host:port`",
        ],
    );
    influxdb(
        "url = \"http://h\"\norg = \"o\"\nbucket = \"b\"\nca_file = \"ca.pem\"\n",
        &["gateway.toml:12:11: `influxdb.ca_file`: only an `https://` url has certificates"],
    );
    influxdb(
        "url = \"http://u:secret@h\"\nversion = 1\nbucket = \"b/\"\ntoken = \"t\"\n",
        &[
            "gateway.toml:9:7: `influxdb.url`: no user or password in a URL, which is shown to people: there are keys of their own for them",
            "gateway.toml:11:10: `influxdb.bucket`: write `database` or `database/retention-policy`",
            "gateway.toml:12:9: `influxdb.token`: version 1 has no token: write `user` and `password`",
        ],
    );
}

#[test]
fn version_1_names_a_database_and_a_retention_policy() {
    let text = "[influxdb]\nurl = \"http://h:8086/\"\nversion = 1\nbucket = \"facility/month\"\nuser = \"u\"\npassword = \"p\"\n";
    let influxdb = load(&changed(FILE, "", text), []).site.influxdb.unwrap();
    assert_eq!(influxdb.url, "http://h:8086");
    assert_eq!(
        influxdb.version,
        InfluxVersion::V1 {
            database: "facility".to_owned(),
            retention_policy: Some("month".to_owned()),
            user: Some("u".to_owned()),
            password: Some(Secret::new("p")),
        }
    );
}

#[test]
fn whom_it_tells() {
    check(
        FILE,
        "",
        "[notify.webhook]\nurl = \"http://127.0.0.1:9000/alerts\"\n",
        &[],
    );
    check(
        FILE,
        "",
        "[notify.webhook]\n",
        &["gateway.toml:8:1: `notify.webhook.url` is missing: write `http://host:port/path`"],
    );
    check(
        FILE,
        "",
        "[notify.web_hook]\nurl = \"http://h\"\n",
        &["gateway.toml:8:9: unknown key `notify.web_hook`; did you mean `webhook`?"],
    );
    check(
        FILE,
        "",
        "[notify.webhook]\nurl = \"smtp://h\"\n",
        &[
            "gateway.toml:9:7: `notify.webhook.url`: `smtp://` is not for a web server: write `http://host:port`",
        ],
    );
    check(
        FILE,
        "",
        "[mail]\n",
        &[
            "gateway.toml:8:2: unknown key `mail`; known here: connections, destinations, influxdb, listen, mqtt, notify, site",
        ],
    );
}

#[test]
fn a_connection_inside_tls_has_the_texts_of_its_files() {
    let tls = "mqtts://192.168.1.10\"\nversion = \"3.1.1\"\nca_file = \"ca.pem\"\ncert_file = \"cert.pem\"\nkey_file = \"key.pem\"\n#";
    let mut folder = changed(FILE, "mqtt://192.168.1.10", tls);
    for name in ["ca.pem", "cert.pem", "key.pem"] {
        folder.set_text(name, name);
    }
    let loading = load(&folder, []);
    assert_eq!(told(&loading), Vec::<String>::new());
    let broker = loading.site.connections.values().next().unwrap();
    assert_eq!(broker.link.to_string(), "mqtts://192.168.1.10:8883");
    assert_eq!(broker.mqtt_version, crate::MqttVersion::V311);
    let expected = crate::Tls {
        authorities: Some("ca.pem".into()),
        certificate: Some("cert.pem".into()),
        key: Some(Secret::new("key.pem")),
    };
    assert_eq!(broker.tls, Some(expected));
    assert!(!format!("{:?}", broker.tls).contains("key.pem"));
}

#[test]
fn a_certificate_without_its_key_or_a_file_that_is_not_there_is_told() {
    let half = "mqtts://192.168.1.10\"\nca_file = \"gone.pem\"\ncert_file = \"cert.pem\"\n#";
    let mut folder = changed(FILE, "mqtt://192.168.1.10", half);
    folder.set_text("cert.pem", "cert");
    let told = told(&load(&folder, []));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].contains("`connections.broker.ca_file`: there is no file `gone.pem`"),
        "{told:?}"
    );
    assert!(
        told[1].contains("a certificate and its key go together"),
        "{told:?}"
    );
}
