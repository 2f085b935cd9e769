//! What energy and water meters counted, in the printable report.

use super::tables::{head, named, section};
use super::{escaped, minute};
use crate::report::{MeterTotal, Report};

/// The meters; nothing where the site has none.
pub fn meters(report: &Report) -> String {
    if report.meters.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = report.meters.iter().map(line).collect();
    let head = head(&[
        ("", "仪表", "Meter"),
        ("", "楼栋", "Building"),
        ("", "计量", "Counts"),
        ("n", "用量", "Total"),
        ("", "单位", "Unit"),
        ("", "起止读数时间", "Between the readings of"),
        ("n", "表底归零", "Resets"),
    ]);
    let note = "<p class=\"empty\">用量为逐次读数增量之和；换表、归零期间的用量无法得知，未计入 · \
        A total is the sum of a meter's increments; what it counted while it was replaced or set back is in none</p>";
    section(
        "电量与水量",
        "Energy and water",
        &format!("<table>{head}<tbody>{}</tbody></table>{note}", lines.concat()),
    )
}

fn line(meter: &MeterTotal) -> String {
    let total = meter
        .total
        .map_or("— <span class=\"en\">not read</span>".to_owned(), |total| {
            format!("{total:.1}")
        });
    let between = meter.from.as_deref().zip(meter.to.as_deref());
    let between = between.map_or("—".to_owned(), |(from, to)| {
        format!("{} — {}", minute(from), minute(to))
    });
    let resets = if meter.resets > 0 { "n bad" } else { "n muted" };
    format!(
        "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{total}</td><td>{}</td><td class=\"name\">{between}</td><td class=\"{resets}\">{}</td></tr>",
        named(&escaped(&meter.name), &meter.device),
        escaped(&meter.building),
        named(&escaped(&meter.title.zh), &escaped(&meter.title.en)),
        escaped(&meter.unit),
        meter.resets
    )
}
