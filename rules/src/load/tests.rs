//! Mistakes in scripts, each told at its place, and rules that are read as they were written.

use std::time::Duration;

use super::*;
use crate::Severity;
use crate::testing::{load_text, rule, site};

/// Loads one script that has one mistake, which must be told at `line:column` with this in its text.
fn mistake(text: &str, place: &str, said: &str) {
    let (rules, faults) = load_text(text);
    let [fault] = faults.as_slice() else {
        panic!("one fault, not {faults:#?} for {text}")
    };
    assert!(
        fault.starts_with(&format!("rules/own.rhai:{place}: ")),
        "{fault} is not at {place}: {text}"
    );
    assert!(fault.contains(said), "{fault} does not say `{said}`");
    assert!(
        rules.by_id("x").is_none_or(|_| !fault.contains("rule `x`")),
        "a faulty rule is left out: {text}"
    );
}

/// A rule over three lines: the call, the usual keys, and then the keys in question from line 3 column 1 on.
fn keys(keys: &str) -> String {
    format!(
        "rule(\"x\", #{{\nclass: \"pumps\", severity: \"low\", summary: #{{ zh: \"一\", en: \"a\" }},\n{keys} }});"
    )
}

#[test]
fn a_rule_is_read_with_all_that_it_says() {
    let text = "rule(\"pump-low\", #{
        class: \"pumps\", when: |d| d.pressure < 0.5 && !d.running, clear: |d| d.avg(\"pressure\", \"1m\") > 0.6,
        after: \"10s\", clear_after: \"5m\", latch: true, severity: \"critical\", ticket: \"water-supply\",
        summary: #{ zh: |d| `流量 ${d.flow}`, en: \"low\" }, procedure: \"pump.md\" });";
    let (rules, faults) = load_text(text);
    assert_eq!(faults, Vec::<String>::new());
    let (index, rule) = rules.by_id("pump-low").unwrap();
    assert_eq!(rule.class.as_ref().unwrap().as_str(), "pumps");
    assert_eq!(
        (rule.after, rule.clear_after),
        (Duration::from_secs(10), Duration::from_secs(300))
    );
    assert!(rule.latch);
    assert_eq!(
        (rule.severity, rule.ticket.as_deref()),
        (Severity::Critical, Some("water-supply"))
    );
    let procedure = rule.procedure.as_ref().unwrap();
    assert_eq!(
        (procedure.zh.as_str(), procedure.en.as_str()),
        ("# 水泵\n看一看", "# Pump\nLook at it")
    );
    assert_eq!(rule.points, ["pressure", "running"]);
    assert_eq!(rule.place.to_string(), "rules/own.rhai:1:1");
    assert_eq!(
        rules.profiles(index).collect::<Vec<_>>(),
        ["pump"],
        "the small pump has no flow"
    );
    let site = site(&[]);
    let watched: Vec<bool> = site
        .devices
        .values()
        .map(|device| rules.applies_to(index, device))
        .collect();
    assert_eq!(watched, [true, false, false], "the third is out of service");
}

#[test]
fn every_mistake_in_a_rule_is_told_at_its_place() {
    let when = "when: |d| d.pressure < 1";
    mistake("let x = ;", "1:9", "");
    mistake(
        &keys(&format!("{when}, afetr: \"1s\"")),
        "3:27",
        "did you mean `after`?",
    );
    mistake(&keys("after: \"1s\""), "1:1", "has no `when`");
    mistake(&keys("when: true"), "3:1", "a closure");
    mistake(&keys("when: || true"), "3:1", "a closure of one device");
    mistake(
        &keys(&format!("{when}, after: \"5d\"")),
        "3:27",
        "not a span of time",
    );
    mistake(&keys(&format!("{when}, after: 10")), "3:27", "a text in quotes");
    mistake(&keys(&format!("{when}, latch: \"yes\"")), "3:27", "true or false");
    mistake(
        &keys(&format!("{when}, ticket: \"water-suply\"")),
        "3:27",
        "did you mean `water-supply`?",
    );
    mistake(
        &keys(&format!("{when}, procedure: \"pmp.md\"")),
        "3:27",
        "did you mean `pump.md`?",
    );
    mistake(
        &keys(when).replace("\"low\"", "\"grave\""),
        "2:17",
        "critical, high, medium or low",
    );
    mistake(
        &keys(when).replace("\"pumps\"", "\"pump\""),
        "2:1",
        "did you mean `pumps`?",
    );
    mistake(
        &keys(when).replace(", en: \"a\"", ""),
        "2:34",
        "the summary needs `en`",
    );
    mistake(
        &keys(when).replace("\"x\"", "\"Low Pressure\""),
        "1:1",
        "not a rule's id",
    );
    mistake(&(keys(when) + "rule(\"y\");"), "3:29", "an id and a map");
    mistake(&(keys(when) + "rule(1, #{});"), "3:29", "an id and a map");
    mistake(&(keys(when) + "oops();"), "3:29", "oops");
}

#[test]
fn every_mistake_in_a_condition_is_told_at_its_place() {
    let condition = |condition: &str| keys(&format!("when: |d| {condition}"));
    mistake(&condition("d.presure < 1"), "3:13", "did you mean `pressure`?");
    mistake(
        &condition("d.running && d.presure < 1"),
        "3:26",
        "did you mean `pressure`?",
    );
    mistake(
        &condition("if d.running { d.presure < 1 } else { false }"),
        "3:28",
        "did you mean `pressure`?",
    );
    mistake(
        &condition("[1].some(|x| d.presure < x)"),
        "3:26",
        "did you mean `pressure`?",
    );
    mistake(
        &condition("d.avg(\"presure\", \"5m\") < 1"),
        "3:17",
        "did you mean `pressure`?",
    );
    mistake(
        &condition("d.avg(\"pressure\", \"5 min\") < 1"),
        "3:29",
        "not a span of time",
    );
    mistake(
        &condition("d.avg(\"pressure\", \"0s\") < 1"),
        "3:29",
        "says nothing",
    );
    mistake(
        &condition("d.average(\"pressure\", \"5m\") < 1"),
        "3:13",
        "silent, faulty, avg",
    );
    mistake(
        &condition("d.avg(\"pressure\") < 1"),
        "3:13",
        "a point and a length",
    );
    mistake(
        &condition("{ let p = \"pressure\"; d.avg(p, \"5m\") < 1 }"),
        "3:35",
        "as texts",
    );
    mistake(&condition("d[\"pressure\"] < 1"), "3:11", "can only be asked");
    mistake(
        &condition("{ let e = d; e.pressure < 1 }"),
        "3:21",
        "can only be asked",
    );
    mistake(&condition("d.pressure"), "3:1", "not true or false");
    mistake(
        &condition("d.running == 1"),
        "3:21",
        "a state can only be compared with true or false",
    );
    mistake(
        &condition("1.0 < d.running"),
        "3:15",
        "a state can only be compared",
    );
    mistake(
        &condition("d.mode == 1"),
        "3:18",
        "a text can only be compared with a text",
    );
    mistake(
        &condition("d.held(\"running\", 1, \"5m\")"),
        "3:13",
        "true or false",
    );
    mistake(
        &condition("d.avg(\"mode\", \"5m\") > 1"),
        "3:13",
        "a text has no windows",
    );
    mistake(
        &condition("d.held(\"pressure\", true, \"5m\")"),
        "3:13",
        "is a number",
    );
    mistake(&condition("d.pressure.nonsense() > 1"), "3:22", "nonsense");
    mistake(&condition("pressure < 1"), "3:11", "pressure");
    mistake(
        "rule(\"x\", #{ class: \"*\", severity: \"low\", summary: #{ zh: \"一\", en: \"a\" },\nwhen: |d| d.pressure < 1 });",
        "2:13",
        "only d.silent() and d.faulty()",
    );
}

#[test]
fn points_are_found_in_functions_that_the_device_is_handed_to() {
    let text =
        "fn deep(pump) { pump.flow > 1 }\nfn low(limit, pump) { pump.pressure < limit || deep(pump) }\n"
            .to_owned()
            + &*rule("low", "when: |d| low(1, d)");
    let (rules, faults) = load_text(&text);
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(rules.by_id("low").unwrap().1.points, ["flow", "pressure"]);
    let text = text.replace("pump.flow", "pump.flaw");
    let (_, faults) = load_text(&text);
    assert!(
        faults[0].starts_with("rules/own.rhai:1:22: no profile of the class `pumps` has a point `flaw`"),
        "{faults:?}"
    );
}

#[test]
fn one_mistake_in_a_rule_does_not_hide_another() {
    let text = "rule(\"x\", #{ class: \"pumps\", severity: \"grave\", aftr: \"1s\",
        when: |d| d.presure < 1, clear: |d| d.pressure.avg > d.flaw, after: \"soon\", ticket: \"nowhere\",
        summary: #{ zh: |d| `${d.prossure}`, en: 1 }, procedure: \"none.md\" });
        rule(\"y\", #{});";
    let (_, faults) = load_text(text);
    let lines: Vec<&str> = faults
        .iter()
        .map(|fault| fault.split(':').nth(1).unwrap())
        .collect();
    assert_eq!(
        lines,
        ["1", "1", "2", "2", "2", "2", "3", "3", "4", "4", "4", "4"],
        "{faults:#?}"
    );
}

#[test]
fn functions_that_call_each_other_for_ever_are_told() {
    let text =
        "fn here(d) { there(d) }\nfn there(d) { here(d) }\n".to_owned() + &*rule("lost", "when: |d| here(d)");
    let (rules, faults) = load_text(&text);
    assert!(rules.is_empty());
    assert!(
        faults.iter().all(|fault| fault.contains("Stack overflow")) && !faults.is_empty(),
        "{faults:?}"
    );
}

#[test]
fn all_mistakes_of_all_files_are_told_at_once_and_the_rest_is_kept() {
    let site = site(&[
        (
            "rules/a.rhai",
            &(rule("one", "when: |d| d.presure < 1") + &*rule("two", "when: |d| d.flow < 1")),
        ),
        ("rules/b.rhai", "rule("),
        ("rules/c.rhai", &rule("two", "when: |d| d.flow > 1")),
    ]);
    let (rules, faults) = load_scripts(&[], &site);
    let places: Vec<String> = faults.iter().map(|fault| fault.place.to_string()).collect();
    assert_eq!(places.len(), 3, "{faults:?}");
    assert!(places[0].starts_with("rules/a.rhai:1:"));
    assert!(places[1].starts_with("rules/b.rhai:1:"));
    assert_eq!(places[2], "rules/c.rhai:1:1");
    assert!(
        faults[2].text.contains("there already, at rules/a.rhai:2:1"),
        "{}",
        faults[2].text
    );
    assert_eq!(
        rules.iter().map(|(_, rule)| rule.id.as_str()).collect::<Vec<_>>(),
        ["two"]
    );
}

#[test]
fn an_own_rule_replaces_the_bundled_one_of_its_id() {
    let bundled = Script {
        file: "rules/standard/pumps.rhai".into(),
        text: rule("low", "when: |d| d.pressure < 0.5") + &*rule("high", "when: |d| d.pressure > 1"),
    };
    let site = site(&[(
        "rules/own.rhai",
        &rule("low", "when: |d| d.pressure < 0.4, after: \"7s\""),
    )]);
    let (rules, faults) = load_scripts(&[bundled], &site);
    assert_eq!(faults, []);
    assert_eq!(rules.len(), 2);
    assert_eq!(rules.by_id("low").unwrap().1.after, Duration::from_secs(7));
    assert_eq!(
        rules.by_id("high").unwrap().1.place.file,
        "rules/standard/pumps.rhai"
    );
}
