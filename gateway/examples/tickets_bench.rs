//! Fills `records.db` with a hundred thousand tickets and ten years of journal, and measures what people wait for.
//!
//! `cargo run --release -p gateway --example tickets_bench -- [TICKETS] [FOLDER]` prints one line a measure:
//! `ticket_open_ms p50=… p99=… limit=10 ok`. It exits with 1 when a limit does not hold.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use gateway::desk::{Draft, Report, State};
use gateway::store::{Records, RecordsReader, StoreError};
use gateway::tickets::{Action, Said, Ticket, TicketBook, WorkCalendar};
use gateway::view::TicketView;
use jiff::{SignedDuration, Timestamp};
use model::{Folder, Severity, Site, Text};

const TICKETS: u64 = 100_000;
/// So many tickets are written at once while filling.
const AT_ONCE: u64 = 1_000;
const YEARS: i64 = 10;
const ROWS: [&str; 6] = [
    "elevator",
    "lighting",
    "water-supply",
    "repair-report",
    "complaint",
    "complaint-severe",
];
const ROUNDS: usize = 200;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let tickets = arguments
        .next()
        .and_then(|count| count.parse().ok())
        .unwrap_or(TICKETS);
    let result = match arguments.next() {
        Some(folder) => measured(Path::new(&folder), tickets),
        None => match tempfile::tempdir() {
            Ok(folder) => measured(folder.path(), tickets),
            Err(error) => {
                eprintln!("tickets_bench: a temporary folder: {error}");
                return ExitCode::from(3);
            }
        },
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("tickets_bench: {error}");
            ExitCode::from(3)
        }
    }
}

fn measured(folder: &Path, tickets: u64) -> Result<bool, StoreError> {
    let site = model::load(&Folder::demo(), []).site;
    let calendar = WorkCalendar::new(site.standard.calendar.clone(), site.timezone.clone());
    let now = Timestamp::now();
    let mut records = Records::open(folder)?;
    let filling = Instant::now();
    fill(&mut records, &site, &calendar, tickets, now)?;
    println!(
        "filled {tickets} tickets in {:.1} s",
        filling.elapsed().as_secs_f64()
    );

    let reader = records.reader()?;
    let opened = opens(&mut records, &site, &calendar, now)?;
    let listed = times(|| {
        let tickets = reader.tickets(None, 1_000)?;
        let shown: Vec<_> = tickets
            .iter()
            .map(|ticket| TicketView::new(ticket, &calendar, now))
            .collect();
        std::hint::black_box(serde_json::to_string(&shown).unwrap_or_default().len());
        Ok(())
    })?;
    let one = times(|| reader.ticket(&format!("T-2020-{:06}", tickets / 3)).map(|_| ()))?;
    let started = Instant::now();
    let kept = records.kept(now)?;
    println!(
        "kept_ms {} ({} tickets)",
        started.elapsed().as_millis(),
        kept.tickets.len()
    );
    let verifying = Instant::now();
    match RecordsReader::open(folder)?.verify_journal(None) {
        Ok(verified) => println!(
            "journal_verify_ms {} ({} records)",
            verifying.elapsed().as_millis(),
            verified.head.records
        ),
        Err(error) => println!("journal_verify failed: {error}"),
    }
    let held = [
        told("ticket_open_ms", opened, 10.0),
        told("ticket_list_1000_ms", listed, 200.0),
        told("ticket_show_ms", one, 200.0),
    ];
    Ok(held.into_iter().all(|held| held))
}

/// Ten years of tickets by hand, each taken, reached, resolved and closed but for the newest.
fn fill(
    records: &mut Records,
    site: &Site,
    calendar: &WorkCalendar,
    tickets: u64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let between =
        SignedDuration::from_secs(YEARS * 365 * 86_400 / i64::try_from(tickets.max(1)).unwrap_or(1));
    let mut at = now - SignedDuration::from_hours(24 * 365 * YEARS);
    let mut written = 0;
    while written < tickets {
        let state = State {
            tickets: TicketBook::new([], written),
            ..State::default()
        };
        let mut draft = Draft::new(&state, &site.standard, calendar);
        for number in written..(written + AT_ONCE).min(tickets) {
            at += between;
            if let Some(ticket) = draft.report(report(site, number), at)
                && number + 200 < tickets
            {
                lives(&mut draft, ticket, at);
            }
        }
        let mut change = draft.finish(at);
        // Nobody is to be told of what is only made up.
        change.notices.clear();
        records.commit(&change)?;
        written += AT_ONCE;
    }
    Ok(())
}

fn lives(draft: &mut Draft<'_>, mut ticket: Ticket, opened_at: Timestamp) {
    let actions = [
        Action::Accept,
        Action::Arrive,
        Action::Resolve { reason: None },
        Action::Close,
    ];
    for (minutes, action) in (5..).step_by(7).zip(actions) {
        let at = opened_at + SignedDuration::from_mins(minutes);
        match draft.act(&ticket, &action, &Said::by("Li"), at) {
            Ok(acted) => ticket = acted,
            Err(refusal) => eprintln!("tickets_bench: {}: {refusal}", ticket.id),
        }
    }
}

fn report(site: &Site, number: u64) -> Report {
    let index = usize::try_from(number).unwrap_or(0);
    let devices: Vec<_> = site.devices.values().collect();
    let row = ROWS.get(index % ROWS.len()).copied().unwrap_or("elevator");
    Report {
        standard: row.to_owned(),
        device: devices
            .get(index % devices.len().max(1))
            .map(|device| device.id.clone()),
        severity: Severity::Medium,
        summary: Text::new("三号楼电梯门不关", "The elevator's door in building 3 stays open"),
        reporter: None,
        by: "Wang".to_owned(),
    }
}

/// Opens tickets one by one, each on the disk before the next.
fn opens(
    records: &mut Records,
    site: &Site,
    calendar: &WorkCalendar,
    now: Timestamp,
) -> Result<Vec<Duration>, StoreError> {
    let kept = records.kept(now)?;
    let mut state = State {
        tickets: TicketBook::new(kept.tickets, kept.last_number),
        ..State::default()
    };
    times(|| {
        let mut draft = Draft::new(&state, &site.standard, calendar);
        draft.report(report(site, state.tickets.next_number()), now);
        draft.clocks(now);
        let change = draft.finish(now);
        records.commit(&change)?;
        state.apply(&change);
        Ok(())
    })
}

fn times(mut work: impl FnMut() -> Result<(), StoreError>) -> Result<Vec<Duration>, StoreError> {
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let started = Instant::now();
        work()?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}

fn told(what: &str, times: Vec<Duration>, limit_ms: f64) -> bool {
    let at = |share: usize| {
        let index = (times.len() * share / 100).min(times.len().saturating_sub(1));
        times
            .get(index)
            .map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
    };
    let held = at(99) < limit_ms;
    let verdict = if held { "ok" } else { "TOO SLOW" };
    println!(
        "{what} p50={:.2} p99={:.2} limit={limit_ms} {verdict}",
        at(50),
        at(99)
    );
    held
}
