//! What a driver could not do with a site, told before it starts: points that no request can bring, lines that cannot keep up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{Connection, ConnectionIndex, Device, Fault, Place, Point, Site, Unit};

use crate::modbus::learnt::Learnt;
use crate::modbus::plan::plan;
use crate::mqtt::payload::can_carry;
use crate::mqtt::sparkplug::nodes::{Place as SparkplugPlace, speaks_sparkplug};
use crate::tls;

/// Everything in the site that its drivers could not do, in the order of places.
///
/// Each is told at the line of the first device that it concerns, since a profile's own mistakes are told when it is loaded.
pub fn check(site: &Site) -> Vec<Fault> {
    let mut faults = unreadable_points(site);
    faults.extend(
        site.connections
            .iter()
            .filter_map(|(index, connection)| overloaded(site, index, connection)),
    );
    faults.extend(shared_client_ids(site));
    faults.extend(misplaced_sparkplug(site));
    faults.extend(
        site.connections
            .iter()
            .filter_map(|(index, connection)| useless_certificates(site, index, connection)),
    );
    faults.extend(useless_publishing(site));
    faults.sort();
    faults
}

/// Certificates of `[mqtt]` that can't be used.
fn useless_publishing(site: &Site) -> Option<Fault> {
    let error = tls::client(site.mqtt.as_ref()?.broker.tls.as_ref()?).err()?;
    Some(Fault::new(
        Place::new("gateway.toml", 1, 1),
        format!("`mqtt`: {error}"),
    ))
}

fn unreadable_points(site: &Site) -> Vec<Fault> {
    let mut seen = BTreeSet::new();
    let mut faults = Vec::new();
    for device in site.devices.values() {
        let is_modbus = matches!(device.unit, Unit::Modbus(_));
        if !seen.insert((device.profile.id.as_str(), is_modbus)) {
            continue;
        }
        let points = if is_modbus {
            never_asked(device)
        } else {
            never_carried(device)
        };
        faults.extend(points.into_iter().map(|(point, text)| {
            let (profile, name) = (&device.profile.id, &point.name);
            Fault::new(
                device.place.clone(),
                format!("point `{name}` of profile `{profile}` cannot be read: {text}"),
            )
        }));
    }
    faults
}

/// Points that no request may bring, as the plan of the driver itself has it.
fn never_asked(device: &Device) -> Vec<(&Point, &'static str)> {
    let profile = &device.profile;
    let plan = plan(&profile.points, &profile.modbus, &Learnt::default(), |_| true);
    let asked: BTreeSet<_> = plan
        .reads
        .iter()
        .flat_map(|read| &read.slots)
        .map(|slot| slot.point)
        .collect();
    let text = "give it a register address that `max_registers`, `max_bits` and `skip` allow";
    let left = profile
        .points
        .iter()
        .enumerate()
        .filter(|(position, _)| !asked.contains(position));
    left.map(|(_, point)| (point, text)).collect()
}

/// Points that no message can carry.
fn never_carried(device: &Device) -> Vec<(&Point, &'static str)> {
    let points = device.profile.points.iter();
    points
        .filter_map(|point| match &point.address {
            model::Address::Register { .. } => Some((point, "over MQTT its address is a JSON pointer")),
            model::Address::Pointer(_) if !can_carry(point.data_type) => {
                Some((point, "JSON has no such type; write `f64`, `bool` or `string(n)`"))
            }
            model::Address::Pointer(_) => None,
        })
        .collect()
}

/// A Modbus line whose pauses alone take longer than its devices' intervals leave.
fn overloaded(site: &Site, index: ConnectionIndex, connection: &Connection) -> Option<Fault> {
    if !connection.link.is_modbus() || connection.pause.is_zero() {
        return None;
    }
    let devices: Vec<_> = site
        .devices
        .values()
        .filter(|device| device.connection == index && device.in_service)
        .collect();
    let share: f64 = devices
        .iter()
        .map(|device| {
            let reads = plan(
                &device.profile.points,
                &device.profile.modbus,
                &Learnt::default(),
                |point| point.every <= 1,
            )
            .reads
            .len();
            reads as f64 * connection.pause.as_secs_f64()
                / device.interval.max(Duration::from_millis(1)).as_secs_f64()
        })
        .sum();
    let (percent, name, first) = ((share * 100.0).round(), &connection.name, devices.first()?);
    (share > 1.0).then(|| {
        let text = format!(
            "the pauses of connection `{name}` would take {percent} % of the time: shorten its `pause` or lengthen the intervals"
        );
        Fault::new(first.place.clone(), text)
    })
}

/// Connections with one name at one broker: each would throw the other out, for ever.
fn shared_client_ids(site: &Site) -> Vec<Fault> {
    let mut known = BTreeMap::<(&str, u16, &str), &str>::new();
    let mut faults = Vec::new();
    for (index, connection) in site.connections.iter() {
        let Some((host, port)) = connection.link.socket().filter(|_| !connection.link.is_modbus()) else {
            continue;
        };
        let (name, id) = (&connection.name, &connection.client_id);
        if let Some(other) = known.insert((host, port, id), name) {
            let text = format!(
                "connections `{other}` and `{name}` have one broker and one client id `{id}`: give each its own `client_id`"
            );
            faults.push(Fault::new(first_place(site, index), text));
        }
    }
    faults
}

/// A connection with TLS whose certificates can't be used.
fn useless_certificates(site: &Site, index: ConnectionIndex, connection: &Connection) -> Option<Fault> {
    let error = tls::client(connection.tls.as_ref()?).err()?;
    let text = format!("connection `{}`: {error}", connection.name);
    Some(Fault::new(first_place(site, index), text))
}

/// Devices that speak Sparkplug and whose unit does not say where.
fn misplaced_sparkplug(site: &Site) -> impl Iterator<Item = Fault> {
    let misplaced = |device: &&Device| speaks_sparkplug(device) && SparkplugPlace::of(&device.unit).is_none();
    site.devices.values().filter(misplaced).map(|device| {
        let text =
            "a device that speaks Sparkplug has the unit `spBv1.0/GROUP/NODE` or `spBv1.0/GROUP/NODE/DEVICE`";
        Fault::new(device.place.clone(), text)
    })
}

fn first_place(site: &Site, index: ConnectionIndex) -> Place {
    let device = site.devices.values().find(|device| device.connection == index);
    device.map_or_else(|| Place::new("gateway.toml", 1, 1), |device| device.place.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_site::{connection, limited_profile, point_at, point_in_json, profile, site};
    use model::RegisterTable::Holding;
    use model::{DataType, Dense, Link, ModbusLimits};

    fn modbus() -> Connection {
        connection(Link::ModbusTcp {
            host: "127.0.0.1".into(),
            port: 502,
        })
    }

    fn mqtt() -> Connection {
        connection(Link::Mqtt {
            host: "127.0.0.1".into(),
            port: 1883,
        })
    }

    fn texts(site: &Site) -> Vec<String> {
        check(site).into_iter().map(|fault| fault.to_string()).collect()
    }

    #[test]
    fn the_demo_site_can_be_read_whole() {
        let files = model::demo_site();
        let folder =
            model::Folder::of_texts(files.iter().map(|file| (file.path.as_str(), file.text.as_str())));
        let loading = model::load(&folder, []);
        assert!(loading.site.devices.len() >= 60);
        assert_eq!(check(&loading.site), []);
    }

    #[test]
    fn a_point_that_no_request_can_bring_is_told_once_for_its_profile() {
        let points = vec![
            point_at(Holding, 0, DataType::U16),
            point_at(Holding, 1, DataType::F64),
        ];
        let narrow = limited_profile(
            points,
            ModbusLimits {
                max_registers: 2,
                ..ModbusLimits::default()
            },
        );
        let site = site(
            modbus(),
            [(Unit::Modbus(1), narrow.clone()), (Unit::Modbus(2), narrow)],
        );
        let expected = "devices.csv:2:1: point `holding_1` of profile `tested` cannot be read: \
                        give it a register address that `max_registers`, `max_bits` and `skip` allow";
        assert_eq!(texts(&site), [expected]);
    }

    #[test]
    fn a_type_that_no_message_can_carry_is_told() {
        let points = vec![
            point_in_json("/a", DataType::F64),
            point_in_json("/b", DataType::Bcd),
        ];
        let site = site(mqtt(), [(Unit::Topic("t".into()), profile(points))]);
        assert_eq!(texts(&site).len(), 1);
        assert!(texts(&site)[0].contains("JSON has no such type"));
    }

    #[test]
    fn a_line_whose_pauses_take_all_the_time_is_told() {
        let slow = Connection {
            pause: Duration::from_millis(75),
            ..modbus()
        };
        let far_apart = profile(
            (0..4)
                .map(|number| point_at(Holding, number * 500, DataType::U16))
                .collect(),
        );
        let site = site(slow, [(Unit::Modbus(1), far_apart)]);
        assert!(
            texts(&site)[0].contains("would take 120 % of the time"),
            "{:?}",
            texts(&site)
        );
    }

    #[test]
    fn two_connections_that_would_throw_each_other_out_are_told() {
        let mut site = site(
            mqtt(),
            [(
                Unit::Topic("t".into()),
                profile(vec![point_in_json("/a", DataType::F64)]),
            )],
        );
        assert_eq!(check(&site), []);
        site.connections = Dense::new(vec![
            mqtt(),
            Connection {
                name: "other".into(),
                ..mqtt()
            },
        ]);
        assert!(
            texts(&site)[0].contains("give each its own `client_id`"),
            "{:?}",
            texts(&site)
        );
    }
}
