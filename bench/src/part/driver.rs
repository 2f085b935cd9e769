//! Our driver's best rate, beside a bare socket loop that sends the same requests over as many connections and decodes nothing.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use drivers::Delivery;
use model::{Folder, Site};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::farm::registers::{ANSWER_BYTES, REQUEST_BYTES};
use crate::farm::{Farm, FarmShape};
use crate::figures::Target::RatioAtLeast;
use crate::figures::{Figure, Figures, median};
use crate::process::{Core, own_cpu_seconds};
use crate::running::fresh_folder;
use crate::setting::Setting;
use crate::site::FarmSite;
use crate::trouble::{Outcome, Trouble, While};

/// As many devices at the shortest interval as make the driver ask without a pause.
const SHAPE: FarmShape = FarmShape {
    lines: 50,
    units: 100,
    delay_ms: 0,
    silent: 0,
};
const INTERVAL: Duration = Duration::from_millis(10);
/// Turns in a window; the median of all of them counts.
const TURNS: u32 = 5;
const WARM_UP: Duration = Duration::from_millis(500);

pub(super) fn measure(setting: &Setting, figures: &mut Figures) -> Outcome<()> {
    let folder = fresh_folder(setting, "driver")?;
    let mut farm = Farm::start(SHAPE, Core::Any, &folder)?;
    // What the gateway counts with; it can be there once in a process.
    metrics_exporter_prometheus::PrometheusBuilder::new()
        .install_recorder()
        .during("the recorder of metrics")?;
    let site = site(&folder, farm.port)?;
    let mut turns = Vec::new();
    for window in 1..=setting.windows {
        let first = turns.len();
        for _ in 0..TURNS {
            let (bare, ours) = (
                bare_rate(setting, &mut farm)?,
                driver_rate(setting, &mut farm, &site)?,
            );
            turns.push(Turn { bare, ours });
        }
        let of_window = turns.get(first..).unwrap_or_default();
        setting.tell(&format!(
            "window {window} of {}: bare loop {:.0} requests/s of {:.1} us, driver {:.0} of {:.1} us",
            setting.windows,
            median_of(of_window, |turn| turn.bare.a_second),
            median_of(of_window, |turn| turn.bare.cpu_us),
            median_of(of_window, |turn| turn.ours.a_second),
            median_of(of_window, |turn| turn.ours.cpu_us)
        ));
    }
    let requests = Figure::new(
        "requests of the driver, decoded",
        median_of(&turns, |turn| turn.ours.a_second),
        "1/s",
    );
    let cost = Figure::new(
        "… processor time of each",
        median_of(&turns, |turn| turn.ours.cpu_us),
        "us",
    );
    let reference = "bare socket loop";
    figures.add(
        &requests
            .beside(median_of(&turns, |turn| turn.bare.a_second), reference)
            .target(RatioAtLeast(0.6)),
    );
    figures.add(&cost.beside(median_of(&turns, |turn| turn.bare.cpu_us), reference));
    Ok(())
}

/// Both, one right after the other, so that what neighbours on the machine take is taken from both.
struct Turn {
    bare: Rate,
    ours: Rate,
}

fn median_of(turns: &[Turn], of: fn(&Turn) -> f64) -> f64 {
    median(&turns.iter().map(of).collect::<Vec<_>>())
}

/// What was reached in one window.
struct Rate {
    /// Requests a second.
    a_second: f64,
    /// The processor time of each, in microseconds, which neighbours on the machine spoil less.
    cpu_us: f64,
}

fn site(folder: &Path, port: u16) -> Outcome<Arc<Site>> {
    let site = FarmSite {
        shape: SHAPE,
        port,
        interval: INTERVAL,
        database: None,
    };
    let folder = folder.join("site");
    site.write(&folder)?;
    let read = Folder::read(&folder).during("the driver's site")?;
    let model::Loading { site, faults } = model::load(&read, []);
    match faults.first() {
        Some(fault) => Err(Trouble::new(format!("the driver's own site: {fault}"))),
        None => Ok(Arc::new(site)),
    }
}

/// Both run on one core, and the farm on another.
fn runtime() -> Outcome<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .during("the async runtime")
}

async fn rate(setting: &Setting, farm: &mut Farm) -> Outcome<Rate> {
    tokio::time::sleep(WARM_UP).await;
    farm.reset()?;
    let before = own_cpu_seconds()?;
    tokio::time::sleep(setting.window / TURNS).await;
    let (after, tally) = (own_cpu_seconds()?, farm.tally()?);
    Ok(Rate {
        a_second: tally.rate(),
        cpu_us: (after - before) * 1_000_000.0 / tally.requests.max(1.0),
    })
}

fn bare_rate(setting: &Setting, farm: &mut Farm) -> Outcome<Rate> {
    runtime()?.block_on(async {
        let mut loops = JoinSet::new();
        for line in 0..SHAPE.lines {
            loops.spawn(ask_for_ever(line, farm.port));
        }
        let rate = rate(setting, farm).await?;
        match loops.try_join_next() {
            Some(_) => Err(Trouble::new("a bare loop ended: see farm.log")),
            None => Ok(rate),
        }
    })
}

async fn ask_for_ever(line: usize, port: u16) -> std::io::Result<()> {
    let mut stream = TcpStream::connect((FarmShape::address(line), port)).await?;
    stream.set_nodelay(true)?;
    let mut answer = [0; ANSWER_BYTES];
    let mut request: [u8; REQUEST_BYTES] = [0, 0, 0, 0, 0, 6, 1, 3, 0, 0, 0, 100];
    for number in 0_u16.. {
        let [high, low] = number.to_be_bytes();
        let unit = u8::try_from(usize::from(number) % SHAPE.units + 1).unwrap_or(1);
        for (place, byte) in [(0, high), (1, low), (6, unit)] {
            if let Some(there) = request.get_mut(place) {
                *there = byte;
            }
        }
        stream.write_all(&request).await?;
        stream.read_exact(&mut answer).await?;
    }
    Ok(())
}

fn driver_rate(setting: &Setting, farm: &mut Farm, site: &Arc<Site>) -> Outcome<Rate> {
    runtime()?.block_on(async {
        let (deliver, mut delivered) = mpsc::channel::<Delivery>(8_192);
        let stop = CancellationToken::new();
        let running = drivers::start(
            Arc::new(drivers::Field::new(Arc::clone(site))),
            deliver,
            stop.clone(),
        );
        let taken = tokio::spawn(async move {
            let mut taken = Vec::with_capacity(512);
            while delivered.recv_many(&mut taken, 512).await > 0 {
                taken.clear();
            }
        });
        let rate = rate(setting, farm).await;
        stop.cancel();
        running.stopped().await;
        taken.await.during("the intake")?;
        rate
    })
}
