//! What local history costs: `history_cost day [HOURS]` puts a day of the demo site into it, `history_cost campus [MINUTES]` the readings of
//! a thousand devices, at ten polls a second unless POLLS says otherwise (`campus [MINUTES [POLLS]]`); each says bytes and processor time a sample, and how long the slowest trends take.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use gateway::store::{Grain, HistoryReader, HistoryWriter, Trend};
use jiff::{SignedDuration, Timestamp};
use model::{Batch, Device, DeviceIndex, Folder, Reading, Sample, Site, Value};
use simulator::Unplugged;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let count = arguments.next().map(|text| text.parse()).transpose()?;
    match what.as_str() {
        "day" => day(count.unwrap_or(24)),
        "campus" => {
            let polls = arguments.next().map(|text| text.parse()).transpose()?;
            campus(count.unwrap_or(13), polls.unwrap_or(10))
        }
        _ => Err("say `day [HOURS]` or `campus [MINUTES]`".into()),
    }
}

/// A history that is fed in virtual time, a commit a second.
struct Fed {
    writer: HistoryWriter,
    samples: u64,
    busy: Duration,
}

impl Fed {
    fn second(&mut self, batches: &[Batch], now: Timestamp, is_commit: bool) -> Outcome<()> {
        let begun = on_processor()?;
        for batch in batches {
            self.writer.put(batch);
            self.samples += batch.samples.len() as u64;
        }
        if is_commit {
            self.writer.commit()?;
            self.writer.pack(now - SignedDuration::from_secs(60))?;
        }
        self.busy += on_processor()? - begun;
        Ok(())
    }
}

fn day(hours: u64) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let site = model::load(&Folder::demo(), []).site;
    let (writer, _) = HistoryWriter::open(folder.path(), &site, false, Timestamp::now())?;
    let mut fed = Fed {
        writer,
        samples: 0,
        busy: Duration::ZERO,
    };
    let begin: Timestamp = "2026-11-23T16:00:00Z".parse()?;
    let mut devices: Vec<(DeviceIndex, &Device, Unplugged)> = site
        .devices
        .iter()
        .filter(|(_, device)| device.in_service)
        .map(|(index, device)| {
            (
                index,
                device,
                Unplugged::new(device, site.timezone.clone(), begin),
            )
        })
        .collect();
    let mut chance = 1_u64;
    for second in 0..hours * 3600 {
        let now = begin + Duration::from_secs(second);
        let mut batches = Vec::new();
        for (index, device, model) in &mut devices {
            if second % device.interval.as_secs().max(1) == 0 {
                chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                // Answers come when they come, to the nanosecond.
                let at = now + Duration::from_nanos(2_000_000 + (chance >> 43));
                batches.push(batch(*index, device, at, model.readings(at)));
            }
        }
        fed.second(&batches, now, true)?;
    }
    told(&mut fed, folder.path(), begin + Duration::from_secs(hours * 3600))?;
    let reader = HistoryReader::open(&folder.path().join("history.db"))?;
    let end = begin + Duration::from_secs(hours * 3600);
    trends(&reader, ("booster-2", "outlet_pressure"), begin, end)
}

fn campus(minutes: u64, polls: u64) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let site = campus_site()?;
    let (writer, _) = HistoryWriter::open(folder.path(), &site, false, Timestamp::now())?;
    let mut fed = Fed {
        writer,
        samples: 0,
        busy: Duration::ZERO,
    };
    let begin: Timestamp = "2026-11-23T16:00:00Z".parse()?;
    let mut batches: Vec<Batch> = site
        .devices
        .iter()
        .map(|(index, device)| {
            let readings = (0..device.profile.points.len()).map(|point| number(point as f64 * 0.5));
            batch(index, device, begin, readings.collect())
        })
        .collect();
    for tenth in 0..minutes * 60 * polls {
        let now = begin + Duration::from_millis(tenth * 1000 / polls);
        for (number_of, batch) in batches.iter_mut().enumerate() {
            batch.at = now + Duration::from_nanos(number_of as u64 * 970_003 / polls + tenth % 7 * 1_003);
            for (point, sample) in batch.samples.iter_mut().enumerate() {
                match point {
                    0..4 => sample.reading = number(((tenth * 7919 + point as u64) % 65_536) as f64),
                    50..58 => {
                        let wave = (tenth as f32 / 10.0 + point as f32).sin();
                        sample.reading = number(f64::from(wave));
                    }
                    _ => {}
                }
            }
        }
        fed.second(&batches, now, tenth % polls == polls - 1)?;
    }
    told(&mut fed, folder.path(), begin + Duration::from_secs(minutes * 60))?;
    let reader = HistoryReader::open(&folder.path().join("history.db"))?;
    let end = begin + Duration::from_secs(minutes * 60);
    trends(&reader, ("device-500", "point_50"), begin, end)
}

fn told(fed: &mut Fed, folder: &Path, end: Timestamp) -> Outcome<()> {
    let samples = fed.samples as f64;
    println!(
        "{samples} samples, {:.1} ns of processor a sample: {:.3} of a core at 750,000/s",
        fed.busy.as_nanos() as f64 / samples,
        fed.busy.as_secs_f64() / samples * 750_000.0
    );
    println!(
        "memory: {}",
        std::fs::read_to_string("/proc/self/status")?
            .lines()
            .filter(|line| line.starts_with("VmHWM") || line.starts_with("RssAnon"))
            .collect::<Vec<_>>()
            .join(", ")
    );
    while fed.writer.pack(end + SignedDuration::from_mins(20))? {}
    let in_use = std::fs::metadata(folder.join("history.db"))?.len();
    println!("file: {in_use} bytes, {:.2} a sample", in_use as f64 / samples);
    Ok(())
}

/// How long the trends of a point take, over all of it and over its last ten minutes.
fn trends(
    reader: &HistoryReader,
    (device, point): (&str, &str),
    begin: Timestamp,
    end: Timestamp,
) -> Outcome<()> {
    let ten_minutes = end - SignedDuration::from_mins(10);
    let by = |seconds: i64| Grain::Within(seconds * 1_000_000_000);
    for (what, from, grain) in [
        ("every reading of it all", begin, Grain::Readings),
        ("its slots of ten minutes", begin, by(600)),
        ("by nine minutes", begin, by(540)),
        ("by 601 seconds, which cut slots and minutes", begin, by(601)),
        ("by 90 seconds, which cut minutes", begin, by(90)),
        ("the last ten minutes", ten_minutes, Grain::Readings),
    ] {
        // The first look at a file's pages fetches them from the system; the second shows what reading costs.
        let mut milliseconds = [0.0; 2];
        let mut pieces = 0;
        for milliseconds in &mut milliseconds {
            pieces = 0;
            let begun = Instant::now();
            reader.each(device, point, Trend { from, to: end, grain }, |_| {
                pieces += 1;
                true
            })?;
            *milliseconds = begun.elapsed().as_secs_f64() * 1e3;
        }
        let [first, second] = milliseconds;
        println!("{what}: {pieces} pieces in {first:.1} ms, again in {second:.1} ms");
    }
    Ok(())
}

fn batch(device: DeviceIndex, described: &Device, at: Timestamp, readings: Vec<Reading>) -> Batch {
    let points = described.points().map(|(point, _)| point);
    let samples = points
        .zip(readings)
        .map(|(point, reading)| Sample { point, reading });
    Batch {
        device,
        at,
        order: 0,
        samples: samples.collect(),
    }
}

fn number(number: f64) -> Reading {
    Reading::Good(Value::Number(number))
}

fn campus_site() -> Outcome<Site> {
    let mut profile = "class = \"campus\"\nname = { zh = \"测量用\", en = \"For measuring\" }\n".to_owned();
    for point in 0..75 {
        let (address, kind) = if point < 50 {
            (point, "u16")
        } else {
            (50 + 2 * (point - 50), "f32")
        };
        writeln!(
            profile,
            "[[point]]\nname = \"point_{point}\"\ntitle = {{ zh = \"点\", en = \"point\" }}\naddress = \"holding:{address}\"\ntype = \"{kind}\""
        )?;
    }
    let mut devices = "id,name,profile,connection,unit,building,location,interval,in_service\n".to_owned();
    let mut gateway =
        "site = { id = \"campus\", name = \"Campus\", timezone = \"Asia/Shanghai\" }\n".to_owned();
    for device in 0..1_000 {
        writeln!(
            gateway,
            "[connections.line_{device}]\nurl = \"modbus+tcp://127.0.0.1:502\""
        )?;
        writeln!(devices, "device-{device},Device,campus,line_{device},1,,,,true")?;
    }
    let files = [
        ("gateway.toml", &gateway),
        ("devices.csv", &devices),
        ("profiles/campus.toml", &profile),
    ];
    let folder = Folder::of_texts(files.map(|(path, text)| (path, text.as_str())));
    let loading = model::load(&folder, []);
    match loading.faults.first() {
        Some(fault) => Err(fault.to_string().into()),
        None => Ok(loading.site),
    }
}

/// The processor time of this thread: what a busy machine does not change.
fn on_processor() -> Outcome<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = text.split(' ').next().unwrap_or_default();
    Ok(Duration::from_nanos(first.parse()?))
}
