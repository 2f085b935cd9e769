//! Keeps what was learnt of devices in a small file, so that a restart need not learn it again by being refused.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::{Device, RegisterTable, Site};
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use crate::field::Field;
use crate::modbus::learnt::{Border, Learnt, Length, Stretch};

/// A file beyond this is not ours: a campus of devices that all refuse something has far less.
const LARGEST_FILE_BYTES: u64 = 16 << 20;
/// What was learnt is written at the latest so long after it.
const WRITES_AFTER: Duration = Duration::from_secs(2);
/// No request is for more (Modbus Application Protocol 6.1: 2,000 bits).
const MOST_AT_ONCE: u16 = 2_000;
const VERSION: u64 = 1;

const TABLES: [RegisterTable; 4] = [
    RegisterTable::Coil,
    RegisterTable::Discrete,
    RegisterTable::Input,
    RegisterTable::Holding,
];

/// Writes whenever something new is known, until `stop`, and then a last time.
pub(crate) async fn keep(field: Arc<Field>, stop: CancellationToken) {
    loop {
        let is_last = tokio::select! {
            () = stop.cancelled() => true,
            () = field.has_learnt() => {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(WRITES_AFTER) => {}
                }
                false
            }
        };
        if is_last {
            return;
        }
        let Some((path, text)) = field.to_keep() else {
            continue;
        };
        let written = tokio::task::spawn_blocking(move || (write(&path, &text), path)).await;
        if let Ok((Err(error), path)) = written {
            let next = "it is learnt again after a restart; make room on the disk";
            tracing::warn!(file = %path.display(), %error, "what was learnt of devices can't be kept; {next}");
        }
    }
}

/// The file appears whole or not at all.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("json.new");
    let mut file = File::create(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

/// What is known of the site's devices; of one whose profile has changed nothing is.
pub(crate) fn load(path: &Path, site: &Site) -> BTreeMap<String, Learnt> {
    match read(path) {
        Ok(Some(text)) => match parse(&text, site) {
            Some(known) => known,
            None => {
                tracing::warn!(file = %path.display(), "what was learnt of devices is spoiled and is learnt again");
                BTreeMap::new()
            }
        },
        Ok(None) => BTreeMap::new(),
        Err(error) => {
            tracing::warn!(file = %path.display(), %error, "what was learnt of devices can't be read and is learnt again");
            BTreeMap::new()
        }
    }
}

fn read(path: &Path) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut text = String::new();
    file.take(LARGEST_FILE_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST_FILE_BYTES {
        return Err(io::Error::other("it is too large to be ours"));
    }
    Ok(Some(text))
}

/// The file's text: only devices of which something is known.
pub(crate) fn text<'site>(known: impl Iterator<Item = (&'site Device, Learnt)>) -> String {
    let devices: serde_json::Map<String, Json> = known
        .filter(|(_, learnt)| !learnt.is_empty())
        .map(|(device, learnt)| (device.id.clone(), one(device, &learnt)))
        .collect();
    json!({ "version": VERSION, "devices": devices }).to_string()
}

fn one(device: &Device, learnt: &Learnt) -> Json {
    let length = |length: Length| json!([length.proven, length.refused]);
    json!({
        "profile": fingerprint(device),
        "refused": learnt
            .refused
            .iter()
            .map(|(stretch, code)| json!([stretch.table.name(), stretch.first, stretch.count, code]))
            .collect::<Vec<_>>(),
        "borders": learnt
            .sure_borders()
            .map(|((table, at), whole)| json!([table.name(), at, whole]))
            .collect::<Vec<_>>(),
        "registers": length(learnt.registers),
        "bits": length(learnt.bits),
        "pause_ms": u64::try_from(learnt.pause.as_millis()).unwrap_or(u64::MAX),
    })
}

/// What a file's text says; `None` when anything in it is not as it was written.
pub(crate) fn parse(text: &str, site: &Site) -> Option<BTreeMap<String, Learnt>> {
    let json: Json = serde_json::from_str(text).ok()?;
    if json.get("version")?.as_u64()? != VERSION {
        return None;
    }
    let kept = json.get("devices")?.as_object()?;
    let mut known = BTreeMap::new();
    for device in site.devices.values() {
        let Some(one) = kept.get(&device.id) else { continue };
        if one.get("profile")?.as_str()? == fingerprint(device) {
            known.insert(device.id.clone(), learnt(one, device.profile.points.len())?);
        }
    }
    Some(known)
}

/// Of a device with so many points; whoever kept more refused stretches or borders than that was not this gateway.
fn learnt(json: &Json, points: usize) -> Option<Learnt> {
    let mut learnt = Learnt::default();
    for row in json.get("refused")?.as_array()? {
        let stretch = Stretch {
            table: table(row.get(0)?)?,
            first: narrow(row.get(1)?)?,
            count: narrow(row.get(2)?)?,
        };
        let is_one_to_ask = (1..=MOST_AT_ONCE).contains(&stretch.count) && stretch.end() <= 0x1_0000;
        if !is_one_to_ask || learnt.refused.len() >= points {
            return None;
        }
        learnt
            .refused
            .insert(stretch, u8::try_from(row.get(3)?.as_u64()?).ok()?);
    }
    for row in json.get("borders")?.as_array()? {
        if learnt.borders.len() >= points {
            return None;
        }
        // An earlier version did not keep how long the block was that showed it.
        let whole = row.get(2).map_or(Some(0), narrow)?;
        learnt
            .borders
            .insert((table(row.get(0)?)?, narrow(row.get(1)?)?), Border::Sure(whole));
    }
    learnt.registers = length(json.get("registers")?)?;
    learnt.bits = length(json.get("bits")?)?;
    learnt.pause = Duration::from_millis(json.get("pause_ms")?.as_u64()?.min(1_000));
    Some(learnt)
}

fn length(json: &Json) -> Option<Length> {
    let refused = match json.get(1)? {
        Json::Null => None,
        refused => Some(narrow(refused)?),
    };
    Some(Length {
        proven: narrow(json.get(0)?)?,
        refused,
    })
}

fn table(json: &Json) -> Option<RegisterTable> {
    let name = json.as_str()?;
    TABLES.into_iter().find(|table| table.name() == name)
}

fn narrow(json: &Json) -> Option<u16> {
    u16::try_from(json.as_u64()?).ok()
}

/// Says of which registers something was learnt: with another profile it may mean nothing. FNV-1a, as every reader has it.
fn fingerprint(device: &Device) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |text: &str| {
        for byte in text.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    add(&format!("{:?} {:?}", device.unit, device.profile.modbus));
    for point in &device.profile.points {
        add(&format!("{:?} {:?}", point.address, point.data_type));
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_site::{modbus_at, point_at, profile, site};
    use model::{DataType, Unit};

    fn tested(registers: &[u16]) -> Site {
        let points = registers
            .iter()
            .map(|number| point_at(RegisterTable::Holding, *number, DataType::U16));
        let address = "127.0.0.1:1".parse().unwrap();
        site(modbus_at(address), [(Unit::Modbus(1), profile(points.collect()))])
    }

    fn something() -> Learnt {
        let mut learnt = Learnt {
            registers: Length {
                proven: 60,
                refused: Some(61),
            },
            pause: Duration::from_millis(20),
            ..Learnt::default()
        };
        let stretch = Stretch {
            table: RegisterTable::Holding,
            first: 7,
            count: 1,
        };
        learnt.refused.insert(stretch, 2);
        learnt.borders.insert((RegisterTable::Coil, 16), Border::Sure(40));
        learnt
    }

    #[test]
    fn what_was_learnt_is_known_after_a_restart_unless_the_profile_has_changed() {
        let (site, folder) = (tested(&[1, 7]), tempfile::tempdir().unwrap());
        let path = folder.path().join("learnt.json");
        let device = site.devices.values().next().unwrap();
        write(&path, &text([(device, something())].into_iter())).unwrap();
        assert_eq!(load(&path, &site).get("device-0"), Some(&something()));
        assert_eq!(load(&path, &tested(&[1, 8])), BTreeMap::new());
    }

    #[test]
    fn a_file_that_is_missing_or_spoiled_is_learnt_again() {
        let (site, folder) = (tested(&[1]), tempfile::tempdir().unwrap());
        let path = folder.path().join("learnt.json");
        assert!(load(&path, &site).is_empty());
        let device = site.devices.values().next().unwrap();
        let whole = text([(device, something())].into_iter());
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(load(&path, &site).is_empty(), "{length} bytes");
        }
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(load(&path, &site).is_empty());
    }
}
