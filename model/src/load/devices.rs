//! What `devices.csv` or `devices.xlsx` has: the equipment, one line a device.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::csv_lines::read_lines;
use super::lines::Line;
use super::names::{check_id, plain, said, shown};
use super::nearest::suggestion;
use super::quantity::duration_within;
use super::sheet_lines;
use crate::{Address, Connection, ConnectionIndex, Device, Fault, Place, PointId, Profile, Unit};

/// The file's name.
pub(super) const CSV_FILE: &str = "devices.csv";
/// Its name where it is kept as a workbook, whose first sheet has the devices.
pub(super) const XLSX_FILE: &str = "devices.xlsx";

const COLUMNS: &[&str] = &[
    "id",
    "name",
    "profile",
    "connection",
    "unit",
    "building",
    "location",
    "interval",
    "in_service",
];

/// What a device can refer to; `None` for what is there and faulty, which is told elsewhere.
pub(super) struct Known<'site> {
    /// By name.
    pub(super) connections: &'site BTreeMap<String, Option<(ConnectionIndex, Connection)>>,
    /// What `gateway.toml` says where it is not TOML: a name that stands in it is not told to be
    /// unknown; none does where the file is missing, and its text empty.
    pub(super) broken_gateway: Option<&'site str>,
    /// By id.
    pub(super) profiles: &'site BTreeMap<String, Option<Arc<Profile>>>,
}

/// Reads the devices that are right, numbered; all mistakes are told.
pub(super) fn read_csv(text: &str, known: &Known<'_>) -> (Vec<Device>, Vec<Fault>) {
    read_lines(CSV_FILE, text, COLUMNS, numbering(known))
}

/// The same from a workbook's bytes.
pub(super) fn read_xlsx(bytes: &[u8], known: &Known<'_>) -> (Vec<Device>, Vec<Fault>) {
    sheet_lines::read_lines(XLSX_FILE, bytes, COLUMNS, numbering(known))
}

/// Reads one line after the other, numbering the points of those that are right.
fn numbering<'known>(known: &'known Known<'_>) -> impl FnMut(&Line<'_>) -> Option<Device> + 'known {
    let mut lines_by_id: HashMap<String, u32> = HashMap::new();
    let mut next_point = PointId(0);
    move |line| {
        let place = line.place("id");
        let is_new = check_unique(line, &place, &mut lines_by_id);
        let device = device(line, place, known, next_point).filter(|_| is_new)?;
        let Some(following) = u32::try_from(device.profile.points.len())
            .ok()
            .and_then(|count| next_point.0.checked_add(count))
        else {
            line.fault("id", "the site has more points than can be numbered");
            return None;
        };
        next_point = PointId(following);
        Some(device)
    }
}

fn check_unique(line: &Line<'_>, place: &Place, lines_by_id: &mut HashMap<String, u32>) -> bool {
    let id = line.text("id");
    match lines_by_id.get(id) {
        Some(other) => {
            line.fault(
                "id",
                format!(
                    "line {other} has a device `{}` already: ids are unique in a site",
                    shown(id)
                ),
            );
            false
        }
        None => {
            lines_by_id.insert(id.to_owned(), place.line);
            true
        }
    }
}

/// Reads every field before it gives up, so that all of a line's mistakes are told at once.
fn device(line: &Line<'_>, place: Place, known: &Known<'_>, first_point: PointId) -> Option<Device> {
    let id = line.parsed("id", check_id);
    let name = line.parsed("name", |name| said(name).map(str::to_owned));
    let profile = line.parsed("profile", |name| look_up("profile", name, known.profiles));
    let connection = line.parsed("connection", |name| {
        let stands_in_broken_file = known
            .broken_gateway
            .is_some_and(|text| text.is_empty() || text.contains(name));
        look_up("connection", name, known.connections).or_else(|text| {
            if stands_in_broken_file {
                Ok(None)
            } else {
                Err(text)
            }
        })
    });
    let (profile, connection) = (profile.flatten(), connection.flatten());
    // Where the connection is not known, the profile says what kind of unit is meant.
    let is_modbus = connection
        .map(|(_, connection)| connection.link.is_modbus())
        .or(profile.map(|profile| has_registers(profile)));
    let unit = line.parsed("unit", |unit| {
        is_modbus.map(|is_modbus| read_unit(unit, is_modbus)).transpose()
    });
    let building = line.parsed("building", |text| plain(text).map(str::to_owned));
    let location = line.parsed("location", |text| plain(text).map(str::to_owned));
    let interval = line.parsed("interval", |text| match text {
        "" => Ok(None),
        text => duration_within(text, Duration::from_millis(10), Duration::from_hours(24)).map(Some),
    });
    let in_service = line.parsed("in_service", |text| match text {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(format!("`{}` is neither `true` nor `false`", shown(other))),
    });
    let (profile, (index, connection)) = (profile?, connection?);
    line.parsed("profile", |_| check_kind(profile, connection))?;
    id?;
    Some(Device {
        id: line.text("id").to_owned(),
        name: name?,
        profile: Arc::clone(profile),
        connection: *index,
        unit: unit??,
        building: building?,
        location: location?,
        interval: interval?.unwrap_or(connection.interval),
        in_service: in_service?,
        first_point,
        place,
    })
}

fn look_up<'site, T>(
    what: &str,
    name: &str,
    known: &'site BTreeMap<String, Option<T>>,
) -> Result<Option<&'site T>, String> {
    match known.get(name) {
        Some(found) => Ok(found.as_ref()),
        None if name.is_empty() => Err(format!("write the name of a {what}")),
        None => Err(format!(
            "unknown {what} `{}`{}",
            shown(name),
            suggestion(name, known.keys().map(String::as_str))
        )),
    }
}

fn read_unit(text: &str, is_modbus: bool) -> Result<Unit, String> {
    if is_modbus {
        let is_plain = text.chars().all(|digit| digit.is_ascii_digit());
        let number = text.parse().ok().filter(|_| is_plain);
        return number
            .map(Unit::Modbus)
            .ok_or_else(|| format!("`{}` is no Modbus unit: write 0 to 255", shown(text)));
    }
    if text.is_empty() {
        return Err("write the topic that the device publishes to".to_owned());
    }
    if text.contains(['+', '#'])
        || text.contains(char::is_control)
        || text.starts_with('$')
        || text.len() > 65_535
    {
        return Err(format!(
            "`{}` is not one device's topic: write one without `+`, `#` and a leading `$`",
            shown(text)
        ));
    }
    Ok(Unit::Topic(text.to_owned()))
}

fn check_kind(profile: &Profile, connection: &Connection) -> Result<(), String> {
    match (has_registers(profile), connection.link.is_modbus()) {
        (true, false) => Err(format!(
            "`{}` has Modbus addresses, and connection `{}` is MQTT: choose another of the two",
            profile.id, connection.name
        )),
        (false, true) => Err(format!(
            "`{}` has JSON pointers, and connection `{}` is Modbus: choose another of the two",
            profile.id, connection.name
        )),
        _ => Ok(()),
    }
}

fn has_registers(profile: &Profile) -> bool {
    profile
        .points
        .iter()
        .any(|point| matches!(point.address, Address::Register { .. }))
}
