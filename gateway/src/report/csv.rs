//! A report as CSV: one figure a line, each with the tickets behind it.

use std::collections::BTreeSet;

use super::{Figure, Group, Mean, Report, Subsystem, Tally};

/// The table: `section,item,name,figure,value,unit,tickets`, with a byte-order mark, since spreadsheets take it for UTF-8 only so.
pub fn csv(report: &Report) -> String {
    let mut table = Table::default();
    table.line(["section", "item", "name", "figure", "value", "unit", "tickets"]);
    let head = [
        ("site", report.site_name.as_str()),
        ("period", report.period.as_str()),
        ("from", report.from.as_str()),
        ("to", report.to.as_str()),
        ("made_at", report.made_at.as_str()),
        ("complete", if report.complete { "true" } else { "false" }),
        ("journal_head", report.journal_head.as_deref().unwrap_or_default()),
    ];
    for (figure, value) in head {
        table.line(["report", &report.site, "", figure, value, "", ""]);
    }
    table.tally("deadlines", "all", "", &report.deadlines.all);
    table.groups("deadlines_by_clock", &report.deadlines.by_clock);
    table.groups("deadlines_by_class", &report.deadlines.by_class);
    table.groups("deadlines_by_building", &report.deadlines.by_building);
    table.groups("deadlines_by_person", &report.deadlines.by_person);
    let planned = [
        ("done", &report.planned.done),
        ("late", &report.planned.late),
        ("open", &report.planned.open),
        ("made_up", &report.planned.made_up),
    ];
    for (figure, value) in planned {
        table.figure(["planned", "all", "", figure], value);
    }
    report
        .availability
        .iter()
        .for_each(|subsystem| table.subsystem(subsystem));
    table.repairs("repairs", "all", "", &report.repairs.all);
    for class in &report.repairs.by_class {
        table.repairs("repairs_by_class", &class.class, &class.name.zh, &class.repairs);
    }
    for device in &report.worst_devices {
        table.figure(
            ["worst_devices", &device.id, &device.name, "failures"],
            &device.failures,
        );
        table.hours(
            ["worst_devices", &device.id, &device.name, "unavailable"],
            device.unavailable_hours,
        );
        table.hours(
            ["worst_devices", &device.id, &device.name, "unknown"],
            device.unknown_hours,
        );
    }
    table.lists(report);
    report.meters.iter().for_each(|meter| table.meter(meter));
    table.text
}

#[derive(Default)]
struct Table {
    text: String,
}

impl Table {
    fn line(&mut self, fields: [&str; 7]) {
        if self.text.is_empty() {
            self.text.push('\u{feff}');
        }
        for (position, field) in fields.iter().enumerate() {
            if position > 0 {
                self.text.push(',');
            }
            self.text.push_str(&escaped(field));
        }
        self.text.push_str("\r\n");
    }

    fn figure(&mut self, [section, item, name, figure]: [&str; 4], value: &Figure) {
        let count = value.count.to_string();
        self.line([section, item, name, figure, &count, "", &joined(&value.tickets)]);
    }

    fn hours(&mut self, [section, item, name, figure]: [&str; 4], hours: f64) {
        self.line([section, item, name, figure, &number(hours), "h", ""]);
    }

    fn percent(&mut self, [section, item, name, figure]: [&str; 4], percent: Option<f64>) {
        let value = percent.map(number).unwrap_or_default();
        self.line([section, item, name, figure, &value, "%", ""]);
    }

    fn mean(&mut self, [section, item, name, figure]: [&str; 4], mean: &Mean) {
        let value = mean.hours.map(number).unwrap_or_default();
        self.line([section, item, name, figure, &value, "h", &joined(&mean.tickets)]);
    }

    fn tally(&mut self, section: &str, item: &str, name: &str, tally: &Tally) {
        let figures = [
            ("met", &tally.met),
            ("met_after_pause", &tally.met_after_pause),
            ("on_word", &tally.on_word),
            ("missed", &tally.missed),
            ("closed", &tally.closed),
            ("running", &tally.running),
        ];
        for (figure, value) in figures {
            self.figure([section, item, name, figure], value);
        }
        self.percent([section, item, name, "kept"], tally.kept_percent);
    }

    fn groups(&mut self, section: &str, groups: &[Group]) {
        for group in groups {
            self.tally(section, &group.key, &group.name.zh, &group.tally);
        }
    }

    fn subsystem(&mut self, subsystem: &Subsystem) {
        let (class, name) = (subsystem.class.as_str(), subsystem.name.zh.as_str());
        let target = subsystem.target_percent.map(number).unwrap_or_default();
        self.line(["availability", class, name, "target", &target, "%", ""]);
        let verdict = subsystem.verdict.unwrap_or_default();
        self.line(["availability", class, name, "verdict", verdict, "", ""]);
        let mut durations = |section: &str, item: &str, name: &str, durations: &super::DurationsView| {
            self.percent(
                [section, item, name, "availability"],
                durations.availability_percent,
            );
            self.hours([section, item, name, "available"], durations.available_hours);
            self.hours([section, item, name, "unavailable"], durations.unavailable_hours);
            self.hours([section, item, name, "unknown"], durations.unknown_hours);
        };
        durations("availability", class, name, &subsystem.durations);
        for day in &subsystem.days {
            durations("availability_by_day", class, &day.date, &day.durations);
        }
        for device in &subsystem.devices {
            durations(
                "availability_by_device",
                &device.id,
                &device.name,
                &device.durations,
            );
        }
    }

    fn repairs(&mut self, section: &str, item: &str, name: &str, repairs: &super::Repairs) {
        self.figure([section, item, name, "failures"], &repairs.failures);
        self.mean([section, item, name, "acknowledge"], &repairs.acknowledge);
        self.mean([section, item, name, "arrive"], &repairs.arrive);
        self.mean([section, item, name, "repair"], &repairs.repair);
        self.mean(
            [section, item, name, "between_failures"],
            &repairs.between_failures,
        );
    }

    fn meter(&mut self, meter: &super::MeterTotal) {
        let item = format!("{}.{}", meter.device, meter.point);
        let total = meter.total.map(number).unwrap_or_default();
        let span = [&meter.from, &meter.to].map(|at| at.as_deref().unwrap_or_default());
        self.line(["meters", &item, &meter.name, meter.meter, &total, &meter.unit, ""]);
        self.line(["meters", &item, &meter.name, "from", span[0], "", ""]);
        self.line(["meters", &item, &meter.name, "to", span[1], "", ""]);
        self.line([
            "meters",
            &item,
            &meter.name,
            "resets",
            &meter.resets.to_string(),
            "",
            "",
        ]);
        for day in &meter.days {
            let counted = number(day.counted);
            self.line([
                "meters_by_day",
                &item,
                &day.date,
                meter.meter,
                &counted,
                &meter.unit,
                "",
            ]);
        }
    }

    fn lists(&mut self, report: &Report) {
        for missed in &report.missed {
            let person = missed.person.as_deref().unwrap_or_default();
            let late = number(missed.late_hours);
            self.line([
                "missed",
                &missed.standard,
                person,
                missed.clock,
                &late,
                "h",
                &missed.ticket,
            ]);
        }
        for paused in &report.paused {
            let notice = paused.notice.as_deref().unwrap_or_default();
            let hours = number(paused.hours);
            self.line([
                "paused",
                &paused.from,
                notice,
                paused.clock,
                &hours,
                "h",
                &paused.ticket,
            ]);
        }
        for stop in &report.on_word {
            let reason = stop.reason.as_deref().unwrap_or_default();
            self.line([
                "on_word",
                &stop.by,
                reason,
                stop.clock,
                &stop.at,
                "",
                &stop.ticket,
            ]);
        }
    }
}

fn joined(tickets: &BTreeSet<String>) -> String {
    tickets.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// Four digits after the point: a third of a second, in hours.
fn number(value: f64) -> String {
    format!("{value:.4}")
}

/// A field as a spreadsheet may open it: quoted where it must be, and never a formula, since people type names and notes.
fn escaped(field: &str) -> String {
    let begins_a_formula =
        field.starts_with(['=', '+', '-', '@', '\t', '\r']) && field.parse::<f64>().is_err();
    let plain = if begins_a_formula {
        format!("'{field}")
    } else {
        field.to_owned()
    };
    if plain.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", plain.replace('"', "\"\""))
    } else {
        plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_typed_can_neither_break_a_line_nor_be_a_formula() {
        assert_eq!(escaped("1号楼"), "1号楼");
        assert_eq!(escaped("a,\"b\"\nc"), "\"a,\"\"b\"\"\nc\"");
        assert_eq!(escaped("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(escaped("-1.5"), "-1.5");
    }
}
