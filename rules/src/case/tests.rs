//! Cases of made-up rules, and those that come with the shipped ones.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::load::load_scripts;
use crate::testing::{rule, site};

fn files(samples: &str, expected: &str) -> CaseFiles {
    CaseFiles {
        name: "made-up".into(),
        folder: "rules/cases/made-up".into(),
        samples: samples.into(),
        expected: expected.into(),
        shipped: false,
    }
}

fn told(files: &CaseFiles, script: &str) -> Vec<String> {
    let site = site(&[("rules/own.rhai", script)]);
    let (rules, faults) = load_scripts(&[], &site);
    assert_eq!(faults, []);
    let ran = files.read().and_then(|case| case.run(&Arc::new(rules), &site));
    match ran {
        Ok(compared) => compared
            .iter()
            .map(|one| {
                format!(
                    "{} {} {} {}",
                    one.profile,
                    one.after.as_secs(),
                    one.said,
                    one.is_right()
                )
            })
            .collect(),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_case_is_run_on_every_profile_that_has_its_points() {
    let low = rule("low", "when: |d| d.pressure < 0.5");
    let files = files(
        "after,pressure\n0s,1.0\n1s,0.4\n2s,no_answer\n3s,0.4?\n4s,0.6\n",
        "after,rule,verdict\n0s,low,clear\n1s,low,holds\n2s,low,unknown\n3s,low,holds\n4s,low,clear\n",
    );
    let said = [
        "0 clear true",
        "1 holds true",
        "2 unknown true",
        "3 unknown false",
        "4 clear true",
    ];
    let expected: Vec<String> = ["pump", "small-pump"]
        .iter()
        .flat_map(|profile| said.iter().map(move |said| format!("{profile} {said}")))
        .collect();
    assert_eq!(told(&files, &low), expected);
}

#[test]
fn a_window_says_what_it_says_when_its_time_has_come() {
    let files = files(
        "after,flow\n0s,1.0\n",
        "after,rule,verdict\n4s,mean,unknown\n5s,mean,holds\n",
    );
    let mean = rule("mean", "when: |d| d.avg(\"flow\", \"5s\") > 0.5");
    assert_eq!(told(&files, &mean), ["pump 4 unknown true", "pump 5 holds true"]);
}

#[test]
fn a_device_that_does_not_answer_is_silent() {
    let script = "rule(\"silent\", #{ class: \"*\", severity: \"low\", when: |d| d.silent(), summary: #{ zh: \"a\", en: \"a\" } });";
    let files = files(
        "after,flow\n0s,1.0\n1s,no_answer\n2s,\n",
        "after,rule,verdict\n0s,silent,clear\n1s,silent,holds\n",
    );
    assert_eq!(told(&files, script), ["pump 0 clear true", "pump 1 holds true"]);
}

#[test]
fn every_mistake_in_a_case_is_told_with_its_place() {
    let low = rule("low", "when: |d| d.pressure < 0.5");
    for (samples, expected, mistake) in [
        (
            "time,pressure\n",
            "after,rule,verdict\n0s,low,clear\n",
            "samples.csv:1:1: the first line is `after,` and points' names",
        ),
        (
            "after,pressure\n1s,1\n1s,2\n",
            "after,rule,verdict\n0s,low,clear\n",
            "samples.csv:3:1: times go upwards",
        ),
        (
            "after,pressure\n1s\n",
            "after,rule,verdict\n0s,low,clear\n",
            "samples.csv:2:1: this line has 1 cells",
        ),
        (
            "after,pressure\nsoon,1\n",
            "after,rule,verdict\n0s,low,clear\n",
            "samples.csv:2:1: `soon` is not a span of time",
        ),
        (
            "after,pressure\n0s,high\n",
            "after,rule,verdict\n0s,low,clear\n",
            "samples.csv:2:1: `pressure` of pump: `high` is no number",
        ),
        (
            "after,running\n0s,1\n",
            "after,rule,verdict\n0s,low,unknown\n",
            "samples.csv:2:1: `running` of pump: `1` is no state",
        ),
        (
            "after,pressure\n0s,1\n",
            "after,rule,verdict\n0s,low,fine\n",
            "expected.csv:2:1: `fine` is no verdict",
        ),
        (
            "after,pressure\n0s,1\n",
            "after,rule,verdict\n0s,high,clear\n",
            "expected.csv:2:1: the site has no rule `high`",
        ),
        (
            "after,colour\n0s,1\n",
            "after,rule,verdict\n0s,low,clear\n",
            "expected.csv:2:1: no profile that `low` watches has all of colour",
        ),
        (
            "after,pressure\n0s,1\n",
            "after,rule,verdict\n",
            "expected.csv:1:1: a case expects at least one verdict",
        ),
    ] {
        let told = told(&files(samples, expected), &low);
        assert!(
            told[0].starts_with(&format!("rules/cases/made-up/{mistake}")),
            "{told:?} is not {mistake}"
        );
    }
}

#[test]
fn every_shipped_rule_has_cases_in_which_it_holds_is_clear_and_is_unknown_and_all_come_true() {
    let files = model::demo_site();
    let folder = model::Folder::of_texts(files.iter().map(|file| (file.path.as_str(), file.text.as_str())));
    let site = model::load(&folder, []).site;
    let rules = Arc::new(crate::load(&site).0);
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for files in shipped_cases() {
        let ran = files.read().and_then(|case| case.run(&rules, &site));
        match ran {
            Err(faults) => wrong.extend(faults.iter().map(ToString::to_string)),
            Ok(compared) => {
                for one in compared {
                    if !one.is_right() {
                        wrong.push(format!(
                            "{}: {} on {} is {}",
                            one.place, one.rule, one.profile, one.said
                        ));
                    }
                    seen.entry(one.rule).or_default().insert(one.said.to_string());
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    for (_, rule) in rules.iter() {
        let said = seen.remove(&rule.id).unwrap_or_default();
        // Not to see is what the gateway's own sight is about: it is never unknown once the device was read.
        let missing: Vec<&str> = ["holds", "clear", "unknown"]
            .into_iter()
            .filter(|word| !said.contains(*word) && (*word != "unknown" || rule.class.is_some()))
            .collect();
        assert_eq!(missing, Vec::<&str>::new(), "{} has no such case", rule.id);
    }
}
