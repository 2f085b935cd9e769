//! What judging costs: a rule of fifteen lines whose points change at every batch, and the same when they do not.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use model::{Batch, DeviceIndex, Folder, Reading, Sample, Site, Value};
use rules::Judge;

use crate::figures::Target::{AtLeast, RatioAtMost};
use crate::figures::{Figure, Figures, median};
use crate::process::own_thread_seconds;
use crate::setting::Setting;
use crate::trouble::{Outcome, Trouble};

const DEVICES: usize = 100;
const WARM_UP: Duration = Duration::from_secs(1);
/// Fifteen lines, five points, like those that engineers write: an energy meter's cabinet.
const RULE: &str = r#"rule("bench-cabinet", #{
    class: "bench_cabinet",
    when: |d| {
        let hot = d.temperature > 75.0;
        let loaded = d.current > 400.0;
        let sagging = d.voltage < 198.0;
        let swelling = d.voltage > 242.0;
        if hot && loaded {
            return true;
        }
        if d.breaker_closed && (sagging || swelling) {
            return true;
        }
        let power = d.voltage * d.current * d.factor / 1000.0;
        if power > 120.0 && d.factor < 0.85 {
            return true;
        }
        let margin = if hot { 0.7 } else { 0.9 };
        d.current > 500.0 * margin && !d.breaker_closed
    },
    severity: "low",
    summary: #{ zh: "测量用", en: "For measuring" },
});
"#;
const POINTS: [(&str, &str); 5] = [
    ("temperature", "f32"),
    ("current", "f32"),
    ("voltage", "f32"),
    ("factor", "f32"),
    ("breaker_closed", "bit(0)"),
];

pub(super) fn measure(setting: &Setting, figures: &mut Figures) -> Outcome<()> {
    let window = setting.window.min(Duration::from_secs(3));
    let (mut changing, mut steady) = (Vec::new(), Vec::new());
    for _ in 0..setting.windows {
        changing.push(batches_a_second(window, true)?);
        steady.push(batches_a_second(window, false)?);
    }
    let (changing, steady) = (median(&changing), median(&steady));
    let asked = Figure::new("evaluations of a 15-line rule on one core", changing, "1/s");
    figures.add(&asked.target(AtLeast(500_000.0)));
    let unchanged = Figure::new("a batch whose points have not changed", 1e9 / steady, "ns");
    figures.add(
        &unchanged
            .beside(1e9 / changing, "changed, and judged")
            .target(RatioAtMost(0.2)),
    );
    Ok(())
}

/// Batches that a judge of this one rule takes in a second of processor time, each of a device's five points.
fn batches_a_second(window: Duration, changing: bool) -> Outcome<f64> {
    let (mut judge, site) = judge()?;
    let mut batches = batches(&site);
    let start = Timestamp::now();
    let mut round: u32 = 0;
    let mut measured: Option<(f64, u32)> = None;
    let began = Instant::now();
    loop {
        round += 1;
        let at = start + Duration::from_millis(u64::from(round));
        for batch in &mut batches {
            batch.at = at;
            if changing {
                set_first(batch, 20.0 + f64::from(round % 2));
            }
            std::hint::black_box(judge.take(batch));
        }
        match measured {
            None if began.elapsed() > WARM_UP => measured = Some((own_thread_seconds()?, round)),
            Some((since, round_then)) if began.elapsed() > WARM_UP + window => {
                let batches = f64::from(round - round_then) * batches.len() as f64;
                return Ok(batches / (own_thread_seconds()? - since));
            }
            _ => {}
        }
    }
}

fn judge() -> Outcome<(Judge, Arc<Site>)> {
    let mut profile =
        "class = \"bench_cabinet\"\nname = { zh = \"测量用\", en = \"For measuring\" }\n".to_owned();
    for (number, (name, kind)) in POINTS.iter().enumerate() {
        let address = 2 * number;
        let _ = writeln!(
            profile,
            "[[point]]\nname = \"{name}\"\ntitle = {{ zh = \"{name}\", en = \"{name}\" }}\naddress = \"holding:{address}\"\ntype = \"{kind}\""
        );
    }
    let mut devices = "id,name,profile,connection,unit,building,location,interval,in_service\n".to_owned();
    for device in 0..DEVICES {
        let _ = writeln!(
            devices,
            "cabinet-{device},Cabinet {device},bench-cabinet,line,{},,,,true",
            device + 1
        );
    }
    let gateway = "site = { id = \"bench\", name = \"Bench\", timezone = \"Asia/Shanghai\" }\n[connections.line]\nurl = \"modbus+tcp://127.0.0.1:502\"\n";
    let folder = Folder::of_texts([
        ("gateway.toml", gateway),
        ("devices.csv", devices.as_str()),
        ("profiles/bench-cabinet.toml", profile.as_str()),
        ("rules/bench.rhai", RULE),
        // In the place of the shipped rules of sight, which would be asked as well.
        ("rules/sight.rhai", "// none\n"),
    ]);
    let model::Loading { site, mut faults } = model::load(&folder, []);
    let (rules, found) = rules::load(&site);
    faults.extend(found);
    if let Some(fault) = faults.first() {
        return Err(Trouble::new(format!("the rule's own site: {fault}")));
    }
    let site = Arc::new(site);
    Ok((Judge::new(Arc::new(rules), Arc::clone(&site)), site))
}

fn batches(site: &Site) -> Vec<Batch> {
    let batch = |(index, device): (DeviceIndex, &model::Device)| {
        let value = |name: &str| match name {
            "breaker_closed" => Value::Bool(true),
            "factor" => Value::Number(0.92),
            "voltage" => Value::Number(230.0),
            _ => Value::Number(20.0),
        };
        let samples = device.points().map(|(point, description)| Sample {
            point,
            reading: Reading::Good(value(&description.name)),
        });
        Batch {
            device: index,
            at: Timestamp::UNIX_EPOCH,
            order: 0,
            samples: samples.collect(),
        }
    };
    site.devices.iter().map(batch).collect()
}

fn set_first(batch: &mut Batch, value: f64) {
    if let Some(sample) = batch.samples.first_mut() {
        sample.reading = Reading::Good(Value::Number(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_asked_when_a_point_changes_and_can_hold() {
        let (mut judge, site) = judge().unwrap();
        let mut batch = batches(&site).remove(0);
        assert_eq!(judge.take(&batch).len(), 1, "it is clear at first");
        batch.at = Timestamp::from_second(1).unwrap();
        batch.samples[2].reading = Reading::Good(Value::Number(190.0));
        assert_eq!(judge.take(&batch).len(), 1, "a sagging voltage is told");
    }
}
