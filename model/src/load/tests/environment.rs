//! What is told of the environment's overrides, and what they change.

use super::*;
use crate::{InfluxVersion, Secret};

fn with(variables: &[(&str, &str)]) -> Loading {
    load(
        &small_site(),
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    )
}

fn check_variables(variables: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(told(&with(variables)), expected, "{variables:?}");
}

#[test]
fn a_variable_wins_over_the_file() {
    let loading = with(&[
        ("FACILITY__LISTEN", "127.0.0.1:9999"),
        ("FACILITY__SITE__NAME", "大院"),
        ("FACILITY__CONNECTIONS__ROOM__URL", "modbus+tcp://127.0.0.1:1502"),
        ("FACILITY__CONNECTIONS__BROKER__MAX_PACKET", "4096"),
        ("FACILITY_SITE_NAME", "not ours"),
    ]);
    assert_eq!(told(&loading), Vec::<String>::new());
    let site = loading.site;
    assert_eq!((site.listen.port(), site.name.as_str()), (9999, "大院"));
    let links: Vec<String> = site
        .connections
        .values()
        .map(|connection| connection.link.to_string())
        .collect();
    assert_eq!(links, ["mqtt://192.168.1.10:1883", "modbus+tcp://127.0.0.1:1502"]);
    assert_eq!(site.connections.values().next().unwrap().max_packet_bytes, 4_096);
}

#[test]
fn a_whole_table_may_come_from_variables_and_a_token_stays_as_it_is_written() {
    let loading = with(&[
        ("FACILITY__INFLUXDB__URL", "http://127.0.0.1:8086"),
        ("FACILITY__INFLUXDB__VERSION", "2"),
        ("FACILITY__INFLUXDB__ORG", "1"),
        ("FACILITY__INFLUXDB__BUCKET", "true"),
        ("FACILITY__INFLUXDB__TOKEN", "0123"),
        ("FACILITY__NOTIFY__WEBHOOK__URL", "http://127.0.0.1:9000/alerts"),
    ]);
    assert_eq!(told(&loading), Vec::<String>::new());
    let token = Some(Secret::new("0123"));
    let version = InfluxVersion::V2 {
        org: "1".to_owned(),
        bucket: "true".to_owned(),
        token,
    };
    assert_eq!(
        loading.site.influxdb.map(|influxdb| influxdb.version),
        Some(version)
    );
    assert_eq!(
        loading.site.notify.webhook.map(|webhook| webhook.url),
        Some("http://127.0.0.1:9000/alerts".to_owned())
    );
}

#[test]
fn a_secret_in_a_variable_wins_over_a_file_that_the_site_names() {
    let folder = changed("gateway.toml", "", "password_file = \"no-such-file\"\n");
    let loading = load(
        &folder,
        [(
            "FACILITY__CONNECTIONS__BROKER__PASSWORD".to_owned(),
            "0123".to_owned(),
        )],
    );
    assert_eq!(told(&loading), Vec::<String>::new());
    assert_eq!(
        loading.site.connections.values().next().unwrap().password,
        Some(Secret::new("0123"))
    );
}

#[test]
fn a_variable_that_names_nothing_is_told_by_its_name() {
    check_variables(
        &[("FACILITY__LISTN", "x")],
        &["FACILITY__LISTN:1:1: it names an unknown key `listn`; did you mean `listen`?"],
    );
    check_variables(
        &[
            ("FACILITY__CONNECTIONS__ROM__URL", "mqtt://h"),
            ("FACILITY__CONNECTIONS__ROM__PAUSE", "0s"),
        ],
        &[
            "FACILITY__CONNECTIONS__ROM__PAUSE:1:1: it names an unknown key `connections.rom`; did you mean `room`?",
            "FACILITY__CONNECTIONS__ROM__URL:1:1: it names an unknown key `connections.rom`; did you mean `room`?",
        ],
    );
    check_variables(
        &[("FACILITY__CONNECTIONS__ROOM__URLL", "mqtt://h")],
        &[
            "FACILITY__CONNECTIONS__ROOM__URLL:1:1: it names an unknown key `connections.room.urll`; did you mean `url`?",
        ],
    );
    check_variables(
        &[("FACILITY__SITE", "x")],
        &["FACILITY__SITE:1:1: `site`: this names a whole table: name a key of it after two underscores"],
    );
    check_variables(
        &[("FACILITY__LISTEN__PORT", "8080")],
        &["FACILITY__LISTEN__PORT:1:1: it names an unknown key `listen.port`: `listen` has none"],
    );
}

#[test]
fn a_wrong_value_in_a_variable_is_told_by_its_name() {
    check_variables(
        &[
            ("FACILITY__LISTEN", "0.0.0.0:80"),
            ("FACILITY__CONNECTIONS__ROOM__INTERVAL", "1"),
        ],
        &[
            "FACILITY__CONNECTIONS__ROOM__INTERVAL:1:1: `connections.room.interval`: `1` is not a span of time: write a whole number with ms, s, m or h, such as `500ms` or `1s`",
            "FACILITY__LISTEN:1:1: `listen`: there are no accounts yet, so nothing may listen beyond this machine: write `127.0.0.1:8080`, and let a reverse proxy with passwords stand before it",
        ],
    );
    check_variables(
        &[("FACILITY__INFLUXDB__VERSION", "two")],
        &[
            "FACILITY__INFLUXDB__VERSION:1:1: `influxdb.bucket` is missing: write where to write: with version 1, `database` or `database/retention-policy`",
            "FACILITY__INFLUXDB__VERSION:1:1: `influxdb.org` is missing: write the organisation that the bucket belongs to",
            "FACILITY__INFLUXDB__VERSION:1:1: `influxdb.url` is missing: write `http://host:port`",
            "FACILITY__INFLUXDB__VERSION:1:1: `influxdb.version`: write a whole number from 1 to 2",
        ],
    );
}
