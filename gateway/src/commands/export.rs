//! `export`: recorded readings as CSV, for a spreadsheet or another program.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use gateway::store::{ClockStep, Grain, HistoryReader, Piece, RecordsReader, Trend};
use gateway::view::{quality, rfc3339};
use jiff::Timestamp;
use model::{Device, Site, Value};

use super::{WRONG, site};

/// What is exported.
pub struct Asked {
    /// The site.
    pub site: PathBuf,
    /// Its data folder.
    pub data: Option<PathBuf>,
    /// From this moment on …
    pub from: Timestamp,
    /// … up to and without this one.
    pub to: Timestamp,
    /// Only of this device.
    pub device: Option<String>,
}

/// Prints `at,device,point,value,quality,reason,clock_set_by_seconds`, by device, point and time; works beside a running gateway. The
/// last is empty but for times that a clock told which was set by so much after them.
pub fn run(asked: &Asked) -> u8 {
    match export(asked) {
        Ok(()) => 0,
        // Whoever read the output has had enough of it.
        Err(reason) if reason.contains("Broken pipe") => 0,
        Err(reason) => {
            eprintln!("facility-gateway: {reason}");
            WRONG
        }
    }
}

fn export(asked: &Asked) -> Result<(), String> {
    let checked = site::read(&asked.site, site::environment())?;
    let data = asked.data.clone().unwrap_or_else(|| asked.site.join("data"));
    let history = open(&data)?;
    let clock_steps = clock_steps(&data, asked)?;
    let devices: Vec<&Device> = match &asked.device {
        None => checked.site.devices.values().collect(),
        Some(id) => {
            let (_, device) = checked
                .site
                .device_by_id(id)
                .ok_or_else(|| format!("there is no device {id}"))?;
            vec![device]
        }
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let written = writeln!(out, "at,device,point,value,quality,reason,clock_set_by_seconds")
        .map_err(|error| error.to_string());
    written?;
    for device in devices {
        export_device(&mut out, &history, &clock_steps, &checked.site, device, asked)?;
    }
    out.flush().map_err(|error| error.to_string())
}

fn open(data: &Path) -> Result<HistoryReader, String> {
    let path = data.join("history.db");
    if !path.exists() {
        return Err(format!(
            "{}: there is no history: give the data folder with --data",
            path.display()
        ));
    }
    HistoryReader::open(&path).map_err(|error| error.to_string())
}

/// The newest step of the clock counts for a moment that it told more than once.
fn clock_steps(data: &Path, asked: &Asked) -> Result<Vec<ClockStep>, String> {
    if !data.join("records.db").exists() {
        return Ok(Vec::new());
    }
    let records = RecordsReader::open(data).map_err(|error| error.to_string())?;
    records
        .clock_steps(asked.from, asked.to)
        .map_err(|error| error.to_string())
}

fn export_device(
    out: &mut impl Write,
    history: &HistoryReader,
    clock_steps: &[ClockStep],
    site: &Site,
    device: &Device,
    asked: &Asked,
) -> Result<(), String> {
    let trend = Trend {
        from: asked.from,
        to: asked.to,
        grain: Grain::Readings,
    };
    for (_, point) in device.points() {
        let mut failed = None;
        let read = history.each(&device.id, &point.name, trend, |piece| {
            let Piece::Reading(recorded) = piece else {
                return true;
            };
            let (quality, reason) = quality(&recorded.reading);
            let value = recorded.reading.value().map(shown).unwrap_or_default();
            let at = rfc3339(recorded.at, &site.timezone);
            let reason = reason.unwrap_or_default();
            let set_by = clock_steps.iter().find(|step| step.covers(recorded.at));
            let set_by = set_by
                .map(|step| step.by().as_secs_f64().to_string())
                .unwrap_or_default();
            let line = writeln!(
                out,
                "{at},{},{},{value},{quality},{reason},{set_by}",
                device.id, point.name
            );
            failed = line.err();
            failed.is_none()
        });
        read.map_err(|error| error.to_string())?;
        if let Some(error) = failed {
            return Err(error.to_string());
        }
    }
    Ok(())
}

/// A value as a field of CSV (RFC 4180); only a text can need quotes.
fn shown(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        Value::Bool(state) => state.to_string(),
        Value::Text(text) => format!("\"{}\"", text.replace('"', "\"\"")),
    }
}
