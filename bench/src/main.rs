//! The benchmark: measures the gateway under a campus's load, beside references that are measured in the same run.
//!
//! `make bench` runs all parts; `cargo run --release -p bench -- load mqtt` runs those. Figures are medians of several windows; where
//! there is a reference they are told as a ratio to it, since absolute figures of a shared machine mean little. Everything else that it
//! needs is a real process: the gateway's release binary, VictoriaMetrics, mosquitto, python3, and a farm of devices, which is this
//! program again.

mod broker;
mod farm;
mod figures;
mod flame;
mod gateway;
mod http;
mod line;
mod part;
mod process;
mod running;
mod setting;
mod sink;
mod site;
mod trouble;
mod victoria;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use farm::FarmShape;
use figures::Figures;
use part::Part;
use setting::Setting;
use trouble::{Outcome, While};

/// Measures the gateway under load, beside references measured in the same run.
#[derive(Parser)]
#[command(name = "bench", about, subcommand_negates_reqs = true)]
struct Arguments {
    #[command(subcommand)]
    other: Option<Other>,
    /// What to measure; everything but `stay` and the profile unless given.
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// Windows of each figure, whose median counts.
    #[arg(long, default_value_t = 3)]
    windows: usize,
    /// Seconds of each window.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// The share of all devices and messages; below 1 only the benchmark itself is tried.
    #[arg(long, default_value_t = 1.0)]
    share: f64,
    /// Seconds for which the database is away.
    #[arg(long, default_value_t = 60)]
    outage: u64,
    /// Where sites, data, logs and bench.json go.
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
}

#[derive(Subcommand)]
enum Other {
    /// Serves simulated devices; the benchmark starts it by itself.
    #[command(hide = true)]
    Farm(FarmShape),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.other {
        Some(Other::Farm(shape)) => farm::run(shape).map(|()| 0),
        None => measure(arguments),
    };
    match done {
        Ok(0) => ExitCode::SUCCESS,
        Ok(missed) => {
            println!("\n{missed} targets were missed");
            ExitCode::FAILURE
        }
        Err(trouble) => {
            eprintln!("bench: {trouble}");
            ExitCode::from(3)
        }
    }
}

/// Measures the parts one after another; returns how many targets were missed. A part that cannot be measured does not stop the others.
fn measure(arguments: Arguments) -> Outcome<usize> {
    std::fs::create_dir_all(&arguments.folder).during(arguments.folder.display())?;
    let setting = Setting {
        folder: arguments
            .folder
            .canonicalize()
            .during(arguments.folder.display())?,
        windows: arguments.windows.max(1),
        window: Duration::from_secs(arguments.seconds.max(1)),
        share: arguments.share.clamp(0.001, 1.0),
        outage: Duration::from_secs(arguments.outage.max(1)),
    };
    let parts = if arguments.parts.is_empty() {
        Part::USUAL.to_vec()
    } else {
        arguments.parts
    };
    let mut figures = Figures::default();
    let mut troubles = 0;
    for part in parts {
        figures.begin(part.name());
        if let Err(trouble) = part.measure(&setting, &mut figures) {
            eprintln!("  {}: {trouble}", part.name());
            troubles += 1;
        }
        figures.write(&setting.folder.join("bench.json"))?;
    }
    println!("\nWritten to {}", setting.folder.join("bench.json").display());
    Ok(figures.missed() + troubles)
}
