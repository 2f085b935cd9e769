//! Reads a site's folder, checks everything in it, and tells every mistake at once.
//!
//! [`Folder`] holds the files; one module a file says what that file has. Below them `table`, `csv_lines` and `sheet_lines` hand out
//! a file's values, and `source` collects its mistakes, each at the line and column where it stands.

mod address;
mod availability_toml;
mod connection_toml;
mod csv_lines;
mod data_type;
mod devices;
mod document;
mod encoding;
mod environment;
mod field;
mod folder;
mod gateway_toml;
mod influxdb_toml;
mod lighting_toml;
mod lines;
mod link;
mod mqtt_toml;
mod names;
mod nearest;
mod places;
mod planned_toml;
mod point_toml;
mod profile_toml;
mod quantity;
mod roster_csv;
mod secret;
mod sheet_lines;
mod source;
mod standard_toml;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use folder::Folder;
pub(crate) use link::link;

use self::devices::Known;
use self::environment::Overrides;
use self::gateway_toml::Gateway;
use crate::{
    Connection, ConnectionIndex, Dense, DenseId, Device, DutyShift, Fault, Place, PlannedWork, Profile,
    Script, Site, Standard, bundled,
};

/// What loading gives: the site as far as it is right, and every mistake.
#[derive(Debug)]
pub struct Loading {
    /// What is right. Where `gateway.toml` is wrong a default stands; a device is left out when it, its connection or its
    /// profile has a mistake; a faulty profile is kept, so that rules can still be checked against its points' names.
    pub site: Site,
    /// What is wrong, in the order of places; empty when the site may run.
    pub faults: Vec<Fault>,
}

/// Loads a site from its files and the environment's overrides (`FACILITY__…`; other variables are not looked at).
///
/// It never fails: whatever is wrong is in [`Loading::faults`].
pub fn load(folder: &Folder, environment: impl IntoIterator<Item = (String, String)>) -> Loading {
    let mut faults = Vec::new();
    let overrides = Overrides::of(environment);
    faults.extend(overrides.faults());
    let (gateway, broken_gateway) = gateway(folder, &overrides, &mut faults);
    let (connections, numbered) = number_connections(gateway.connections);
    let Profiles { all, usable } = profiles(folder, &mut faults);
    let known = Known {
        connections: &numbered,
        broken_gateway,
        profiles: &usable,
    };
    let devices = devices(folder, &known, &mut faults);
    let classes = all.values().map(|profile| profile.class.as_str()).collect();
    let mut standard = standard(folder, &classes, &mut faults);
    standard.planned = planned(folder, &devices, &mut faults);
    let roster = roster(folder, &mut faults);
    let site = Site {
        id: gateway.id,
        name: gateway.name,
        timezone: gateway.timezone,
        listen: gateway.listen,
        connections: Dense::new(connections),
        profiles: all,
        devices: Dense::new(devices),
        influxdb: gateway.influxdb,
        destinations: gateway.destinations,
        mqtt: gateway.mqtt,
        notify: gateway.notify,
        standard,
        roster,
        scripts: scripts(folder, &mut faults),
        procedures: procedures(folder, &mut faults),
    };
    faults.sort();
    faults.dedup();
    Loading { site, faults }
}

/// A file's text; `None` when it is missing, which only some files may be, or can't be read, which is told.
fn text<'folder>(folder: &'folder Folder, path: &str, faults: &mut Vec<Fault>) -> Option<&'folder str> {
    folder.text_or_fault(path).unwrap_or_else(|fault| {
        faults.push(fault);
        None
    })
}

/// `gateway.toml`, and its text again where it is not whole, so that not every device is told to be wrong, too.
fn gateway<'folder>(
    folder: &'folder Folder,
    overrides: &Overrides,
    faults: &mut Vec<Fault>,
) -> (Gateway, Option<&'folder str>) {
    let file = gateway_toml::FILE;
    let Some(text) = text(folder, file, faults) else {
        if !folder.has(file) {
            let right = "this file is missing: it names the site and its connections";
            faults.push(Fault::new(Place::new(file, 1, 1), right));
        }
        let (defaults, _) = gateway_toml::read("", overrides, folder);
        return (defaults, Some(""));
    };
    let (gateway, found) = gateway_toml::read(text, overrides, folder);
    faults.extend(found);
    let broken = gateway.is_broken.then_some(text);
    (gateway, broken)
}

type Numbered = BTreeMap<String, Option<(ConnectionIndex, Connection)>>;

/// Numbers the connections that are right, in the order of their names.
fn number_connections(read: BTreeMap<String, Option<Connection>>) -> (Vec<Connection>, Numbered) {
    let mut connections = Vec::new();
    let mut numbered = BTreeMap::new();
    for (name, connection) in read {
        let entry = connection.map(|connection| {
            connections.push(connection.clone());
            (ConnectionIndex::at(connections.len() - 1), connection)
        });
        numbered.insert(name, entry);
    }
    (connections, numbered)
}

struct Profiles {
    all: BTreeMap<String, Arc<Profile>>,
    /// `None` for one with a mistake.
    usable: BTreeMap<String, Option<Arc<Profile>>>,
}

/// The bundled profiles, then the site's own, which replace bundled ones of the same id.
fn profiles(folder: &Folder, faults: &mut Vec<Fault>) -> Profiles {
    let mut profiles = Profiles {
        all: BTreeMap::new(),
        usable: BTreeMap::new(),
    };
    for file in bundled::profiles() {
        profiles.add(&format!("profiles/{}", file.path), Some(&file.text), faults);
    }
    for path in folder.inside("profiles", ".toml") {
        let text = text(folder, path, faults);
        profiles.add(path, text, faults);
    }
    profiles
}

impl Profiles {
    /// Reads one more profile; without a text it only takes the place of an earlier one of its id.
    fn add(&mut self, path: &str, text: Option<&str>, faults: &mut Vec<Fault>) {
        let id = path.strip_prefix("profiles/").unwrap_or(path);
        let id = id.strip_suffix(".toml").unwrap_or(id);
        self.usable.insert(id.to_owned(), None);
        let Some(text) = text else { return };
        let (profile, mut found) = profile_toml::read(id, path, text);
        if let Err(wrong) = names::check_id(id) {
            let text = format!("the file's name is the profile's id, and {wrong}");
            found.push(Fault::new(Place::new(path, 1, 1), text));
        }
        let profile = Arc::new(profile);
        self.all.insert(id.to_owned(), Arc::clone(&profile));
        self.usable
            .insert(id.to_owned(), found.is_empty().then_some(profile));
        faults.append(&mut found);
    }
}

fn devices(folder: &Folder, known: &Known<'_>, faults: &mut Vec<Fault>) -> Vec<Device> {
    use self::devices::{CSV_FILE, XLSX_FILE, read_csv, read_xlsx};

    let (devices, found) = match (folder.has(CSV_FILE), folder.has(XLSX_FILE)) {
        (true, true) => {
            let right = "devices.csv has the site's devices, too: keep one of the two";
            (Vec::new(), vec![Fault::new(Place::new(XLSX_FILE, 1, 1), right)])
        }
        (false, false) => {
            let right = "this file is missing: it has the site's devices, one a line";
            (Vec::new(), vec![Fault::new(Place::new(CSV_FILE, 1, 1), right)])
        }
        (true, false) => {
            text(folder, CSV_FILE, faults).map_or_else(Default::default, |text| read_csv(text, known))
        }
        (false, true) => match folder.bytes_or_fault(XLSX_FILE) {
            Ok(bytes) => read_xlsx(bytes.unwrap_or_default(), known),
            Err(fault) => (Vec::new(), vec![fault]),
        },
    };
    faults.extend(found);
    devices
}

fn standard(folder: &Folder, classes: &BTreeSet<&str>, faults: &mut Vec<Fault>) -> Standard {
    let (bundled, found) = standard_toml::read_bundled(&bundled::standard());
    faults.extend(found);
    let Some(text) = text(folder, standard_toml::FILE, faults) else {
        return bundled;
    };
    let (standard, found) = standard_toml::read_own(text, bundled, classes);
    faults.extend(found);
    standard
}

fn roster(folder: &Folder, faults: &mut Vec<Fault>) -> Vec<DutyShift> {
    let Some(text) = text(folder, roster_csv::FILE, faults) else {
        return Vec::new();
    };
    let (roster, found) = roster_csv::read(text);
    faults.extend(found);
    roster
}

/// The site's recurring work: what the bundled standard asks for and the site has given a day, and its own.
fn planned(folder: &Folder, devices: &[Device], faults: &mut Vec<Fault>) -> Vec<PlannedWork> {
    let (bundled, found) = planned_toml::read_bundled(&bundled::standard());
    faults.extend(found);
    let Some(text) = text(folder, planned_toml::FILE, faults) else {
        return Vec::new();
    };
    let (planned, found) = planned_toml::read_own(text, &bundled, devices);
    faults.extend(found);
    planned
}

fn scripts(folder: &Folder, faults: &mut Vec<Fault>) -> Vec<Script> {
    let script = |path: &str| {
        Some(Script {
            file: path.to_owned(),
            text: text(folder, path, faults)?.to_owned(),
        })
    };
    folder.inside("rules", ".rhai").filter_map(script).collect()
}

fn procedures(folder: &Folder, faults: &mut Vec<Fault>) -> BTreeMap<String, String> {
    const INNER: &str = "rules/procedures";
    let procedure = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or(path).to_owned();
        Some((name, text(folder, path, faults)?.to_owned()))
    };
    folder.inside(INNER, ".md").filter_map(procedure).collect()
}
