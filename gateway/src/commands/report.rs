//! `report`: the service report of a site, read beside a gateway that may be running.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use gateway::report::{Evidence, Period, Report, csv, html};
use gateway::store::RecordsReader;
use gateway::tickets::WorkCalendar;
use jiff::Timestamp;

use super::{NOT_STARTED, WRONG, site};

/// How a report is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Format {
    /// Every figure with the tickets behind it.
    Json,
    /// A page to print.
    Html,
    /// One figure a line, for a spreadsheet.
    Csv,
}

/// Prints a site's report.
pub fn run(path: &Path, data: Option<PathBuf>, period: Period, format: Format) -> u8 {
    let checked = match site::read(path, site::environment()) {
        Ok(checked) => checked,
        Err(reason) => return failed(WRONG, &reason),
    };
    if !checked.faults.is_empty() {
        site::print_faults(&checked.faults);
        let faults = checked.faults.len();
        return failed(WRONG, &format!("{}: {faults} faults in the site", path.display()));
    }
    let data = data.unwrap_or_else(|| path.join("data"));
    let now = Timestamp::now();
    let evidence = RecordsReader::open(&data)
        .and_then(|records| Evidence::read(&records, &checked.site, &checked.rules, period));
    let evidence = match evidence {
        Ok(evidence) => evidence,
        Err(error) => {
            let next = "give the folder of a gateway that has run here with --data";
            return failed(NOT_STARTED, &format!("{error}: {next}"));
        }
    };
    let site = &checked.site;
    let calendar = WorkCalendar::new(site.standard.calendar.clone(), site.timezone.clone());
    let report = Report::of(site, &calendar, period, &evidence, now);
    let text = match format {
        Format::Html => html(&report),
        Format::Csv => csv(&report),
        Format::Json => match serde_json::to_string_pretty(&report) {
            Ok(text) => text + "\n",
            Err(error) => return failed(WRONG, &format!("the report as JSON: {error}")),
        },
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => 0,
        Err(error) => failed(WRONG, &format!("standard output: {error}")),
    }
}

fn failed(code: u8, reason: &str) -> u8 {
    eprintln!("facility-gateway: {reason}");
    code
}
