//! The tables of the printable report, one function a section.

use std::collections::BTreeSet;

use super::{chart, escaped, hours_text, minute, percent, verdict};
use crate::report::{Figure, Group, Mean, Repairs, Report, Subsystem, Tally};

/// Availability: a line a subsystem with its days, then the devices that were not always seen to work.
pub fn availability(report: &Report, days: usize) -> String {
    let lines: Vec<String> = report
        .availability
        .iter()
        .map(|subsystem| subsystem_line(subsystem, days))
        .collect();
    let legend = legend(&[
        ("class=\"ok\"", "正常 worked"),
        ("class=\"down\"", "不可用 down"),
        ("fill=\"url(#unknown)\"", "未知 unknown"),
    ]);
    let head = head(&[
        ("", "系统", "Subsystem"),
        ("strip", "每日", "Day by day"),
        ("n", "可用率", "Available"),
        ("n", "目标", "Target"),
        ("n", "不可用", "Down, h"),
        ("n", "未知", "Unknown, h"),
        ("", "结论", "Verdict"),
    ]);
    let table = format!("<table>{head}<tbody>{}</tbody></table>{legend}", lines.concat());
    section("可用率", "Availability", &format!("{table}{}", devices(report)))
}

fn subsystem_line(subsystem: &Subsystem, days: usize) -> String {
    let target = subsystem
        .target_percent
        .map_or("<span class=\"muted\">正常运作</span>".to_owned(), |target| {
            format!("{target} %")
        });
    format!(
        "<tr><td>{}</td><td class=\"strip\">{}</td><td class=\"n\">{}</td><td class=\"n\">{target}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"name\">{}</td></tr>",
        named(&subsystem.name.zh, &subsystem.name.en),
        chart::strip(subsystem, days),
        percent(subsystem.durations.availability_percent),
        hours_text(subsystem.durations.unavailable_hours),
        hours_text(subsystem.durations.unknown_hours),
        verdict(subsystem)
    )
}

/// The devices that were down, with their alarms; those that were only unknown are in the other formats.
fn devices(report: &Report) -> String {
    let devices = report
        .availability
        .iter()
        .flat_map(|subsystem| &subsystem.devices);
    let lines: Vec<String> = devices
        .filter(|device| device.durations.unavailable_hours > 0.0)
        .map(|device| {
            let outages: Vec<String> = device
                .outages
                .iter()
                .map(|outage| {
                    let to = outage.to.as_deref().map_or("…".to_owned(), minute);
                    format!("{} {} — {to}", escaped(&outage.rule), minute(&outage.from))
                })
                .collect();
            format!(
                "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"ids\">{}</td></tr>",
                named(&escaped(&device.name), &device.id),
                escaped(&device.building),
                percent(device.durations.availability_percent),
                hours_text(device.durations.unavailable_hours),
                hours_text(device.durations.unknown_hours),
                outages.join("<br>")
            )
        })
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    let head = head(&[
        ("", "设备", "Device"),
        ("", "楼栋", "Building"),
        ("n", "可用率", "Available"),
        ("n", "不可用", "Down, h"),
        ("n", "未知", "Unknown, h"),
        ("", "报警", "Alarms"),
    ]);
    format!(
        "<h3>停用过的设备 <span class=\"en\">Devices that were down</span></h3><table>{head}<tbody>{}</tbody></table>",
        lines.concat()
    )
}

/// Deadlines: by promise, class, building and person, on one scale.
pub fn deadlines(report: &Report) -> String {
    let deadlines = &report.deadlines;
    if total(&deadlines.all) == 0 {
        return empty(
            "时限",
            "Deadlines",
            "本期没有工单时限开始计时",
            "No deadline began in this period",
        );
    }
    let parts = [
        ("按时限", "By promise", &deadlines.by_clock),
        ("按系统", "By class", &deadlines.by_class),
        ("按楼栋", "By building", &deadlines.by_building),
        ("按人员", "By person", &deadlines.by_person),
    ];
    let tables: Vec<String> = parts
        .into_iter()
        .map(|(zh, en, groups)| {
            let most = groups.iter().map(|group| total(&group.tally)).max().unwrap_or(0);
            let lines: Vec<String> = groups.iter().map(|group| group_line(group, most)).collect();
            format!(
                "<h3>{zh} <span class=\"en\">{en}</span></h3><table class=\"tally\">{}<tbody>{}</tbody></table>",
                tally_head(),
                lines.concat()
            )
        })
        .collect();
    let legend = legend(&[
        ("class=\"met\"", "按时 met"),
        ("fill=\"url(#pause)\"", "等配件后按时 met after waiting"),
        ("class=\"word\"", "凭口头 on a person's word"),
        ("class=\"missed\"", "超时 missed"),
        ("class=\"closed\"", "随关闭停止 stopped by closing"),
        ("class=\"running\"", "计时中 running"),
    ]);
    section("时限", "Deadlines", &format!("{legend}{}", tables.concat()))
}

fn tally_head() -> String {
    head(&[
        ("", "", ""),
        ("bar", "", ""),
        ("n", "达成率", "Kept"),
        ("n", "按时", "Met"),
        ("n", "等配件", "Waited"),
        ("n", "口头", "Word"),
        ("n", "超时", "Missed"),
        ("n", "关闭", "Closed"),
        ("n", "计时中", "Running"),
    ])
}

fn group_line(group: &Group, most: usize) -> String {
    let tally = &group.tally;
    let name = match (group.name.zh.as_str(), group.name.en.as_str()) {
        (zh, en) if zh == en => named(&escaped(zh), ""),
        (zh, en) => named(&escaped(zh), &escaped(en)),
    };
    let missed = if tally.missed.count > 0 { "n bad" } else { "n" };
    format!(
        "<tr><td>{name}</td><td class=\"bar\">{}</td><td class=\"n\">{}</td>{}{}{}<td class=\"{missed}\">{}</td>{}{}</tr>",
        chart::bar(tally, most),
        percent(tally.kept_percent),
        count(&tally.met),
        count(&tally.met_after_pause),
        count(&tally.on_word),
        tally.missed.count,
        count(&tally.closed),
        count(&tally.running)
    )
}

/// Mean times, by class.
pub fn repairs(report: &Report) -> String {
    if report.repairs.all.failures.count == 0 {
        return empty(
            "故障与修复",
            "Failures and repairs",
            "本期无故障",
            "No failure in this period",
        );
    }
    let line = |name: String, repairs: &Repairs| {
        format!(
            "<tr><td>{name}</td><td class=\"n\">{}</td>{}{}{}{}</tr>",
            repairs.failures.count,
            mean(&repairs.acknowledge),
            mean(&repairs.arrive),
            mean(&repairs.repair),
            mean(&repairs.between_failures)
        )
    };
    let mut lines: Vec<String> = report
        .repairs
        .by_class
        .iter()
        .map(|class| {
            line(
                named(&escaped(&class.name.zh), &escaped(&class.name.en)),
                &class.repairs,
            )
        })
        .collect();
    lines.push(line(
        "合计 <span class=\"en\">all</span>".to_owned(),
        &report.repairs.all,
    ));
    let head = head(&[
        ("", "系统", "Class"),
        ("n", "故障", "Failures"),
        ("n", "平均接单", "To acknowledge, h"),
        ("n", "平均到场", "To arrive, h"),
        ("n", "平均修复", "To repair, h"),
        ("n", "平均无故障", "Between failures, h"),
    ]);
    section(
        "故障与修复",
        "Failures and repairs",
        &format!("<table>{head}<tbody>{}</tbody></table>", lines.concat()),
    )
}

/// The devices that gave the most trouble.
pub fn worst(report: &Report) -> String {
    if report.worst_devices.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = report
        .worst_devices
        .iter()
        .map(|device| {
            format!(
                "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"ids\">{}</td></tr>",
                named(&escaped(&device.name), &device.id),
                escaped(&device.building),
                device.failures.count,
                hours_text(device.unavailable_hours),
                hours_text(device.unknown_hours),
                joined(&device.failures.tickets)
            )
        })
        .collect();
    let head = head(&[
        ("", "设备", "Device"),
        ("", "楼栋", "Building"),
        ("n", "故障", "Failures"),
        ("n", "不可用", "Down, h"),
        ("n", "未知", "Unknown, h"),
        ("", "工单", "Tickets"),
    ]);
    section(
        "故障最多的设备",
        "Worst devices",
        &format!("<table>{head}<tbody>{}</tbody></table>", lines.concat()),
    )
}

/// The tickets behind the figures.
pub fn behind(report: &Report) -> String {
    let deadlines = &report.deadlines;
    let groups = [
        ("系统", "class", &deadlines.by_class),
        ("楼栋", "building", &deadlines.by_building),
        ("人员", "person", &deadlines.by_person),
    ];
    let mut lines = Vec::new();
    for (zh, en, groups) in groups {
        for group in groups {
            let figures: Vec<String> = figures(&group.tally)
                .into_iter()
                .filter(|(_, figure)| figure.count > 0)
                .map(|(what, figure)| format!("<b>{what} {}</b> {}", figure.count, joined(&figure.tickets)))
                .collect();
            lines.push(format!(
                "<tr><td class=\"name\">{zh} <span class=\"en\">{en}</span></td><td class=\"name\">{}</td><td class=\"ids\">{}</td></tr>",
                escaped(&group.name.zh),
                figures.join("<br>")
            ));
        }
    }
    if lines.is_empty() {
        return String::new();
    }
    section(
        "数字背后的工单",
        "The tickets behind the figures",
        &format!("<table><tbody>{}</tbody></table>", lines.concat()),
    )
}

fn figures(tally: &Tally) -> [(&'static str, &Figure); 6] {
    [
        ("按时 met", &tally.met),
        ("等配件 waited", &tally.met_after_pause),
        ("口头 word", &tally.on_word),
        ("超时 missed", &tally.missed),
        ("关闭 closed", &tally.closed),
        ("计时中 running", &tally.running),
    ]
}

fn total(tally: &Tally) -> usize {
    figures(tally).iter().map(|(_, figure)| figure.count).sum()
}

pub(super) fn section(zh: &str, en: &str, body: &str) -> String {
    format!("<section><h2>{zh} <span class=\"en\">{en}</span></h2>{body}</section>")
}

pub(super) fn empty(zh: &str, en: &str, says: &str, in_english: &str) -> String {
    section(zh, en, &format!("<p class=\"empty\">{says} · {in_english}</p>"))
}

pub(super) fn head(columns: &[(&str, &str, &str)]) -> String {
    let cells: Vec<String> = columns
        .iter()
        .map(|(class, zh, en)| format!("<th class=\"{class}\">{zh}<br>{en}</th>"))
        .collect();
    format!("<thead><tr>{}</tr></thead>", cells.concat())
}

fn legend(entries: &[(&str, &str)]) -> String {
    let entries: Vec<String> = entries
        .iter()
        .map(|(look, says)| format!("<span>{}{says}</span>", chart::swatch(look)))
        .collect();
    format!("<div class=\"legend\">{}</div>", entries.concat())
}

pub(super) fn named(first: &str, second: &str) -> String {
    format!("<span class=\"name\">{first}<span class=\"en\">{second}</span></span>")
}

pub(super) fn count(figure: &Figure) -> String {
    let look = if figure.count == 0 { "n muted" } else { "n" };
    format!("<td class=\"{look}\">{}</td>", figure.count)
}

fn mean(mean: &Mean) -> String {
    let hours = mean.hours.map_or("—".to_owned(), hours_text);
    format!("<td class=\"n\">{hours}</td>")
}

pub(super) fn clock(clock: &str) -> &'static str {
    match clock {
        "respond" => "响应 respond",
        "arrive" => "到场 arrive",
        _ => "修复 resolve",
    }
}

pub(super) fn joined(tickets: &BTreeSet<String>) -> String {
    let tickets: Vec<String> = tickets.iter().map(|ticket| escaped(ticket)).collect();
    tickets.join(" ")
}
