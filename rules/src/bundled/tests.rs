//! The shipped rules on the demo site.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::{Batch, Device, DeviceIndex, Folder, Reading, Sample, Site, Value};

use super::{procedures, scripts};
use crate::{Judge, Rules, Severity, Verdict};

fn demo_site() -> Arc<Site> {
    let files = model::demo_site();
    let folder = Folder::of_texts(files.iter().map(|file| (file.path.as_str(), file.text.as_str())));
    Arc::new(model::load(&folder, []).site)
}

fn rules(site: &Site) -> Arc<Rules> {
    Arc::new(crate::load(site).0)
}

/// A batch of all points of a device, states off and numbers at the middle of their range, but for one point.
fn middle(device: &Device, index: DeviceIndex, seconds: i64, but: (&str, f64)) -> Batch {
    let samples = device.points().map(|(point, what)| {
        let value = match what.data_type {
            kind if kind.is_bool() => Value::Bool(false),
            kind if kind.is_text() => Value::Text("text".into()),
            _ if what.name == but.0 => Value::Number(but.1),
            _ => Value::Number(
                what.range
                    .map_or(0.0, |range| range.low + (range.high - range.low) / 2.0),
            ),
        };
        Sample {
            point,
            reading: Reading::Good(value),
        }
    });
    Batch {
        device: index,
        at: Timestamp::from_second(seconds).unwrap(),
        order: 0,
        samples: samples.collect(),
    }
}

#[test]
fn the_shipped_rules_load_without_a_fault_on_the_demo_site() {
    let (rules, faults) = crate::load(&demo_site());
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults, Vec::<String>::new());
    assert!(rules.len() >= 16, "{}", rules.len());
    assert!(
        scripts().len() >= 9,
        "a file a class, and the gateway's own sight"
    );
}

#[test]
fn every_device_of_the_demo_site_is_watched_by_rules_of_its_class() {
    let site = demo_site();
    let rules = rules(&site);
    for device in site.devices.values().filter(|device| device.in_service) {
        let own = rules
            .iter()
            .filter(|(index, rule)| rule.class.is_some() && rules.applies_to(*index, device));
        assert!(own.count() > 0, "no rule watches {}", device.id);
    }
}

#[test]
fn every_shipped_procedure_belongs_to_a_rule_and_every_ticket_has_one() {
    let site = demo_site();
    let rules = rules(&site);
    for (_, rule) in rules.iter().filter(|(_, rule)| rule.ticket.is_some()) {
        assert!(
            rule.procedure.is_some(),
            "{} opens a ticket and says nothing of what to do",
            rule.id
        );
    }
    let text: String = scripts().into_iter().map(|script| script.text).collect();
    for file in procedures().keys() {
        assert!(text.contains(&format!("\"{file}\"")), "no rule names {file}");
    }
}

#[test]
fn every_shipped_rule_can_be_asked_and_tells_what_it_found() {
    let site = demo_site();
    let rules = rules(&site);
    let mut judge = Judge::new(Arc::clone(&rules), Arc::clone(&site));
    for (index, device) in site.devices.iter() {
        for said in judge.take(&middle(device, index, 0, ("", 0.0))) {
            let id = &rules.get(said.rule).unwrap().id;
            assert!(
                !matches!(said.verdict, Verdict::Broken(_)),
                "{id} on {}: {said:?}",
                device.id
            );
            let summary = judge.summary(said.rule, index);
            assert!(
                summary.zh != *id && summary.en != *id,
                "{id} on {} says nothing",
                device.id
            );
        }
    }
    assert_eq!(judge.complaints(), Vec::<String>::new());
}

#[test]
fn a_fire_main_that_loses_its_pressure_is_one_rules_business() {
    let site = demo_site();
    let rules = rules(&site);
    let about_it: Vec<_> = rules
        .iter()
        .filter(|(_, rule)| rule.points.contains(&"main_pressure".into()))
        .collect();
    let [(index, rule)] = about_it.as_slice() else {
        panic!("one rule, not {about_it:?}")
    };
    assert_eq!(
        (rule.id.as_str(), rule.ticket.as_deref()),
        ("fire-water-pressure-low", Some("fire-water"))
    );
    assert_eq!(
        (rule.severity, rule.after),
        (Severity::Critical, Duration::from_secs(10))
    );
    let devices: BTreeSet<&str> = site
        .devices
        .values()
        .filter(|device| device.in_service && device.profile.class.as_str() == "fire_water")
        .map(|device| device.id.as_str())
        .collect();
    assert!(!devices.is_empty());
    for (device_index, device) in site
        .devices
        .iter()
        .filter(|(_, device)| devices.contains(device.id.as_str()))
    {
        let mut judge = Judge::new(Arc::clone(&rules), Arc::clone(&site));
        let mut newest = None;
        let steps = [
            (0.40, false),
            (0.14, true),
            (0.16, true),
            (0.19, false),
            (0.16, false),
            (0.05, true),
        ];
        for (seconds, (pressure, holds)) in (0..).zip(steps) {
            let said = judge.take(&middle(
                device,
                device_index,
                seconds,
                ("main_pressure", pressure),
            ));
            newest = said
                .into_iter()
                .find(|said| said.rule == *index)
                .map(|said| said.verdict)
                .or(newest);
            assert_eq!(
                newest,
                Some(if holds { Verdict::Holds } else { Verdict::Clear }),
                "{pressure} at {}",
                device.id
            );
        }
        let summary = judge.summary(*index, device_index);
        assert_eq!(summary.en, "Fire main at 0.05 MPa, below 0.15 MPa");
    }
}
