//! Fills the windows of rules from local history, so that a rule over half an hour is not unknown for half an hour after every start.

use jiff::{SignedDuration, Timestamp};
use model::{Device, Site};
use rules::Judge;

use crate::store::{HistoryReader, StoreError, Wanted};

/// Windows are filled so far back at most; longer ones fill by themselves, as they did before the first start.
const FURTHEST: SignedDuration = SignedDuration::from_hours(6);
/// So many devices are read at once.
const AT_ONCE: usize = 100;

/// Tells a judge what was recorded before a moment, as far as its windows look back.
///
/// # Errors
/// The history cannot be read; windows begin empty then.
pub fn recall(
    judge: &mut Judge,
    site: &Site,
    history: &HistoryReader,
    until: Timestamp,
) -> Result<(), StoreError> {
    let looks = judge.looks_back();
    for looks in looks.chunks(AT_ONCE) {
        let of_devices = looks
            .iter()
            .filter_map(|looks| Some((looks, site.devices.get(looks.device)?)));
        let of_devices: Vec<_> = of_devices.collect();
        let wanted: Vec<Wanted<'_>> = of_devices
            .iter()
            .map(|(looks, device)| wanted(device, &looks.points))
            .collect();
        let longest = looks.iter().map(|looks| looks.length).max().unwrap_or_default();
        let longest = SignedDuration::try_from(longest)
            .unwrap_or(FURTHEST)
            .min(FURTHEST);
        // A window begins with a bucket, which is a three-hundredth of it or a second, and with the value before that.
        let back = longest + longest / 100 + SignedDuration::from_mins(1);
        let from = until.saturating_sub(back).unwrap_or(Timestamp::MIN);
        history.again(&wanted, from, until, |place, at, said| {
            if let Some((looks, _)) = of_devices.get(place) {
                let position = |point: usize| looks.points.get(point).copied();
                let said = said.iter();
                let said = said.filter_map(|(point, reading)| Some((position(*point)?, reading)));
                judge.recall(looks.device, at, said);
            }
        })?;
    }
    Ok(())
}

/// The points at these positions of a device's profile.
pub(crate) fn wanted<'site>(device: &'site Device, positions: &[usize]) -> Wanted<'site> {
    let points = positions
        .iter()
        .filter_map(|position| device.profile.points.get(*position));
    Wanted {
        device: &device.id,
        points: points.map(|point| point.name.as_str()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{Batch, DeviceIndex, PointId, Reading, Sample, Script, Value};
    use rules::Verdict;

    use super::*;
    use crate::store::HistoryWriter;
    use crate::test_site::one_fire_main;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_200 + seconds).unwrap()
    }

    fn batch(seconds: i64) -> Batch {
        let reading = Reading::Good(Value::Number(0.1));
        let point = PointId(0);
        Batch {
            device: DeviceIndex(0),
            at: at(seconds),
            order: 0,
            samples: vec![Sample { point, reading }],
        }
    }

    /// What a rule over five minutes says of the first batch after a restart, at so many seconds; the last before it was at 899.
    fn said_after_a_restart(first: i64) -> Verdict {
        let mut site = one_fire_main();
        site.scripts = vec![Script {
            file: "rules/fire_water.rhai".into(),
            text: "rule(\"mean\", #{ class: \"fire_water\", severity: \"low\", summary: #{ zh: \"低\", en: \"low\" },
                when: |d| d.avg(\"main_pressure\", \"5m\") < 0.15 });"
                .into(),
        }];
        let (rules, faults) = rules::load(&site);
        assert_eq!(faults, []);
        let rules = Arc::new(rules);
        let (index, _) = rules.by_id("mean").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, _) = HistoryWriter::open(folder.path(), &site, false, at(0)).unwrap();
        (0..900).for_each(|seconds| writer.put(&batch(seconds)));
        writer.commit().unwrap();
        while writer.pack(at(700)).unwrap() {}
        let site = Arc::new(site);
        let mut judge = Judge::new(rules, Arc::clone(&site));
        recall(&mut judge, &site, &writer.reader().unwrap(), at(first)).unwrap();
        let mut said = judge.take(&batch(first)).into_iter();
        said.find(|said| said.rule == index).unwrap().verdict
    }

    #[test]
    fn a_rule_over_five_minutes_knows_at_once_after_a_restart_what_it_knew_before() {
        assert_eq!(said_after_a_restart(904), Verdict::Holds);
    }

    #[test]
    fn what_nobody_read_while_the_gateway_was_down_is_unknown_to_it() {
        assert_eq!(said_after_a_restart(920), Verdict::Unknown);
    }
}
