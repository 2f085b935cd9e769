//! Small sites for this crate's own tests, built by hand.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use model::{
    Address, Class, Connection, ConnectionIndex, DataType, Dense, Device, Link, ModbusLimits, MqttForm,
    MqttVersion, Notify, Order, Place, Point, PointId, Profile, RegisterTable, Scale, Site, Standard, Text,
    Unit,
};

pub(crate) fn point_at(table: RegisterTable, number: u16, data_type: DataType) -> Point {
    point(
        &format!("{}_{number}", table.name()),
        Address::Register { table, number },
        data_type,
    )
}

pub(crate) fn point_in_json(pointer: &str, data_type: DataType) -> Point {
    point(
        &format!("json{}", pointer.replace('/', "_")),
        Address::Pointer(pointer.into()),
        data_type,
    )
}

fn point(name: &str, address: Address, data_type: DataType) -> Point {
    Point {
        name: name.into(),
        title: Text::default(),
        unit: String::new(),
        address,
        data_type,
        order: Order::Abcd,
        scale: Scale::ONE,
        offset: 0.0,
        range: None,
        missing: Vec::new(),
        every: 1,
        labels: BTreeMap::new(),
        meter: None,
    }
}

pub(crate) fn profile(points: Vec<Point>) -> Arc<Profile> {
    limited_profile(points, ModbusLimits::default())
}

pub(crate) fn limited_profile(points: Vec<Point>, modbus: ModbusLimits) -> Arc<Profile> {
    Arc::new(Profile {
        id: "tested".into(),
        class: Class("tested".into()),
        name: Text::default(),
        modbus,
        mqtt: MqttForm::default(),
        points,
    })
}

pub(crate) fn connection(link: Link) -> Connection {
    Connection {
        name: "line".into(),
        link,
        interval: Duration::from_millis(250),
        timeout: Duration::from_millis(200),
        pause: Duration::ZERO,
        pause_after_connect: Duration::ZERO,
        tls: None,
        mqtt_version: MqttVersion::V5,
        max_packet_bytes: 100_000,
        client_id: "facility-tested".into(),
        user: None,
        password: None,
    }
}

pub(crate) fn modbus_at(address: SocketAddr) -> Connection {
    connection(Link::ModbusTcp {
        host: address.ip().to_string(),
        port: address.port(),
    })
}

/// A site of one connection with a device for each unit.
pub(crate) fn site(connection: Connection, units: impl IntoIterator<Item = (Unit, Arc<Profile>)>) -> Site {
    let interval = connection.interval;
    let mut devices = Dense::default();
    let mut points = 0_u32;
    for (number, (unit, profile)) in units.into_iter().enumerate() {
        let first_point = PointId(points);
        points += profile.points.len() as u32;
        devices.push(Device {
            id: format!("device-{number}"),
            name: String::new(),
            profile,
            connection: ConnectionIndex(0),
            unit,
            building: String::new(),
            location: String::new(),
            interval,
            in_service: true,
            first_point,
            place: Place::new("devices.csv", number as u32 + 2, 1),
        });
    }
    Site {
        id: "tested".into(),
        name: "tested".into(),
        timezone: jiff::tz::TimeZone::UTC,
        listen: ([127, 0, 0, 1], 0).into(),
        connections: Dense::new(vec![connection]),
        profiles: BTreeMap::new(),
        devices,
        influxdb: None,
        destinations: BTreeMap::new(),
        mqtt: None,
        notify: Notify::default(),
        standard: Standard::default(),
        roster: Vec::new(),
        scripts: Vec::new(),
        procedures: BTreeMap::new(),
    }
}
