//! What is told of a `[mqtt]` table.

use super::*;
use crate::{Publishing, Secret};

const FILE: &str = "gateway.toml";

fn mqtt(text: &str, expected: &[&str]) {
    check(FILE, "", &format!("[mqtt]\n{text}"), expected);
}

fn publishing(text: &str, environment: &[(&str, &str)]) -> Publishing {
    let mut folder = changed(FILE, "", &format!("[mqtt]\n{text}"));
    folder.set_text("secrets/broker", "0123\n");
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let loading = load(&folder, environment);
    assert_eq!(told(&loading), Vec::<String>::new());
    loading.site.mqtt.unwrap()
}

#[test]
fn a_site_without_the_table_publishes_nothing() {
    assert_eq!(load(&small_site(), []).site.mqtt, None);
}

#[test]
fn topics_begin_with_the_sites_id_and_home_assistant_is_not_told_unless_the_site_says_so() {
    let said = publishing(
        "url = \"mqtt://192.168.1.10\"\nuser = \"me\"\npassword_file = \"secrets/broker\"\n",
        &[],
    );
    assert_eq!(
        (
            said.prefix.as_str(),
            said.home_assistant.as_deref(),
            said.broker.client_id.as_str()
        ),
        ("facility/yard", None, "facility-gateway-yard")
    );
    assert_eq!(said.broker.link.to_string(), "mqtt://192.168.1.10:1883");
    assert_eq!(said.broker.password, Some(Secret::new("0123")));
    let said = publishing(
        "url = \"mqtts://h\"\nprefix = \"plant/one\"\nhome_assistant = true\nversion = \"3.1.1\"\n",
        &[],
    );
    assert_eq!(
        (said.prefix.as_str(), said.home_assistant.as_deref()),
        ("plant/one", Some("homeassistant"))
    );
    assert!(said.broker.tls.is_some());
    let said = publishing(
        "url = \"mqtt://h\"\nhome_assistant = \"ha/discovery\"\n",
        &[("FACILITY__MQTT__URL", "mqtt://other:1884")],
    );
    assert_eq!(
        (said.home_assistant.as_deref(), said.broker.link.to_string()),
        (Some("ha/discovery"), "mqtt://other:1884".to_owned())
    );
    let off = [("FACILITY__MQTT__HOME_ASSISTANT", "false")];
    assert_eq!(
        publishing("url = \"mqtt://h\"\nhome_assistant = true\n", &off).home_assistant,
        None
    );
}

#[test]
fn every_mistake_of_it_is_told_with_what_would_be_right() {
    mqtt(
        "prefix = \"a/b\"\n",
        &["gateway.toml:8:1: `mqtt.url` is missing: write `mqtt://host:port` or `mqtts://host:port`"],
    );
    mqtt(
        "url = \"modbus+tcp://h\"\n",
        &[
            "gateway.toml:9:7: `mqtt.url`: `modbus+tcp` is no broker: write `mqtt://host:port` or `mqtts://host:port`",
        ],
    );
    for wrong in ["/a", "a/", "a//b", "a/#", "+/a", "$SYS/a"] {
        mqtt(
            &format!("url = \"mqtt://h\"\nprefix = \"{wrong}\"\n"),
            &[&format!(
                "gateway.toml:10:10: `mqtt.prefix`: `{wrong}` can't begin a topic: write levels with `/` between them, such as \
                 `facility/yard`, without `+` and `#`, at most 200 bytes"
            )],
        );
    }
    mqtt(
        "url = \"mqtt://h\"\nhome_assistant = 3\nca_file = \"ca.pem\"\nintervall = \"1s\"\n",
        &[
            "gateway.toml:10:18: `mqtt.home_assistant`: write `true`, or what its discovery topics begin with, such as `\"homeassistant\"`",
            "gateway.toml:11:11: `mqtt.ca_file`: only a `modbus+tls://` or `mqtts://` connection has this: leave it out",
            "gateway.toml:12:1: unknown key `mqtt.intervall`; known here: ca_file, cert_file, client_id, home_assistant, key_file, max_packet, \
             password, password_file, prefix, url, user, version",
        ],
    );
    mqtt(
        "url = \"mqtt://192.168.1.10\"\nclient_id = \"facility-gateway-yard-broker\"\n",
        &[
            "gateway.toml:10:13: `mqtt.client_id`: connection `broker` has the same one, and a broker keeps only one of the two: write another",
        ],
    );
}
