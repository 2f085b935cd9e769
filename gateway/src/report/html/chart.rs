//! The drawings of the printable report: a subsystem's days, and what became of deadlines. Shape and pattern say it beside colour.

use std::fmt::Write;

use crate::report::{DurationsView, Subsystem, Tally};

const STRIP_WIDTH: f64 = 340.0;
const STRIP_HEIGHT: f64 = 26.0;
const BAR_WIDTH: f64 = 260.0;
/// Whatever is there is seen: a second of a month would be less than a hair.
const THINNEST: f64 = 2.0;
/// A hatch needs more room to be one.
const THINNEST_HATCH: f64 = 6.0;

/// The patterns that the drawings use, once a page.
pub const PATTERNS: &str = "<svg width=\"0\" height=\"0\" aria-hidden=\"true\" style=\"position:absolute\"><defs>\
<pattern id=\"unknown\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
<rect width=\"5\" height=\"5\" fill=\"#fff\"/><rect width=\"2\" height=\"5\" fill=\"#6B3FA8\"/></pattern>\
<pattern id=\"pause\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(-45)\">\
<rect width=\"5\" height=\"5\" fill=\"#fff\"/><rect width=\"2\" height=\"5\" fill=\"#5F6974\"/></pattern></defs></svg>";

/// A strip of days: grey as far as it worked, filled from below as far as it was down, hatched as far as nobody knows. `days` is
/// how many days the period has; those that have not come are empty.
pub fn strip(subsystem: &Subsystem, days: usize) -> String {
    let count = f64::from(u32::try_from(days.max(1)).unwrap_or(u32::MAX));
    let step = STRIP_WIDTH / count;
    let width = (step - 1.5).max(1.0);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {STRIP_WIDTH} {STRIP_HEIGHT}\" width=\"100%\" height=\"{STRIP_HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">",
        subsystem.class
    );
    let mut left = 0.0;
    for position in 0..days {
        match subsystem.days.get(position) {
            Some(day) => cell(&mut svg, left, width, &day.durations, &day.date),
            None => {
                let _ = write!(
                    svg,
                    "<rect class=\"off\" x=\"{:.2}\" y=\"0.5\" width=\"{width:.2}\" height=\"{:.2}\"/>",
                    left,
                    STRIP_HEIGHT - 1.0
                );
            }
        }
        left += step;
    }
    svg.push_str("</svg>");
    svg
}

fn cell(svg: &mut String, left: f64, width: f64, day: &DurationsView, date: &str) {
    let whole = day.available_hours + day.unavailable_hours + day.unknown_hours;
    if whole <= 0.0 {
        return;
    }
    let height = |hours: f64, least: f64| {
        if hours > 0.0 {
            (STRIP_HEIGHT * hours / whole).max(least)
        } else {
            0.0
        }
    };
    let down = height(day.unavailable_hours, THINNEST);
    let unknown = height(day.unknown_hours, THINNEST_HATCH).min(STRIP_HEIGHT - down);
    let _ = write!(
        svg,
        "<g><title>{date}: {:.2} h / {:.2} h / {:.2} h</title><rect class=\"ok\" x=\"{left:.2}\" y=\"0\" width=\"{width:.2}\" height=\"{STRIP_HEIGHT}\"/>",
        day.available_hours, day.unavailable_hours, day.unknown_hours
    );
    if down > 0.0 {
        let top = STRIP_HEIGHT - down;
        let _ = write!(
            svg,
            "<rect class=\"down\" x=\"{left:.2}\" y=\"{top:.2}\" width=\"{width:.2}\" height=\"{down:.2}\"/>"
        );
    }
    if unknown > 0.0 {
        let top = STRIP_HEIGHT - down - unknown;
        let _ = write!(
            svg,
            "<rect fill=\"url(#unknown)\" x=\"{left:.2}\" y=\"{top:.2}\" width=\"{width:.2}\" height=\"{unknown:.2}\"/>"
        );
    }
    svg.push_str("</g>");
}

/// A bar of what became of deadlines, as long as the share of `most` that they are.
pub fn bar(tally: &Tally, most: usize) -> String {
    let count = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let unit = BAR_WIDTH / count(most.max(1));
    let parts = [
        ("class=\"met\"", tally.met.count),
        ("fill=\"url(#pause)\"", tally.met_after_pause.count),
        ("class=\"word\"", tally.on_word.count),
        ("class=\"missed\"", tally.missed.count),
        ("class=\"closed\"", tally.closed.count),
        ("class=\"running\"", tally.running.count),
    ];
    let mut svg = format!(
        "<svg viewBox=\"0 0 {BAR_WIDTH} 14\" width=\"100%\" height=\"14\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
    );
    let mut left = 0.0;
    for (look, part) in parts {
        if part > 0 {
            let width = (count(part) * unit - 1.0).max(1.0);
            let _ = write!(
                svg,
                "<rect {look} x=\"{left:.2}\" y=\"1\" width=\"{width:.2}\" height=\"12\"/>"
            );
            left += count(part) * unit;
        }
    }
    svg.push_str("</svg>");
    svg
}

/// A small square that a legend explains.
pub fn swatch(look: &str) -> String {
    format!(
        "<svg width=\"12\" height=\"12\" aria-hidden=\"true\"><rect {look} x=\"0.5\" y=\"0.5\" width=\"11\" height=\"11\"/></svg>"
    )
}

/// The shape of what needs somebody: a filled octagon.
pub const OCTAGON: &str = "<svg class=\"mark\" width=\"14\" height=\"14\" viewBox=\"0 0 14 14\" aria-hidden=\"true\"><path d=\"M4 0h6l4 4v6l-4 4H4l-4-4V4z\" fill=\"#B5121F\"/></svg>";
/// The shape of what nobody knows: a dashed circle with a question mark.
pub const QUESTION: &str = "<svg class=\"mark\" width=\"14\" height=\"14\" viewBox=\"0 0 14 14\" aria-hidden=\"true\"><circle cx=\"7\" cy=\"7\" r=\"6\" fill=\"none\" stroke=\"#6B3FA8\" stroke-width=\"1.5\" stroke-dasharray=\"2.5 1.5\"/><text x=\"7\" y=\"10.2\" font-size=\"9\" text-anchor=\"middle\" fill=\"#6B3FA8\">?</text></svg>";
