//! What Home Assistant is told: an entity for each device's alarm, and the gateway's own.
//!
//! See <https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery>: a retained message a component; an empty one takes it away.

use model::{Device, Site};
use serde_json::{Value, json};

use super::Names;

/// A message of discovery: its topic, and what it says.
pub type Config = (String, Value);

/// `problem` is null where nobody knows; Home Assistant's word for that is `None`.
const PROBLEM: &str =
    "{{ 'None' if value_json.problem is none else ('ON' if value_json.problem else 'OFF') }}";

/// Every message of discovery that a site has; none, if Home Assistant is not told.
pub fn configs(site: &Site, names: &Names) -> Vec<Config> {
    let gateway = gateway_configs(site, names);
    let devices = site.devices.values();
    gateway
        .into_iter()
        .chain(devices.filter_map(|device| alarm_config(site, names, device)))
        .collect()
}

fn gateway_configs(site: &Site, names: &Names) -> Vec<Config> {
    let node = format!("facility_{}", site.id);
    let about = json!({
        "identifiers": [node],
        "name": site.name,
        "model": "facility-gateway",
        "sw_version": env!("CARGO_PKG_VERSION"),
    });
    // Not bound to availability: that it is away is what this one says.
    let connectivity = json!({
        "name": "网关在线 Gateway",
        "unique_id": format!("{node}_gateway"),
        "device_class": "connectivity",
        "entity_category": "diagnostic",
        "state_topic": names.status(),
        "payload_on": "online",
        "payload_off": "offline",
        "qos": 1,
        "device": about,
        "origin": origin(),
    });
    let count = |object: &str, name: &str, icon: &str, value: &str| {
        json!({
            "name": name,
            "unique_id": format!("{node}_{object}"),
            "icon": icon,
            "state_class": "measurement",
            "state_topic": names.gateway(),
            "value_template": format!("{{{{ {value} }}}}"),
            "availability_topic": names.status(),
            "qos": 1,
            "device": about,
            "origin": origin(),
        })
    };
    let tickets = count(
        "open_tickets",
        "未结工单 Open tickets",
        "mdi:clipboard-alert-outline",
        "value_json.tickets.open",
    );
    let alarms = count(
        "active_alarms",
        "活动报警 Active alarms",
        "mdi:bell-alert-outline",
        "value_json.alarms.active",
    );
    [
        ("binary_sensor", "gateway", connectivity),
        ("sensor", "open_tickets", tickets),
        ("sensor", "active_alarms", alarms),
    ]
    .into_iter()
    .filter_map(|(component, object, config)| Some((names.config(component, &site.id, object)?, config)))
    .collect()
}

fn alarm_config(site: &Site, names: &Names, device: &Device) -> Option<Config> {
    let node = format!("facility_{}", site.id);
    // The id alone might be `gateway`, and so the gateway's own.
    let topic = names.config("binary_sensor", &site.id, &format!("{}_alarm", device.id))?;
    let config = json!({
        "name": "报警 Alarm",
        "unique_id": format!("{node}_{}_alarm", device.id),
        "device_class": "problem",
        "state_topic": names.device(&device.id),
        "value_template": PROBLEM,
        "json_attributes_topic": names.device(&device.id),
        "availability_topic": names.status(),
        "qos": 1,
        "device": {
            "identifiers": [format!("{node}_{}", device.id)],
            "name": device.name,
            "model": device.profile.name.en,
            "suggested_area": if device.location.is_empty() { &device.building } else { &device.location },
            "via_device": node,
        },
        "origin": origin(),
    });
    Some((topic, config))
}

fn origin() -> Value {
    json!({ "name": "facility-gateway", "sw_version": env!("CARGO_PKG_VERSION") })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_device_is_one_entity_beside_three_of_the_gateway_and_all_have_ids_of_their_own() {
        let site = model::load(&model::Folder::demo(), []).site;
        let names = Names::new("facility/huayuan", Some("homeassistant"));
        let configs = configs(&site, &names);
        assert_eq!(configs.len(), 3 + site.devices.len());
        let topics: BTreeSet<_> = configs.iter().map(|(topic, _)| topic).collect();
        let ids: BTreeSet<_> = configs
            .iter()
            .map(|(_, config)| config["unique_id"].to_string())
            .collect();
        assert_eq!((topics.len(), ids.len()), (configs.len(), configs.len()));
        let (_, pump) = configs
            .iter()
            .find(|(topic, _)| topic == "homeassistant/binary_sensor/huayuan/fire-main-1_alarm/config")
            .unwrap();
        assert_eq!(pump["state_topic"], "facility/huayuan/devices/fire-main-1");
        assert_eq!(pump["availability_topic"], "facility/huayuan/status");
        assert_eq!(pump["device_class"], "problem");
        assert_eq!(pump["device"]["via_device"], "facility_huayuan");
    }

    #[test]
    fn a_site_that_does_not_tell_home_assistant_has_none() {
        let site = model::load(&model::Folder::demo(), []).site;
        assert_eq!(configs(&site, &Names::new("facility/huayuan", None)), []);
    }
}
