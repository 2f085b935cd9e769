//! What rules would have done to the recorded history: alarms that would have been raised and have returned, with their times.
//!
//! Nothing is written and nobody is told; each device is judged by itself, from its own batches, as it would have been live.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::{Batch, Dense, Device, DeviceIndex, PointId, Sample, Severity, Site, Text};
use rules::{Judge, Judgement, Rule, RuleIndex, Rules, Verdict};

use crate::alarms::{Alarm, Delays, Edge, Level};
use crate::recall::{recall, wanted};
use crate::store::{HistoryReader, StoreError};

/// Something that would have happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Happening {
    /// When it would have been seen.
    pub at: Timestamp,
    /// On which device.
    pub device: String,
    /// By which rule.
    pub rule: String,
    /// How urgent.
    pub severity: Severity,
    /// What.
    pub what: What,
}

/// What would have happened.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The alarm is raised.
    Raised {
        /// Since when its condition had held.
        since: Timestamp,
        /// What people would have been told.
        summary: Text,
    },
    /// It returns to normal.
    Returned {
        /// Since when its condition had been over.
        since: Timestamp,
    },
    /// The rule fails.
    Broken {
        /// Where and how.
        reason: String,
    },
}

/// What the rules would have done from a moment on and before another, in the order of times.
///
/// # Errors
/// The history cannot be read.
pub fn replay(
    site: &Site,
    rules: &Arc<Rules>,
    history: &HistoryReader,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Happening>, StoreError> {
    let mut happened = Vec::new();
    for device in site.devices.values().filter(|device| device.in_service) {
        happened.extend(replay_device(site, rules, history, device, from, to)?);
    }
    // Of the same time in the order of the site: the sort is stable.
    happened.sort_by_key(|one| one.at);
    Ok(happened)
}

fn replay_device(
    site: &Site,
    rules: &Arc<Rules>,
    history: &HistoryReader,
    device: &Device,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Happening>, StoreError> {
    let only = Device {
        first_point: PointId(0),
        ..device.clone()
    };
    let site_of_one = Site {
        devices: Dense::new(vec![only]),
        ..site.clone()
    };
    let site_of_one = Arc::new(site_of_one);
    let mut judge = Judge::new(Arc::clone(rules), Arc::clone(&site_of_one));
    recall(&mut judge, &site_of_one, history, from)?;
    let mut replayed = Replayed {
        rules,
        device,
        judge,
        alarms: HashMap::new(),
        broken: HashMap::new(),
        happened: Vec::new(),
    };
    let all: Vec<usize> = (0..device.profile.points.len()).collect();
    history.again(&[wanted(device, &all)], from, to, |_, at, said| {
        let samples = said.into_iter().map(|(position, reading)| Sample {
            point: PointId(u32::try_from(position).unwrap_or(u32::MAX)),
            reading,
        });
        let mut samples: Vec<Sample> = samples.collect();
        samples.sort_by_key(|sample| sample.point);
        replayed.pass_time(at);
        let judgements = replayed.judge.take(&Batch {
            device: DeviceIndex(0),
            at,
            order: 0,
            samples,
        });
        replayed.note(judgements);
    })?;
    replayed.pass_time(to);
    Ok(replayed.happened)
}

/// A device while it is replayed.
struct Replayed<'site> {
    rules: &'site Rules,
    device: &'site Device,
    judge: Judge,
    alarms: HashMap<RuleIndex, Alarm>,
    /// The rules that fail now, and how.
    broken: HashMap<RuleIndex, String>,
    happened: Vec<Happening>,
}

impl Replayed<'_> {
    /// Lets time pass up to a moment: windows that say something by themselves, and delays that run out.
    fn pass_time(&mut self, until: Timestamp) {
        loop {
            let delayed = self.alarms.iter().filter_map(|(index, alarm)| {
                let delays = delays(self.rules.get(*index)?);
                Some((alarm.next_due(delays)?, *index))
            });
            let delayed = delayed.min();
            let window = self.judge.next_due();
            let next = window.into_iter().chain(delayed.map(|(at, _)| at)).min();
            let Some(now) = next.filter(|next| *next <= until) else {
                return;
            };
            if window == Some(now) {
                let judgements = self.judge.tick(now);
                self.note(judgements);
            } else if let Some((_, index)) = delayed
                && let (Some(alarm), Some(rule)) = (self.alarms.get_mut(&index), self.rules.get(index))
            {
                let edge = alarm.tick(now, delays(rule));
                self.edge(index, edge, now);
            }
        }
    }

    fn note(&mut self, judgements: Vec<Judgement>) {
        for said in judgements {
            let Some(rule) = self.rules.get(said.rule) else {
                continue;
            };
            let level = match &said.verdict {
                Verdict::Holds => Level::Holds,
                Verdict::Clear => Level::Clear,
                Verdict::Unknown | Verdict::Broken(_) => Level::Unknown,
            };
            match &said.verdict {
                Verdict::Broken(reason) => {
                    if self.broken.insert(said.rule, reason.clone()).as_ref() != Some(reason) {
                        let what = What::Broken {
                            reason: reason.clone(),
                        };
                        self.happened.push(happening(self.device, rule, said.at, what));
                    }
                }
                _ => drop(self.broken.remove(&said.rule)),
            }
            let alarm = self
                .alarms
                .entry(said.rule)
                .or_insert_with(|| quiet(self.device, rule, said.at));
            let edge = alarm.take(level, said.at, delays(rule));
            self.edge(said.rule, edge, said.at);
        }
    }

    fn edge(&mut self, index: RuleIndex, edge: Option<Edge>, at: Timestamp) {
        let (Some(edge), Some(rule)) = (edge, self.rules.get(index)) else {
            return;
        };
        let what = match edge {
            Edge::Raised { since } => What::Raised {
                since,
                summary: self.judge.summary(index, DeviceIndex(0)),
            },
            Edge::Returned { since } => What::Returned { since },
        };
        self.happened.push(happening(self.device, rule, at, what));
    }
}

fn happening(device: &Device, rule: &Rule, at: Timestamp, what: What) -> Happening {
    Happening {
        at,
        device: device.id.clone(),
        rule: rule.id.clone(),
        severity: rule.severity,
        what,
    }
}

fn signed(length: Duration) -> SignedDuration {
    SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX)
}

fn delays(rule: &Rule) -> Delays {
    Delays {
        on: signed(rule.after),
        off: signed(rule.clear_after),
        latch: rule.latch,
    }
}

/// An alarm that nothing was said of yet.
fn quiet(device: &Device, rule: &Rule, at: Timestamp) -> Alarm {
    Alarm {
        device: Some(device.id.clone()),
        class: Some(device.profile.class.as_str().to_owned()),
        ..Alarm::quiet(format!("{}.{}", device.id, rule.id), &rule.id, rule.severity, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::HistoryWriter;
    use crate::test_site::one_fire_main;
    use model::{Missing, Reading, Script, Value};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_200 + seconds).unwrap()
    }

    /// A fire main's history: the pressure of each second, none where it does not answer.
    fn recorded(folder: &std::path::Path, site: &Site, pressures: &[(i64, Option<f64>)]) -> HistoryReader {
        let (mut writer, _) = HistoryWriter::open(folder, site, false, at(0)).unwrap();
        for (seconds, pressure) in pressures {
            let reading = pressure.map_or(Reading::Missing(Missing::NoAnswer), |pressure| {
                Reading::Good(Value::Number(pressure))
            });
            let samples = vec![Sample {
                point: PointId(0),
                reading,
            }];
            writer.put(&Batch {
                device: DeviceIndex(0),
                at: at(*seconds),
                order: 0,
                samples,
            });
        }
        writer.commit().unwrap();
        writer.reader().unwrap()
    }

    fn ruled(script: &str) -> (Site, Arc<Rules>) {
        let mut site = one_fire_main();
        site.scripts = vec![
            Script {
                file: "rules/fire_water.rhai".into(),
                text: script.into(),
            },
            Script {
                file: "rules/sight.rhai".into(),
                text: "// none\n".into(),
            },
        ];
        let (rules, faults) = rules::load(&site);
        assert_eq!(faults, []);
        (site, Arc::new(rules))
    }

    fn told(happened: &[Happening]) -> Vec<String> {
        happened
            .iter()
            .map(|one| {
                let at = |at: Timestamp| at.duration_since(super::tests::at(0)).as_secs();
                match &one.what {
                    What::Raised { since, summary } => {
                        format!("{} raised since {}: {}", at(one.at), at(*since), summary.en)
                    }
                    What::Returned { since } => format!("{} returned since {}", at(one.at), at(*since)),
                    What::Broken { reason } => format!("{} broken: {reason}", at(one.at)),
                }
            })
            .collect()
    }

    #[test]
    fn alarms_are_raised_and_return_as_they_would_have_live() {
        let (site, rules) = ruled(
            r#"rule("low", #{ class: "fire_water", severity: "critical", after: "10s", clear_after: "5s",
                when: |d| d.main_pressure < 0.15, clear: |d| d.main_pressure > 0.18,
                summary: #{ zh: "低", en: |d| `at ${d.main_pressure}` } });"#,
        );
        let folder = tempfile::tempdir().unwrap();
        let pressures: Vec<_> = (0..900)
            .map(|second| match second {
                100..105 => (second, Some(0.1)),
                300..400 => (second, Some(0.12)),
                // Nobody knows, and nothing happens meanwhile.
                500..600 => (second, None),
                _ => (second, Some(0.4)),
            })
            .collect();
        let history = recorded(folder.path(), &site, &pressures);
        let happened = replay(&site, &rules, &history, at(0), at(900)).unwrap();
        assert_eq!(
            told(&happened),
            ["310 raised since 300: at 0.12", "405 returned since 400"]
        );
        let part = replay(&site, &rules, &history, at(350), at(380)).unwrap();
        assert_eq!(told(&part), ["360 raised since 350: at 0.12"]);
    }

    #[test]
    fn windows_know_what_was_recorded_before_the_part_that_is_replayed() {
        let (site, rules) = ruled(
            r#"rule("mean", #{ class: "fire_water", severity: "low", summary: #{ zh: "低", en: "low" },
                when: |d| d.avg("main_pressure", "5m") < 0.3 });"#,
        );
        let folder = tempfile::tempdir().unwrap();
        let pressures: Vec<_> = (0..900)
            .map(|second| (second, Some(if second < 500 { 0.4 } else { 0.0 })))
            .collect();
        let history = recorded(folder.path(), &site, &pressures);
        let happened = replay(&site, &rules, &history, at(550), at(900)).unwrap();
        let [Happening { at: raised, .. }] = happened.as_slice() else {
            panic!("{happened:?}")
        };
        let seconds = raised.duration_since(at(0)).as_secs();
        assert!(
            (574..580).contains(&seconds),
            "a quarter of five minutes after 500 s, not {seconds}"
        );
    }
}
