//! What each command does: one file a command.

mod check;
mod demo;
mod export;
mod journal;
mod probe;
mod report;
mod rules;
mod run;
mod simulate;
mod site;
mod ticket;

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Subcommand};
use gateway::journal::Hash;
use gateway::report::Period;
use tokio_util::sync::CancellationToken;
use tracing::level_filters::LevelFilter;
use tracing::{Level, warn};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Shows everything: the demo site (or yours) simulated, with the gateway, until Ctrl-C.
    Demo {
        /// Your site's folder; the demo site unless given.
        #[arg(long, value_name = "DIR")]
        site: Option<PathBuf>,
        /// Where the gateway listens; a free port unless given.
        #[arg(long, value_name = "ADDR")]
        listen: Option<SocketAddr>,
        /// Where the simulator's control API listens; a free port unless given.
        #[arg(long, value_name = "ADDR")]
        control: Option<SocketAddr>,
        /// Where the gateway keeps its data; a fresh temporary folder unless given.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// Runs the gateway for a site.
    Run {
        /// The site's folder.
        #[arg(long, value_name = "DIR")]
        site: PathBuf,
        /// Where the gateway keeps its data; the folder `data` in the site's unless given.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Ends when standard input does: for a parent that may be killed.
        #[arg(long, hide = true)]
        end_with_input: bool,
    },
    /// Says everything that is wrong with a site.
    Check {
        /// The site's folder.
        #[arg(long, value_name = "DIR")]
        site: PathBuf,
    },
    /// Prints recorded readings as CSV; works beside a running gateway.
    Export {
        /// The site's folder.
        #[arg(long, value_name = "DIR")]
        site: PathBuf,
        /// Its data folder; the folder `data` in the site's unless given.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// From this time on, such as 2026-11-24T08:00:00+08:00.
        #[arg(long, value_name = "T")]
        from: jiff::Timestamp,
        /// Up to and without this time.
        #[arg(long, value_name = "T")]
        to: jiff::Timestamp,
        /// Only of this device.
        #[arg(long, value_name = "ID")]
        device: Option<String>,
    },
    /// Prints the service report of a month or a quarter, beside a gateway that may be running.
    #[command(group = ArgGroup::new("period").required(true))]
    Report {
        /// The site's folder.
        #[arg(long, value_name = "DIR")]
        site: PathBuf,
        /// Where the gateway keeps its data; the folder `data` in the site's unless given.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// A month.
        #[arg(long, value_name = "YYYY-MM", group = "period", value_parser = month)]
        month: Option<Period>,
        /// A quarter.
        #[arg(long, value_name = "YYYY-Qn", group = "period", value_parser = quarter)]
        quarter: Option<Period>,
        /// How it is written.
        #[arg(long, value_enum, default_value = "json")]
        format: report::Format,
    },
    /// Serves every device of a site as a simulated one, until Ctrl-C.
    Simulate {
        /// The site's folder.
        #[arg(long, value_name = "DIR")]
        site: PathBuf,
        /// Moves every connection to free loopback ports, and writes the moved site to this folder.
        #[arg(long, value_name = "OUT")]
        local: Option<PathBuf>,
        /// Where the control API listens; it is off unless given.
        #[arg(long, value_name = "ADDR")]
        control: Option<SocketAddr>,
        /// Appends a JSON line for each answered read and each published message.
        #[arg(long, value_name = "FILE")]
        served: Option<PathBuf>,
        /// Ends when standard input does: for a parent that may be killed.
        #[arg(long, hide = true)]
        end_with_input: bool,
    },
    /// Reads what an undocumented Modbus device has, says what it may mean, and writes a profile to start from.
    Probe {
        /// `modbus+tcp://host:port`, `modbus+rtu:///dev/ttyS1?baud=9600&parity=even`, or another Modbus link.
        url: String,
        /// The unit behind it.
        #[arg(long, value_name = "N", default_value_t = 1)]
        unit: u8,
        /// The first register of each table, from zero.
        #[arg(long, value_name = "A", default_value_t = 0)]
        from: u16,
        /// The last one.
        #[arg(long, value_name = "B", default_value_t = 255)]
        to: u16,
        /// How long one answer may take, in milliseconds.
        #[arg(long, value_name = "MS", default_value_t = 1000)]
        timeout: u64,
        /// For `modbus+tls://`: the authorities to trust, in PEM; without it those that the system trusts.
        #[arg(long, value_name = "FILE")]
        ca: Option<PathBuf>,
        /// For `modbus+tls://`: our own certificate with its chain, in PEM.
        #[arg(long, value_name = "FILE", requires = "key")]
        cert: Option<PathBuf>,
        /// The private key of `--cert`, in PEM.
        #[arg(long, value_name = "FILE", requires = "cert")]
        key: Option<PathBuf>,
        /// Writes a profile to start from to this file.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Rules, on written samples and on recorded ones.
    #[command(subcommand)]
    Rules(rules::RulesCommand),
    /// The journal of what happened.
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Tickets, at a gateway that runs.
    #[command(subcommand)]
    Ticket(TicketCommand),
}

/// What is done with the journal.
#[derive(Subcommand)]
pub enum JournalCommand {
    /// Proves that nothing was changed or removed; works beside a running gateway.
    Verify {
        /// The gateway's data folder.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// A head that was kept elsewhere, from a report or a handover: shows that the end was not cut off.
        #[arg(long, value_name = "HASH")]
        head: Option<Hash>,
    },
}

/// What is done with tickets.
#[derive(Subcommand)]
pub enum TicketCommand {
    /// Opens a ticket, as somebody who reports something does on the page.
    Open(ticket::Open),
}

fn month(text: &str) -> Result<Period, String> {
    let period: Period = text.parse()?;
    match period {
        Period::Month { .. } => Ok(period),
        _ => Err(format!("`{text}` is no month: write it as 2026-11")),
    }
}

fn quarter(text: &str) -> Result<Period, String> {
    let period: Period = text.parse()?;
    match period {
        Period::Quarter { .. } => Ok(period),
        _ => Err(format!("`{text}` is no quarter: write it as 2026-Q4")),
    }
}

/// Exit codes of the contract: what was asked about is wrong; could not start. Clap itself exits with 2 for usage.
const WRONG: u8 = 1;
const NOT_STARTED: u8 = 3;

/// Does what was asked.
pub fn run(command: Command) -> ExitCode {
    let code = match command {
        Command::Journal(JournalCommand::Verify { data, head }) => journal::verify(&data, head),
        Command::Ticket(TicketCommand::Open(open)) => blocking(false, |_| ticket::open(open)),
        Command::Rules(command) => rules::run(command),
        Command::Check { site } => check::run(&site),
        Command::Export {
            site,
            data,
            from,
            to,
            device,
        } => export::run(&export::Asked {
            site,
            data,
            from,
            to,
            device,
        }),
        Command::Report {
            site,
            data,
            month,
            quarter,
            format,
        } => match month.or(quarter) {
            Some(period) => report::run(&site, data, period, format),
            None => WRONG,
        },
        Command::Run {
            site,
            data,
            end_with_input,
        } => {
            start_logging();
            blocking(end_with_input, |stop| run::run(site, data, stop))
        }
        Command::Simulate {
            site,
            local,
            control,
            served,
            end_with_input,
        } => {
            start_logging();
            let options = simulator::Options {
                local,
                control,
                served,
            };
            blocking(end_with_input, |stop| simulate::run(site, options, stop))
        }
        Command::Probe {
            url,
            unit,
            from,
            to,
            timeout,
            ca,
            cert,
            key,
            out,
        } => {
            let timeout = std::time::Duration::from_millis(timeout.max(1));
            let wanted = probe::Wanted {
                url,
                unit,
                from,
                to,
                timeout,
                tls: probe::TlsFiles { ca, cert, key },
                out,
            };
            blocking(false, |_| probe::run(wanted))
        }
        Command::Demo {
            site,
            listen,
            control,
            data,
        } => blocking(false, |stop| {
            demo::run(
                demo::Asked {
                    site,
                    listen,
                    control,
                    data,
                },
                stop,
            )
        }),
    };
    ExitCode::from(code)
}

/// Runs a command on a runtime of its own, until it ends or is asked to by Ctrl-C, SIGTERM, or its parent's end.
fn blocking<F: Future<Output = u8>>(end_with_input: bool, work: impl FnOnce(CancellationToken) -> F) -> u8 {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return not_started(&format!("the async runtime: {error}")),
    };
    let stop = CancellationToken::new();
    if end_with_input {
        let stop = stop.clone();
        // A thread, not a task: nothing can interrupt a read of standard input, and nothing need wait for it.
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            stop.cancel();
        });
    }
    runtime.block_on(async {
        let signalled = stop.clone();
        tokio::spawn(async move {
            wait_for_signal().await;
            signalled.cancel();
        });
        work(stop).await
    })
}

async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

/// Logs to standard error, `info` and worse unless `RUST_LOG` says otherwise: a level, or `TARGET=LEVEL` with commas between.
fn start_logging() {
    let usual = Targets::new()
        .with_default(Level::INFO)
        .with_target("rumqttd", LevelFilter::OFF);
    let wanted = std::env::var("RUST_LOG")
        .ok()
        .map(|wanted| wanted.parse::<Targets>());
    let (filter, fault) = match wanted {
        Some(Ok(wanted)) => (wanted, None),
        Some(Err(fault)) => (usual, Some(fault)),
        None => (usual, None),
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    tracing_subscriber::registry().with(lines).with(filter).init();
    if let Some(fault) = fault {
        warn!(%fault, "RUST_LOG is not understood, so info and worse are logged: write it as info,drivers=debug");
    }
}

/// Says why something could not start.
fn not_started(reason: &str) -> u8 {
    eprintln!("facility-gateway: could not start: {reason}");
    NOT_STARTED
}
