//! The same conditions, asked both ways.

use std::cell::Cell;

use jiff::Timestamp;
use model::{Reading, Value};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::ask;
use crate::plan::Plan;
use crate::subject::Subject;
use crate::testing::{load_text, rule, site};
use crate::{RuleIndex, Rules};

fn number() -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        3 => Just("d.pressure".to_owned()),
        2 => Just("d.flow".to_owned()),
        1 => (-3_i32..4).prop_map(|whole| whole.to_string()),
        2 => (-30_i32..30).prop_map(|tenths| format!("{:?}", f64::from(tenths) / 10.0)),
        1 => Just("x".to_owned()),
        1 => Just("d.faulty()".to_owned()),
        1 => Just("9223372036854775807".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            4 => (inner.clone(), prop::sample::select(vec!["+", "-", "*", "/", "%"]), inner.clone()).prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
            1 => inner.clone().prop_map(|one| format!("-({one})")),
            1 => (inner.clone(), inner).prop_map(|(yes, no)| format!("if d.running {{ {yes} }} else {{ {no} }}")),
        ]
    })
    .boxed()
}

fn state() -> BoxedStrategy<String> {
    let comparison = prop::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]);
    let leaf = prop_oneof![
        6 => (number(), comparison, number()).prop_map(|(left, operator, right)| format!("{left} {operator} {right}")),
        2 => Just("d.running".to_owned()),
        1 => Just("d.silent()".to_owned()),
        1 => any::<bool>().prop_map(|state| state.to_string()),
        1 => Just("y".to_owned()),
        // What fails, or says nothing.
        1 => Just("d.running < 1".to_owned()),
        1 => Just("d.mode == \"auto\"".to_owned()),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} && {right})")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(one, two, three)| format!("({one} || {two} || {three})")),
            inner.clone().prop_map(|one| format!("!({one})")),
            (inner.clone(), inner).prop_map(|(left, right)| format!("({left}) == ({right})")),
        ]
    })
    .boxed()
}

fn body() -> impl Strategy<Value = String> {
    let statement = prop_oneof![
        (state(), state()).prop_map(|(condition, said)| format!("if {condition} {{ return {said}; }}")),
        number().prop_map(|value| format!("let x = {value};")),
        (state(), number()).prop_map(|(condition, value)| format!(
            "if {condition} {{ let x = {value}; }} else {{ let y = false; }}"
        )),
        state().prop_map(|value| format!("const y = {value};")),
        state().prop_map(|value| format!("let y = {{ let x = 1; {value} }};")),
        state(),
    ];
    let last = prop_oneof![
        6 => state(),
        1 => state().prop_map(|said| format!("{said};")),
        1 => (state(), state()).prop_map(|(condition, said)| format!("if {condition} {{ {said} }}")),
        1 => (state(), state(), state()).prop_map(|(condition, yes, no)| format!("if {condition} {{ {yes} }} else {{ {no} }}")),
        1 => (state(), number()).prop_map(|(condition, no)| format!("if {condition} {{ true }} else {{ {no} }}")),
    ];
    (prop::collection::vec(statement, 0..4), last).prop_map(|(statements, last)| {
        let statements: String = statements
            .iter()
            .map(|one| one.trim_end_matches(';').to_owned() + ";\n")
            .collect();
        format!("{{ let x = 0.5; let y = true;\n{statements}{last} }}")
    })
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-30_i32..30).prop_map(|tenths| f64::from(tenths) / 10.0),
        1 => Just(0.1 + 0.2),
        1 => Just(-0.0),
        1 => Just(1e300),
        1 => any::<f64>().prop_filter("finite", |number| number.is_finite()),
    ]
}

/// A pump's two numbers, its state and how it can be seen.
#[derive(Clone, Copy, Debug)]
struct Pump {
    pressure: f64,
    flow: f64,
    running: bool,
    silent: bool,
}

/// The pump as rules are asked about it.
fn subject(rules: &Rules, pump: Pump) -> Subject {
    let site = site(&[]);
    let plan = std::sync::Arc::new(Plan::new(&site.profiles["pump"], rules));
    let subject = Subject::new(plan);
    let mut state = subject.state();
    let readings = [
        Value::Number(pump.pressure),
        Value::Number(pump.flow),
        Value::Bool(pump.running),
        Value::Text("auto".into()),
    ];
    for (position, value) in readings.into_iter().enumerate() {
        state.take(
            &subject.plan,
            position,
            Timestamp::UNIX_EPOCH,
            &Reading::Good(value),
        );
    }
    state.silent = pump.silent;
    drop(state);
    subject
}

/// What Rhai says of a rule's condition, and what is said here, if it was compiled.
fn both_ways(rules: &Rules, rule: RuleIndex, subject: &Subject) -> (Option<bool>, Option<Option<bool>>) {
    let body = rules.bodies.get(rule).unwrap();
    let by_rhai = ask::state(&rules.engine, body, &body.when, subject).ok();
    let watch = subject
        .plan
        .slots
        .iter()
        .find(|watch| watch.rule == rule)
        .unwrap();
    let native = body.when.native.as_ref();
    (
        by_rhai,
        native.map(|native| native.says(&subject.state().facts(watch))),
    )
}

#[test]
fn a_condition_says_the_same_with_and_without_rhai_and_most_are_said_without() {
    let mut runner = TestRunner::new(Config::with_cases(40));
    let pump = (value(), value(), any::<bool>(), any::<bool>());
    let (decided, all) = (Cell::new(0), Cell::new(0));
    let drawn = (prop::collection::vec(body(), 20), prop::collection::vec(pump, 6));
    let ran = runner.run(&drawn, |(conditions, pumps)| {
        let script =
            |(number, when): (usize, &String)| rule(&format!("same-{number}"), &format!("when: |d| {when}"));
        let script: String = conditions.iter().enumerate().map(script).collect();
        // A condition that fails on its trial is no rule.
        let (rules, _) = load_text(&script);
        for (pressure, flow, running, silent) in pumps {
            let subject = subject(
                &rules,
                Pump {
                    pressure,
                    flow,
                    running,
                    silent,
                },
            );
            for (index, rule) in rules.iter() {
                let (by_rhai, native) = both_ways(&rules, index, &subject);
                if let Some(Some(said)) = native {
                    let number: usize = rule.id.trim_start_matches("same-").parse().unwrap();
                    prop_assert_eq!(by_rhai, Some(said), "{}", conditions[number]);
                    decided.set(decided.get() + 1);
                }
                all.set(all.get() + u32::from(by_rhai.is_some()));
            }
        }
        Ok(())
    });
    ran.unwrap();
    // Those that name a text are left to Rhai.
    let (decided, all) = (decided.get(), all.get());
    assert!(all > 1_000 && decided * 2 > all, "{decided} of {all}");
}

#[test]
fn numbers_that_a_double_cannot_tell_apart_are_equal_as_rhai_has_it() {
    let (rules, faults) = load_text(&rule("same", "when: |d| d.pressure == 0.3"));
    assert_eq!(faults, Vec::<String>::new());
    let pump = Pump {
        pressure: 0.1 + 0.2,
        flow: 0.0,
        running: false,
        silent: false,
    };
    let said = both_ways(&rules, RuleIndex(0), &subject(&rules, pump));
    assert_eq!(said, (Some(true), Some(Some(true))));
}

#[test]
fn what_the_compiler_does_not_know_is_left_to_rhai() {
    for when in [
        "d.mode == \"auto\" && d.avg(\"flow\", \"5m\") > 1.0",
        "{ let x = 1.0; x += d.flow; x > 2.0 }",
        "d.flow.round() > 1.0",
        "[1.0, 2.0][0] < d.flow",
        "d.flow ** 2.0 > 1.0",
        "{ for i in 0..3 { if d.flow > 2.0 { return true; } } false }",
        "switch d.running { true => d.flow > 1.0, _ => false }",
    ] {
        let (rules, faults) = load_text(&rule("left", &format!("when: |d| {when}")));
        assert_eq!(faults, Vec::<String>::new(), "{when}");
        assert!(
            rules.bodies.get(RuleIndex(0)).unwrap().when.native.is_none(),
            "{when}"
        );
    }
}

#[test]
fn what_a_closure_captures_is_known_here_too() {
    let script = "const LIMIT = 0.5;\nlet margin = 2;\n".to_owned()
        + &*rule("captured", "when: |d| d.pressure * margin < 0.5");
    let (rules, faults) = load_text(&script);
    assert_eq!(faults, Vec::<String>::new());
    for (pressure, said) in [(0.2, true), (0.3, false)] {
        let pump = Pump {
            pressure,
            flow: 0.0,
            running: false,
            silent: false,
        };
        let both = both_ways(&rules, RuleIndex(0), &subject(&rules, pump));
        assert_eq!(both, (Some(said), Some(Some(said))));
    }
}
