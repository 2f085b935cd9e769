//! How long people wait with 100,000 tickets and ten years of journal: asked of the gateway as a page asks.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan};

use crate::figures::Target::AtMost;
use crate::figures::{Figure, Figures};
use crate::gateway::{Gateway, beside_own};
use crate::http;
use crate::process::Core;
use crate::running::fresh_folder;
use crate::setting::Setting;
use crate::trouble::{Outcome, Trouble, While};

const TICKETS: usize = 100_000;
/// The 99th percentile of fewer would be one of them.
const ROUNDS: usize = 300;
/// A ticket must be open so soon, and whatever is looked at must be there so soon: in milliseconds, at the 99th percentile.
const OPENS_MS: f64 = 10.0;
const ANSWERS_MS: f64 = 200.0;

pub(super) fn measure(setting: &Setting, figures: &mut Figures) -> Outcome<()> {
    let folder = fresh_folder(setting, "tickets")?;
    let (site, data) = (folder.join("site"), folder.join("data"));
    write_site(&site)?;
    let tickets = setting.part_of(TICKETS);
    fill(&site, &data, tickets)?;
    setting.tell(&format!("{tickets} tickets are written"));
    let starting = Instant::now();
    let gateway = Gateway::start(&folder, Core::Any)?;
    let started = starting.elapsed();
    // What ran out in the ten years is announced first.
    setting.wait_quietly();

    let asked = |body: &str| {
        format!(
            "POST /api/v1/tickets HTTP/1.0\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let opening = asked(r#"{"standard":"elevator","summary":"电梯门不关","by":"bench"}"#);
    let old = tickets / 3;
    let now = Timestamp::now().to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
    let month = |ago: i64| {
        let day = now.saturating_sub(ago.months());
        get(&format!(
            "/api/v1/report?month={:04}-{:02}",
            day.year(),
            day.month()
        ))
    };
    let first_page = http::get(&gateway.address, "/api/v1/tickets?limit=1")?;
    let newest = newest_number(&first_page).during("the newest ticket's number")?;
    let asks = [
        ("a ticket opens", opening, 201, OPENS_MS),
        (
            "the newest 1,000 tickets",
            get("/api/v1/tickets"),
            200,
            ANSWERS_MS,
        ),
        (
            "1,000 tickets of years ago",
            get(&format!("/api/v1/tickets?after=T-2020-{old:06}")),
            200,
            ANSWERS_MS,
        ),
        (
            "one ticket",
            get(&format!("/api/v1/tickets/{newest}")),
            200,
            ANSWERS_MS,
        ),
        (
            "a device's record",
            get("/api/v1/devices/fire-main-1/record"),
            200,
            ANSWERS_MS,
        ),
        ("this month's report", month(0), 200, ANSWERS_MS),
        ("the report of a year ago", month(12), 200, ANSWERS_MS),
        (
            "the report of two and a half years ago",
            month(30),
            200,
            ANSWERS_MS,
        ),
    ];
    for (what, request, status, most) in asks {
        let mut times = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            http::exchange(&gateway.address, &request, status)?;
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        figures.add(&Figure::new(format!("{what}, median"), at(&times, 50), "ms"));
        let worst = Figure::new(format!("{what}, 99th percentile"), at(&times, 99), "ms");
        figures.add(&worst.target(AtMost(most)));
    }
    figures.add(&Figure::new("ready after", started.as_secs_f64() * 1e3, "ms"));
    figures.add(&Figure::new("memory", gateway.process.resident_mb()?, "MB"));
    gateway.stop();
    verify(&data, figures)
}

/// The demo's site with every device out of service: nothing is polled, and no alarm opens tickets of its own.
fn write_site(folder: &Path) -> Outcome<()> {
    for file in model::demo_site() {
        let path = folder.join(&file.path);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).during(parent.display())?;
        let text = match file.path.as_str() {
            "devices.csv" => file.text.replace(",true\n", ",false\n"),
            "gateway.toml" => file.text.replace("127.0.0.1:8080", "127.0.0.1:0"),
            // The plan would open a ticket on some days and not on others.
            "planned.toml" => String::new(),
            _ => file.text.clone(),
        };
        std::fs::write(&path, text).during(path.display())?;
    }
    Ok(())
}

fn fill(site: &Path, data: &Path, tickets: usize) -> Outcome<()> {
    let program = beside_own("examples/fill_records", "--example fill_records")?;
    let filled = Command::new(&program)
        .arg(site)
        .arg(data)
        .arg(tickets.to_string())
        .status();
    let status = filled.during(program.display())?;
    if status.success() {
        Ok(())
    } else {
        Err(Trouble::new(format!("{}: {status}", program.display())))
    }
}

/// Whether the journal holds after all of it, and how long following it takes.
fn verify(data: &Path, figures: &mut Figures) -> Outcome<()> {
    let program = beside_own("facility-gateway", "")?;
    let begun = Instant::now();
    let said = Command::new(&program)
        .args(["journal", "verify", "--data"])
        .arg(data)
        .output();
    let said = said.during(program.display())?;
    if !said.status.success() {
        return Err(Trouble::new(String::from_utf8_lossy(&said.stderr).into_owned()));
    }
    figures.add(&Figure::new(
        "the whole journal is verified",
        begun.elapsed().as_secs_f64() * 1e3,
        "ms",
    ));
    Ok(())
}

/// As a browser asks: it takes gzip.
fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.0\r\nHost: bench\r\nAccept-Encoding: gzip\r\n\r\n")
}

fn newest_number(list: &str) -> Option<String> {
    let (_, rest) = list.split_once("\"id\":\"")?;
    Some(rest.split_once('"')?.0.to_owned())
}

fn at(sorted: &[Duration], percent: usize) -> f64 {
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted
        .get(index)
        .map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_99th_percentile_of_300_is_the_298th() {
        let times: Vec<_> = (1..=300).map(Duration::from_millis).collect();
        assert_eq!((at(&times, 50), at(&times, 99)), (151.0, 298.0));
    }

    #[test]
    fn the_site_that_is_measured_has_no_fault_and_polls_nothing() {
        let folder = std::env::temp_dir().join(format!("bench-tickets-{}", std::process::id()));
        write_site(&folder).unwrap();
        let loading = model::load(&model::Folder::read(&folder).unwrap(), []);
        assert_eq!(loading.faults, []);
        assert!(loading.site.devices.values().all(|device| !device.in_service));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
