//! What the printable report lists one by one: planned work, missed deadlines, waiting for parts, stops on a person's word.

use super::tables::{clock, count, empty, head, joined, named, section};
use super::{escaped, hours_text, minute};
use crate::report::Report;

/// Planned work; nothing where there was none.
pub fn planned(report: &Report) -> String {
    let planned = &report.planned;
    let figures = [
        ("按期完成", "Done in time", &planned.done),
        ("逾期", "Late", &planned.late),
        ("未到期", "Not due yet", &planned.open),
        ("补做的漏项", "Missed before, made up", &planned.made_up),
    ];
    if figures.iter().all(|(_, _, figure)| figure.count == 0) {
        return String::new();
    }
    let lines: Vec<String> = figures
        .into_iter()
        .map(|(zh, en, figure)| {
            format!(
                "<tr><td>{}</td>{}<td class=\"ids\">{}</td></tr>",
                named(zh, en),
                count(figure),
                joined(&figure.tickets)
            )
        })
        .collect();
    section(
        "计划工作",
        "Planned work",
        &format!("<table><tbody>{}</tbody></table>", lines.concat()),
    )
}

/// The deadlines that ran out.
pub fn missed(report: &Report) -> String {
    if report.missed.is_empty() {
        return empty("超时", "Missed deadlines", "本期无超时", "None in this period");
    }
    let lines: Vec<String> = report
        .missed
        .iter()
        .map(|missed| {
            let stopped = missed.stopped_at.as_deref().map_or("<span class=\"bad\">未停 overdue</span>".to_owned(), minute);
            format!(
                "<tr><td class=\"name\">{}</td><td class=\"note\">{}<span class=\"en\"> {}</span></td><td class=\"name\">{} {}</td><td class=\"name\">{}</td><td class=\"name\">{stopped}</td><td class=\"n bad\">{}</td><td class=\"name\">{}</td></tr>",
                missed.ticket,
                escaped(&missed.summary.zh),
                escaped(&missed.summary.en),
                clock(missed.clock),
                missed.target,
                minute(&missed.due),
                hours_text(missed.late_hours),
                escaped(missed.person.as_deref().unwrap_or("—"))
            )
        })
        .collect();
    let head = head(&[
        ("", "工单", "Ticket"),
        ("", "内容", "About"),
        ("", "时限", "Promise"),
        ("", "到期", "Due"),
        ("", "停钟", "Stopped"),
        ("n", "超时", "Late, h"),
        ("", "人员", "Person"),
    ]);
    section(
        "超时",
        "Missed deadlines",
        &format!("<table>{head}<tbody>{}</tbody></table>", lines.concat()),
    )
}

/// The clocks that waited for parts.
pub fn paused(report: &Report) -> String {
    if report.paused.is_empty() {
        return empty(
            "等待配件",
            "Waiting for parts",
            "本期没有停钟等待",
            "No clock waited in this period",
        );
    }
    let lines: Vec<String> = report
        .paused
        .iter()
        .map(|paused| {
            format!(
                "<tr><td class=\"name\">{}</td><td class=\"name\">{}</td><td class=\"name\">{} — {}</td><td class=\"n\">{}</td><td class=\"name\">{}</td><td class=\"note\">{}</td></tr>",
                paused.ticket,
                clock(paused.clock),
                minute(&paused.from),
                paused.to.as_deref().map_or("…".to_owned(), minute),
                hours_text(paused.hours),
                escaped(paused.by.as_deref().unwrap_or("—")),
                escaped(paused.notice.as_deref().unwrap_or("—"))
            )
        })
        .collect();
    let head = head(&[
        ("", "工单", "Ticket"),
        ("", "时限", "Promise"),
        ("", "停钟", "Paused"),
        ("n", "小时", "Hours"),
        ("", "人员", "By"),
        ("", "配件与告知业主", "Parts, and what the owners were told"),
    ]);
    section(
        "等待配件",
        "Waiting for parts",
        &format!("<table>{head}<tbody>{}</tbody></table>", lines.concat()),
    )
}

/// The clocks that stopped on a person's word.
pub fn on_word(report: &Report) -> String {
    if report.on_word.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = report
        .on_word
        .iter()
        .map(|stop| {
            format!(
                "<tr><td class=\"name\">{}</td><td>{}</td><td class=\"name\">{}</td><td>{}</td><td class=\"note\">{}</td></tr>",
                stop.ticket,
                clock(stop.clock),
                minute(&stop.at),
                escaped(&stop.by),
                escaped(stop.reason.as_deref().unwrap_or("—"))
            )
        })
        .collect();
    let head = head(&[
        ("", "工单", "Ticket"),
        ("", "时限", "Promise"),
        ("", "停钟", "Stopped"),
        ("", "人员", "By"),
        ("", "理由", "Reason"),
    ]);
    section(
        "凭口头停钟",
        "Stopped on a person's word",
        &format!("<table>{head}<tbody>{}</tbody></table>", lines.concat()),
    )
}
