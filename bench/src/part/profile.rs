//! Draws where the gateway's time goes under ten times the campus's load: a flame graph, from what `perf` sampled.

use std::process::Command;
use std::time::Duration;

use crate::flame::{Stacks, draw as draw_flames};
use crate::running::{Load, Running};
use crate::setting::Setting;
use crate::trouble::{Outcome, Trouble, While};

/// Samples a second; a number that nothing in the gateway beats with.
const FREQUENCY: u32 = 499;

pub(super) fn draw(setting: &Setting) -> Outcome<()> {
    let there = Command::new("perf").arg("--version").output();
    if !there.is_ok_and(|output| output.status.success()) {
        return Err(Trouble::new("`perf` is not there: install Debian's linux-perf"));
    }
    let load = Load::new(setting.part_of(1_000), Duration::from_millis(100));
    let running = Running::start(setting, "profile", load)?;
    let data = setting.folder.join("profile/perf.data");
    let process = running.gateway.process.id().to_string();
    let seconds = setting.window.as_secs().to_string();
    setting.tell(&format!("sampling the gateway for {seconds} s"));
    let recorded = Command::new("perf")
        .args(["record", "-q", "-F", &FREQUENCY.to_string()])
        .args(["--call-graph", "dwarf,16384", "-p", &process, "-o"])
        .arg(&data)
        .args(["--", "sleep", &seconds])
        .output()
        .during("perf record")?;
    drop(running);
    if !recorded.status.success() {
        let said = String::from_utf8_lossy(&recorded.stderr);
        return Err(Trouble::new(format!("perf record: {said}")));
    }
    setting.tell("reading the stacks; this takes a while");
    let script = Command::new("perf")
        .args(["script", "--no-inline", "-F", "comm,ip,sym", "-i"])
        .arg(&data)
        .output()
        .during("perf script")?;
    let stacks = Stacks::read(&String::from_utf8_lossy(&script.stdout));
    let file = setting.folder.join("flamegraph.svg");
    std::fs::write(&file, draw_flames(&stacks)).during(file.display())?;
    for (share, name) in stacks.heaviest(25) {
        println!("  {:5.1} %  {name}", share * 100.0);
    }
    println!("  drawn to {}", file.display());
    Ok(())
}
