//! What the simulator says that it has served.

use std::path::Path;

use jiff::Timestamp;
use serde_json::{Map, Value};

/// One answered read, or one published message.
#[derive(Clone, Debug)]
pub struct Served {
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub device: String,
    /// The points that were wholly inside it, with their values.
    pub values: Map<String, Value>,
}

/// Reads a record; a last line without its end is still being written and left out.
pub fn served_in(file: &Path) -> Vec<Served> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(parse).collect()
}

/// The seconds from one poll of a device to the next since a moment; the point is one that each poll reads once.
pub fn intervals(served: &[Served], device: &str, point: &str, since: Timestamp) -> Vec<f64> {
    let reads = served
        .iter()
        .filter(|line| line.device == device && line.at >= since);
    let polls: Vec<_> = reads
        .filter(|line| line.values.contains_key(point))
        .map(|line| line.at)
        .collect();
    polls
        .windows(2)
        .map(|pair| pair[1].duration_since(pair[0]).as_secs_f64())
        .collect()
}

fn parse(line: &str) -> Served {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    Served {
        at: value["at"]
            .as_str()
            .and_then(|at| at.parse().ok())
            .unwrap_or_else(|| panic!("no time: {line}")),
        device: value["device"]
            .as_str()
            .unwrap_or_else(|| panic!("no device: {line}"))
            .to_owned(),
        values: value["values"]
            .as_object()
            .unwrap_or_else(|| panic!("no values: {line}"))
            .clone(),
    }
}
