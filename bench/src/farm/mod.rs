//! The device farm: thousands of Modbus TCP devices in one cheap process that counts what it was asked.
//!
//! Each line (a connection's far end) has a loopback address of its own, 127.1.0.1 and up, all on one port; behind each answer as many
//! units as were asked for. A device has 100 holding registers (see [`registers`]). `serve` is the loop; `registers` and `tally`
//! are pure; `handle` is how the benchmark starts a farm and asks it.

mod handle;
pub mod registers;
mod serve;
mod tally;

pub use handle::{Farm, Tally};

use std::io::{BufRead, Write};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;

use crate::trouble::{Outcome, While};
use tally::Counting;

/// What a farm is.
#[derive(Args, Clone, Copy, Debug)]
pub struct FarmShape {
    /// Lines, each with an address of its own.
    #[arg(long, default_value_t = 1_000)]
    pub lines: usize,
    /// Units behind each line, numbered from 1.
    #[arg(long, default_value_t = 1)]
    pub units: usize,
    /// How long a device takes to answer, in milliseconds.
    #[arg(long, default_value_t = 0)]
    pub delay_ms: u64,
    /// The first so many lines accept, and never answer.
    #[arg(long, default_value_t = 0)]
    pub silent: usize,
}

impl FarmShape {
    /// So many devices that answer at once, each on a line of its own.
    pub fn of_devices(devices: usize) -> Self {
        Self {
            lines: devices,
            units: 1,
            delay_ms: 0,
            silent: 0,
        }
    }

    /// All of its devices.
    pub fn devices(&self) -> usize {
        self.lines * self.units
    }

    /// The address of a line.
    pub fn address(line: usize) -> Ipv4Addr {
        let byte = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
        Ipv4Addr::new(127, 1, byte(line / 250), byte(line % 250 + 1))
    }

    fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms)
    }
}

/// Serves a farm until standard input ends: prints `listening PORT`, and for each line `tally` what it was asked since the last `reset`.
///
/// # Errors
/// Its addresses cannot be listened at.
pub fn run(shape: FarmShape) -> Outcome<()> {
    let counting = Arc::new(Mutex::new(Counting::new(shape.devices(), Instant::now())));
    let (port, mut server) = serve::Server::listen(shape, Arc::clone(&counting))?;
    std::thread::spawn(move || {
        if let Err(trouble) = server.serve() {
            eprintln!("farm: {trouble}");
            std::process::exit(1);
        }
    });
    let mut out = std::io::stdout().lock();
    let mut say = |text: &str| {
        writeln!(out, "{text}")
            .and_then(|()| out.flush())
            .during("the farm's answer")
    };
    say(&format!("listening {port}"))?;
    for line in std::io::stdin().lock().lines() {
        let mut counting = counting.lock().unwrap_or_else(PoisonError::into_inner);
        match line.during("the farm's orders")?.trim() {
            "reset" => {
                counting.reset(Instant::now());
                drop(counting);
                say("done")?;
            }
            _ => {
                let tally = counting.tally(shape.silent * shape.units, Instant::now());
                drop(counting);
                say(&tally.to_json())?;
            }
        }
    }
    Ok(())
}
