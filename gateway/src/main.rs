//! The command line.

mod commands;
mod memory;

use std::process::ExitCode;

use clap::Parser;

use commands::Command;

/// The facility-monitoring gateway: from devices to tickets with deadlines.
#[derive(Parser)]
#[command(name = "facility-gateway", version, about, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    memory::give_back_what_is_freed();
    let arguments = Arguments::parse();
    // Before anything can use TLS: two providers are compiled in by what we depend on, and rustls refuses to choose.
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        eprintln!("facility-gateway: TLS was set up twice; report this");
    }
    commands::run(arguments.command)
}
