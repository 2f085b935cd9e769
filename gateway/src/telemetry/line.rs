//! Line protocol: measurement = class; tags site, building, device; one field a point; time in nanoseconds.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use model::{Batch, Dense, Device, DeviceIndex, Point, PointId, Site, Value};

/// Renders batches as lines; names and tags are escaped once a site, not once a sample.
pub struct LineRenderer {
    heads: Dense<DeviceIndex, Head>,
}

/// What all lines of a device have.
struct Head {
    /// Measurement and tags.
    text: String,
    first_point: PointId,
    /// `,NAME=` for each of its profile's points, shared by all devices that have it.
    fields: Arc<[String]>,
}

impl LineRenderer {
    /// A renderer for a site's devices.
    pub fn new(site: &Site) -> Self {
        let field = |point: &Point| format!(",{}=", escaped(&point.name));
        let fields: HashMap<&str, Arc<[String]>> = site
            .profiles
            .iter()
            .map(|(id, profile)| (id.as_str(), profile.points.iter().map(field).collect()))
            .collect();
        let heads = site.devices.values().map(|device| Head {
            text: head(site, device),
            first_point: device.first_point,
            fields: fields
                .get(device.profile.id.as_str())
                .cloned()
                .unwrap_or_default(),
        });
        Self {
            heads: Dense::new(heads.collect()),
        }
    }

    /// Appends a batch's line, if it has a good sample; returns how many samples are in it.
    pub fn render(&self, lines: &mut String, batch: &Batch) -> u64 {
        let start = lines.len();
        let head = self.heads.at(batch.device);
        lines.push_str(&head.text);
        let mut count = 0;
        for sample in &batch.samples {
            let position = sample.point.0.wrapping_sub(head.first_point.0) as usize;
            let (Some(value), Some(field)) = (sample.reading.good(), head.fields.get(position)) else {
                continue;
            };
            // Line protocol has no word for them; no driver makes them, and one would spoil its line.
            if matches!(value, Value::Number(number) if !number.is_finite()) {
                continue;
            }
            match (count, field.get(1..)) {
                (0, Some(first)) => {
                    lines.push(' ');
                    lines.push_str(first);
                }
                _ => lines.push_str(field),
            }
            push_value(lines, value);
            count += 1;
        }
        if count == 0 {
            lines.truncate(start);
        } else {
            let nanoseconds = i64::try_from(batch.at.as_nanosecond()).unwrap_or(i64::MAX);
            let _ = writeln!(lines, " {nanoseconds}");
        }
        count
    }
}

fn head(site: &Site, device: &Device) -> String {
    let mut head = escaped_measurement(device.profile.class.as_str());
    // A tag without a value is not a tag, and every server refuses it.
    for (tag, value) in [
        ("site", &site.id),
        ("building", &device.building),
        ("device", &device.id),
    ] {
        if !value.is_empty() {
            let _ = write!(head, ",{tag}={}", escaped(value));
        }
    }
    head
}

/// Numbers are written as floats whatever the register type, so that a changed profile does not conflict with what is stored.
fn push_value(lines: &mut String, value: &Value) {
    match value {
        Value::Number(number) => lines.push_str(ryu::Buffer::new().format(*number)),
        Value::Bool(state) => lines.push_str(if *state { "true" } else { "false" }),
        Value::Text(text) => {
            lines.push('"');
            for character in text.chars() {
                match character {
                    '"' | '\\' => lines.extend(['\\', character]),
                    _ if character.is_control() => lines.push(' '),
                    _ => lines.push(character),
                }
            }
            lines.push('"');
        }
    }
}

/// A tag's key or value, or a field's key. A line break cannot be written at all, and a backslash at the end would escape what
/// follows, so they become other characters, and so do all control characters.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            ',' | '=' | ' ' => escaped.extend(['\\', character]),
            '\\' => escaped.push('/'),
            _ if character.is_control() => escaped.push_str("\\ "),
            _ => escaped.push(character),
        }
    }
    escaped
}

fn escaped_measurement(text: &str) -> String {
    escaped(text).replace("\\=", "=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_line_is_escaped() {
        assert_eq!(escaped("1号楼 A,B=C"), "1号楼\\ A\\,B\\=C");
        assert_eq!(escaped("end\\"), "end/");
        assert_eq!(escaped("two\nlines"), "two\\ lines");
        let mut lines = String::new();
        push_value(&mut lines, &Value::Text("a \"b\" \\ c\nd".into()));
        assert_eq!(lines, "\"a \\\"b\\\" \\\\ c d\"");
    }

    #[test]
    fn a_number_is_written_as_a_float_that_reads_back_equal() {
        for number in [0.1, -0.153, 1e21, 5e-324, f64::MAX, 3.0, f64::from(0.35_f32)] {
            let mut lines = String::new();
            push_value(&mut lines, &Value::Number(number));
            assert_eq!(lines.parse::<f64>().unwrap(), number);
        }
    }
}
