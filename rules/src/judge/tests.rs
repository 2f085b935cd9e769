//! What a judge says of pumps, second by second.

use model::{Doubt, Reading, Value};

use super::*;
use crate::Verdict;
use crate::testing::{
    NO_VALUE, PUMP, SILENCE, SMALL_PUMP, SPARE_PUMP, batch, judge, number, pump_at, rule, state, verdicts,
};

/// Pressures of the small pump, a second apart, and what is said at each; `""` where nothing is.
fn says(script: &str, steps: &[(Reading, &str)]) {
    let mut judge = judge(script);
    for (seconds, (reading, expected)) in steps.iter().enumerate() {
        let said = judge.take(&batch(SMALL_PUMP, seconds as i64, std::slice::from_ref(reading)));
        assert_eq!(
            verdicts(&said).concat(),
            *expected,
            "at second {seconds} of {script}"
        );
    }
}

#[test]
fn a_rule_says_a_change_once_and_the_first_verdict_too() {
    let low = rule("low", "when: |d| d.pressure < 0.5");
    says(
        &low,
        &[
            (number(1.0), "clear"),
            (number(1.0), ""),
            (number(0.4), "holds"),
            (number(0.3), ""),
            (number(0.5), "clear"),
        ],
    );
}

#[test]
fn between_when_and_clear_the_level_stays() {
    let low = rule("low", "when: |d| d.pressure < 0.5, clear: |d| d.pressure > 0.6");
    says(
        &low,
        &[
            (number(0.55), "clear"),
            (number(0.4), "holds"),
            (number(0.55), ""),
            (number(0.6), ""),
            (number(0.61), "clear"),
            (number(0.55), ""),
        ],
    );
}

#[test]
fn a_point_that_is_not_good_makes_the_rule_unknown_and_keeps_the_level() {
    let low = rule("low", "when: |d| d.pressure < 0.5, clear: |d| d.pressure > 0.6");
    let doubtful = Reading::Uncertain(Value::Number(9.0), Doubt::OutOfRange);
    says(
        &low,
        &[
            (number(0.4), "holds"),
            (SILENCE, "unknown"),
            (NO_VALUE, ""),
            (doubtful, ""),
            (number(0.55), "holds"),
            (number(1.0), "clear"),
        ],
    );
}

#[test]
fn a_point_that_only_clear_reads_makes_the_rule_unknown_too() {
    let mut judge = judge(&rule("odd", "when: |d| d.pressure < 0.5, clear: |d| d.running"));
    assert_eq!(
        verdicts(&judge.take(&batch(PUMP, 0, &[number(0.4), number(1.0), NO_VALUE]))),
        ["unknown"]
    );
    assert_eq!(
        verdicts(&judge.take(&batch(PUMP, 1, &[number(0.4), number(1.0), state(true)]))),
        ["holds"]
    );
}

#[test]
fn a_rule_is_asked_only_when_a_point_that_it_reads_has_changed() {
    let mut judge = judge(&rule("low", "when: |d| d.pressure < 0.5"));
    let mut pump = pump_at(1.0);
    assert_eq!(verdicts(&judge.take(&batch(PUMP, 0, &pump))), ["clear"]);
    pump[1] = number(2.0);
    // Were it asked, it would say its verdict anew.
    judge.devices[PUMP.position()].as_mut().unwrap().slots[0].verdict = None;
    assert_eq!(
        judge.take(&batch(PUMP, 1, &pump)),
        [],
        "the flow is not its business"
    );
    pump[0] = number(0.9);
    assert_eq!(verdicts(&judge.take(&batch(PUMP, 2, &pump))), ["clear"]);
}

#[test]
fn after_a_restart_hysteresis_goes_on_from_the_seeded_level() {
    let script = rule("low", "when: |d| d.pressure < 0.5, clear: |d| d.pressure > 0.6");
    for (seeded, expected) in [(true, "holds"), (false, "clear")] {
        let mut judge = judge(&script);
        judge.seed(RuleIndex(0), SMALL_PUMP, seeded);
        assert_eq!(
            verdicts(&judge.take(&batch(SMALL_PUMP, 0, &[number(0.55)]))),
            [expected]
        );
    }
}

#[test]
fn an_older_batch_and_a_device_out_of_service_are_not_judged() {
    let mut judge = judge(&rule("low", "when: |d| d.pressure < 0.5"));
    assert_eq!(judge.take(&batch(SPARE_PUMP, 0, &pump_at(0.1))), []);
    assert_eq!(verdicts(&judge.take(&batch(PUMP, 5, &pump_at(1.0)))), ["clear"]);
    assert_eq!(judge.take(&batch(PUMP, 4, &pump_at(0.1))), []);
    assert_eq!(judge.take(&batch(PUMP, 5, &pump_at(0.1))), []);
}

#[test]
fn one_broken_rule_leaves_the_others_alone() {
    let script = rule(
        "broken",
        "when: |d| [1][if d.pressure > 0.7 && d.pressure < 0.9 { 5 } else { 0 }] > 2",
    ) + &*rule(
        "endless",
        "when: |d| { while d.pressure > 0.7 && d.pressure < 0.9 {} d.pressure > 1.0 }",
    ) + &*rule("fine", "when: |d| d.pressure < 1.0");
    let mut judge = judge(&script);
    judge.take(&batch(SMALL_PUMP, 0, &[number(1.0)]));
    let said = judge.take(&batch(SMALL_PUMP, 1, &[number(0.8)]));
    let verdict = |place: u32| {
        &said
            .iter()
            .find(|said| said.rule == RuleIndex(place))
            .unwrap()
            .verdict
    };
    let Verdict::Broken(how) = verdict(0) else {
        panic!("{:?}", verdict(0))
    };
    assert!(
        how.starts_with("rules/own.rhai:1:") && how.contains("Array index"),
        "{how}"
    );
    let Verdict::Broken(how) = verdict(1) else {
        panic!("{:?}", verdict(1))
    };
    assert!(
        how.starts_with("rules/own.rhai:2:") && how.contains("does not come to an end"),
        "{how}"
    );
    assert_eq!(*verdict(2), Verdict::Holds);
    let after = judge.take(&batch(SMALL_PUMP, 2, &[number(1.5)]));
    assert_eq!(after.len(), 3, "all three say something else again: {after:?}");
}

#[test]
fn a_rule_that_never_ends_is_told_at_the_line_of_its_condition() {
    let script =
        "rule(\"endless\", #{ class: \"pumps\", severity: \"low\", summary: #{ zh: \"a\", en: \"a\" },
        when:  |d| d.pressure < 0.5,
        clear: |d| { while d.pressure > 0.6 && d.pressure < 0.9 {} true } });";
    let mut judge = judge(script);
    judge.take(&batch(SMALL_PUMP, 0, &[number(0.3)]));
    let said = judge.take(&batch(SMALL_PUMP, 1, &[number(0.7)]));
    let [
        Judgement {
            verdict: Verdict::Broken(how),
            ..
        },
    ] = said.as_slice()
    else {
        panic!("{said:?}")
    };
    assert!(
        how.starts_with("rules/own.rhai:3:") && how.contains("does not come to an end"),
        "{how}"
    );
}

#[test]
fn silence_is_seen_and_is_not_the_fault_of_points() {
    let script = "rule(\"silent\", #{ class: \"*\", severity: \"medium\", when: |d| d.silent(), summary: #{ zh: \"a\", en: \"a\" } });
        rule(\"faulty\", #{ class: \"*\", severity: \"medium\", when: |d| d.faulty() > 0, summary: #{ zh: \"a\", en: |d| `${d.faulty()}` } });";
    let mut judge = judge(script);
    let mut said = |seconds: i64, readings: &[Reading]| -> Vec<(u32, bool)> {
        let judgements = judge.take(&batch(PUMP, seconds, readings));
        judgements
            .iter()
            .map(|said| (said.rule.0, said.verdict == Verdict::Holds))
            .collect()
    };
    assert_eq!(
        said(0, &[number(1.0), number(1.0)]),
        [(0, false), (1, false)],
        "what was not read yet is no fault"
    );
    assert_eq!(said(1, &[SILENCE, SILENCE]), [(0, true)]);
    assert_eq!(
        said(2, &[number(1.0)]),
        [(0, false)],
        "the flow is not read at every poll"
    );
    assert_eq!(
        said(3, &[number(1.0), SILENCE, NO_VALUE]),
        [(1, true)],
        "a part of the answer is missing"
    );
    assert_eq!(said(4, &[number(1.0), SILENCE, SILENCE]), []);
    assert_eq!(
        said(5, &[SILENCE, SILENCE, SILENCE, SILENCE]),
        [(0, true), (1, false)]
    );
    said(6, &[NO_VALUE, NO_VALUE, NO_VALUE]);
    assert_eq!(judge.summary(RuleIndex(1), PUMP).en, "3");
}

#[test]
fn a_rule_that_stays_broken_is_told_once() {
    let script = rule(
        "broken",
        "when: |d| [1][if d.pressure > 0.6 && d.pressure < 0.9 { (d.pressure * 100).to_int() } else { 0 }] > 2",
    );
    says(
        &script,
        &[
            (number(0.7), "broken"),
            (number(0.8), ""),
            (SILENCE, "unknown"),
            (number(0.8), "broken"),
            (number(1.0), "clear"),
        ],
    );
}

#[test]
fn a_summary_shows_what_is_known_and_a_dash_for_the_rest() {
    let script = "rule(\"low\", #{ class: \"pumps\", severity: \"low\", when: |d| d.pressure < 0.5, summary: #{
        zh: |d| `压力 ${d.pressure} MPa,一分钟平均 ${d.avg(\"pressure\", \"1m\")}`,
        en: |d| `${(d.pressure * 1000).round()} kPa, flow ${d.flow}, ${if d.running { \"on\" } else { \"off\" }}` } });";
    let mut judge = judge(script);
    assert_eq!(
        judge.summary(RuleIndex(0), PUMP).zh,
        "low",
        "the pump's state is not known yet"
    );
    judge.take(&batch(PUMP, 0, &pump_at(0.05)));
    let said = judge.summary(RuleIndex(0), PUMP);
    assert_eq!(said.zh, "压力 0.05 MPa,一分钟平均 —");
    assert_eq!(said.en, "50 kPa, flow 1, off");
    judge.take(&batch(PUMP, 1, &[NO_VALUE, SILENCE]));
    assert_eq!(judge.summary(RuleIndex(0), PUMP).en, "— kPa, flow —, off");
    assert_eq!(judge.complaints(), Vec::<String>::new());
}

#[test]
fn a_summary_that_fails_is_the_rules_id_and_is_told() {
    let script = rule("low", "when: |d| d.pressure < 0.5").replace(
        "en: \"a\"",
        "en: |d| [\"a\"][if d.pressure == 0.7 { 3 } else { 0 }]",
    );
    let mut judge = judge(&script);
    judge.take(&batch(SMALL_PUMP, 0, &[number(0.7)]));
    assert_eq!(judge.summary(RuleIndex(0), SMALL_PUMP), Text::new("low", "low"));
    let complaints = judge.complaints();
    assert!(complaints[0].starts_with("rules/own.rhai:1:"), "{complaints:?}");
    assert_eq!(judge.complaints(), Vec::<String>::new());
}

#[test]
fn helpers_and_constants_of_the_file_are_seen() {
    let script = "const LIMIT = 0.5;\nfn low(device, limit) { device.pressure < limit && !device.running }\n"
        .to_owned()
        + &*rule("low", "when: |d| low(d, LIMIT)");
    let mut judge = judge(&script);
    assert_eq!(
        judge.take(&batch(SMALL_PUMP, 0, &[number(0.1)])),
        [],
        "it has no `running`"
    );
    assert_eq!(verdicts(&judge.take(&batch(PUMP, 0, &pump_at(0.1)))), ["holds"]);
    assert_eq!(
        verdicts(&judge.take(&batch(PUMP, 1, &[number(0.1), number(1.0), state(true)]))),
        ["clear"]
    );
}

#[test]
fn a_rule_remembers_nothing() {
    let script = "let seen = 0;\n".to_owned()
        + &*rule("third", "when: |d| { seen += 1; d.pressure > 0.5 && seen > 2 }");
    let mut judge = judge(&script);
    for seconds in 0..5 {
        let said = judge.take(&batch(
            SMALL_PUMP,
            seconds,
            &[number(1.0 + seconds as f64 / 10.0)],
        ));
        assert_eq!(verdicts(&said).concat(), if seconds == 0 { "clear" } else { "" });
    }
}

#[test]
fn a_judge_can_be_given_to_a_thread() {
    fn given<T: Send>(_: &T) {}
    given(&judge(""));
}
