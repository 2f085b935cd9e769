//! A report as one printable page in Chinese and English: self-contained, calm, and with the tickets behind every figure.

mod chart;
mod lists;
mod meters;
mod tables;

use super::{Period, Report, Subsystem};

const STYLE: &str = include_str!("style.css");

/// The page.
pub fn html(report: &Report) -> String {
    let days = report
        .period
        .parse::<Period>()
        .map_or(0, |period| period.days().len());
    let body = [
        chart::PATTERNS.to_owned(),
        "<main>".to_owned(),
        header(report),
        keys(report),
        tables::availability(report, days),
        tables::deadlines(report),
        lists::planned(report),
        lists::missed(report),
        lists::paused(report),
        lists::on_word(report),
        meters::meters(report),
        tables::repairs(report),
        tables::worst(report),
        tables::behind(report),
        footer(report),
        "</main>".to_owned(),
    ];
    format!(
        "<!doctype html>\n<html lang=\"zh-CN\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{} {} 服务报告</title><style>{STYLE}</style></head><body>{}</body></html>\n",
        escaped(&report.site_name),
        report.period,
        body.concat()
    )
}

fn header(report: &Report) -> String {
    let so_far = if report.complete {
        String::new()
    } else {
        " · 截至制表时 <span class=\"en\">so far</span>".to_owned()
    };
    format!(
        "<header><h1>{} 服务报告 <span class=\"en\">Service report</span> {}</h1><p>{} — {}{so_far} · 制表 <span class=\"en\">made</span> {}</p></header>",
        escaped(&report.site_name),
        report.period,
        minute(&report.from),
        minute(&report.to),
        minute(&report.made_at)
    )
}

/// The figures that people look for first.
fn keys(report: &Report) -> String {
    let mut keys = vec![
        key(
            &percent(report.deadlines.all.kept_percent),
            "时限达成",
            "deadlines kept",
            bad(report.deadlines.all.missed.count > 0),
        ),
        key(
            &format!("{} <small>次</small>", report.deadlines.all.missed.count),
            "超时",
            "deadlines missed",
            bad(report.deadlines.all.missed.count > 0),
        ),
    ];
    for subsystem in report
        .availability
        .iter()
        .filter(|subsystem| subsystem.target_percent.is_some())
    {
        keys.push(key(
            &percent(subsystem.durations.availability_percent),
            &format!("{}可用率", escaped(&subsystem.name.zh)),
            &format!("{} available", subsystem.name.en.to_lowercase()),
            match subsystem.verdict {
                Some("missed") => Look::Bad,
                Some("not_proven") => Look::Doubt,
                _ => Look::Calm,
            },
        ));
    }
    let repair = report.repairs.all.repair.hours;
    let repair = repair.map_or("—".to_owned(), |hours| {
        format!("{} <small>小时</small>", hours_text(hours))
    });
    keys.push(key(&repair, "平均修复", "mean hours to repair", Look::Calm));
    format!("<div class=\"keys\">{}</div>", keys.concat())
}

/// How a figure looks: colour only for what needs somebody, and never colour alone.
#[derive(Clone, Copy)]
enum Look {
    Calm,
    Doubt,
    Bad,
}

fn bad(is_bad: bool) -> Look {
    if is_bad { Look::Bad } else { Look::Calm }
}

fn key(value: &str, zh: &str, en: &str, look: Look) -> String {
    let (class, mark, doubt) = match look {
        Look::Calm => ("", "", ""),
        Look::Doubt => (" class=\"doubt\"", chart::QUESTION, " · 未证实 not proven"),
        Look::Bad => (" class=\"bad\"", chart::OCTAGON, ""),
    };
    format!(
        "<div class=\"key\"><b{class}>{value}</b><span>{mark}{zh} <span class=\"en\">{en}</span>{doubt}</span></div>"
    )
}

fn footer(report: &Report) -> String {
    let head = report.journal_head.as_deref().map_or_else(String::new, |head| {
        format!("<br>日志链头 journal head: {}", escaped(head))
    });
    format!(
        "<footer>未知时间单独列出,不算正常 · Unknown time is shown apart and never counts as fine. \
         等待配件、凭口头停钟均单列 · Clocks that waited for parts or stopped on a person's word are shown apart. {}{head}</footer>",
        escaped(&report.site)
    )
}

/// How a target was kept, with the shape of what needs somebody.
fn verdict(subsystem: &Subsystem) -> String {
    match subsystem.verdict {
        Some("kept") => "达标 <span class=\"en\">kept</span>".to_owned(),
        Some("not_proven") => {
            format!(
                "<span class=\"doubt\">{}未证实 not proven</span>",
                chart::QUESTION
            )
        }
        Some("missed") => format!("<span class=\"bad\">{}未达标 missed</span>", chart::OCTAGON),
        _ => "<span class=\"muted\">—</span>".to_owned(),
    }
}

/// Percent, rounded away from a perfection that was not there.
fn percent(value: Option<f64>) -> String {
    match value {
        None => "—".to_owned(),
        Some(value) if value >= 100.0 => "100 <small>%</small>".to_owned(),
        Some(value) => format!("{:.2} <small>%</small>", (value * 100.0).floor() / 100.0),
    }
}

fn hours_text(hours: f64) -> String {
    if hours > 0.0 && hours < 0.01 {
        "&lt;0.01".to_owned()
    } else {
        format!("{hours:.2}")
    }
}

/// A moment as people read it: `2026-11-24 14:32`.
fn minute(at: &str) -> String {
    at.get(..16).unwrap_or(at).replace('T', " ")
}

/// Text that people typed, as HTML.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_just_below_all_of_the_time_is_not_shown_as_all_of_it() {
        assert_eq!(percent(Some(100.0)), "100 <small>%</small>");
        assert_eq!(percent(Some(99.9999)), "99.99 <small>%</small>");
        assert_eq!(percent(None), "—");
    }

    #[test]
    fn what_people_typed_is_text_and_never_markup() {
        assert_eq!(
            escaped("<img src=x onerror=\"a('b')\">"),
            "&lt;img src=x onerror=&quot;a(&#39;b&#39;)&quot;&gt;"
        );
    }
}
