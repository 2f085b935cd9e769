//! What a judge says of windows: what they know, and what leaves a gap in them.

use super::*;
use crate::Verdict;
use crate::testing::{PUMP, SILENCE, SMALL_PUMP, batch, judge, number, rule, second, state, verdicts};

#[test]
fn a_window_is_unknown_until_it_is_full_and_after_a_gap() {
    let mut judge = judge(&rule("low", "when: |d| d.avg(\"pressure\", \"10s\") < 0.5"));
    let mut said = Vec::new();
    for seconds in 0..20 {
        let pressure = if seconds < 15 { 1.0 } else { 0.0 };
        for judgement in judge.take(&batch(SMALL_PUMP, seconds, &[number(pressure)])) {
            said.push((seconds, judgement.verdict));
        }
    }
    assert_eq!(said, [(0, Verdict::Unknown), (10, Verdict::Clear)]);
    // No batch comes; the mean sinks by itself.
    let due = judge.next_due().unwrap();
    assert_eq!(due, second(20));
    assert_eq!(judge.tick(second(19)), []);
    let said = judge.tick(second(21));
    assert_eq!(verdicts(&said), ["holds"]);
    assert!(judge.next_due().unwrap() > second(21));
    judge.gap(SMALL_PUMP);
    assert_eq!(verdicts(&judge.tick(second(22))), ["unknown"]);
    judge.take(&batch(SMALL_PUMP, 23, &[number(0.0)]));
    assert_eq!(judge.next_due(), Some(second(33)));
    assert_eq!(verdicts(&judge.tick(second(33))), ["holds"]);
    assert_eq!(
        judge.next_due(),
        None,
        "a window over one value never says anything else"
    );
}

/// A judge of a window over a minute, that was restarted: what is recalled ends at second 90, the first batch comes at `first`.
fn restarted(recalled: impl Iterator<Item = i64>, first: i64) -> Vec<&'static str> {
    let mut judge = judge(&rule("low", "when: |d| d.avg(\"pressure\", \"60s\") < 0.5"));
    let [looks] = <[LooksBack; 1]>::try_from(
        judge
            .looks_back()
            .into_iter()
            .filter(|looks| looks.device == SMALL_PUMP)
            .collect::<Vec<_>>(),
    )
    .unwrap();
    assert_eq!(
        (looks.points.as_slice(), looks.length),
        ([0].as_slice(), Duration::from_secs(60))
    );
    for seconds in recalled {
        judge.recall(SMALL_PUMP, second(seconds), [(0, &number(0.4))]);
    }
    verdicts(&judge.take(&batch(SMALL_PUMP, first, &[number(0.4)])))
}

#[test]
fn a_window_that_was_full_before_a_restart_is_full_after_it() {
    assert_eq!(restarted(0..91, 94), ["holds"]);
    assert_eq!(
        restarted(0..91, 98),
        ["holds"],
        "three polls and the time that a restart takes"
    );
    assert_eq!(restarted(60..91, 94), ["unknown"], "half a minute is no minute");
}

#[test]
fn the_time_when_the_gateway_was_down_is_a_gap_in_windows() {
    assert_eq!(restarted(0..91, 99), ["unknown"]);
    assert_eq!(
        restarted((0..40).chain(60..91), 92),
        ["unknown"],
        "an earlier restart, too"
    );
    assert_eq!(restarted(0..91, 80), ["unknown"], "a clock that was set back");
}

#[test]
fn what_is_recalled_says_no_level_by_itself() {
    let mut judge = judge(&rule("low", "when: |d| d.min(\"pressure\", \"10s\") < 0.5"));
    for seconds in 0..20 {
        judge.recall(SMALL_PUMP, second(seconds), [(0, &number(0.4))]);
    }
    assert_eq!(judge.tick(second(21)), []);
    assert_eq!(
        verdicts(&judge.take(&batch(SMALL_PUMP, 21, &[SILENCE]))),
        ["unknown"]
    );
    judge.recall(SMALL_PUMP, second(30), [(0, &number(0.4))]);
    assert_eq!(
        verdicts(&judge.take(&batch(SMALL_PUMP, 31, &[number(0.4)]))),
        Vec::<&str>::new(),
        "what comes live counts alone"
    );
}

#[test]
fn a_clock_that_is_set_back_leaves_rules_at_work_and_windows_start_anew() {
    let mut judge = judge(&rule("low", r#"when: |d| d.avg("pressure", "5s") < 0.5"#));
    let mut order = 0;
    let mut said_at = |judge: &mut Judge, seconds: i64, pressure: f64| {
        order += 1;
        let batch = Batch {
            order,
            ..batch(SMALL_PUMP, seconds, &[number(pressure)])
        };
        verdicts(&judge.take(&batch)).concat()
    };
    let before: Vec<_> = (28_800..28_810).map(|at| said_at(&mut judge, at, 1.0)).collect();
    assert_eq!(before.concat(), "unknownclear");
    let after: Vec<_> = (0..10).map(|at| said_at(&mut judge, at, 0.1)).collect();
    assert_eq!(after.concat(), "unknownholds", "{after:?}");
    assert!(
        judge.next_due().is_none_or(|due| due < second(100)),
        "nothing waits for the time before"
    );
}

#[test]
fn windows_know_nothing_of_the_time_that_a_clock_was_set_forward_over() {
    let mut judge = judge(&rule("held", r#"when: |d| d.held("pressure", 0.1, "60s")"#));
    let mut said = Vec::new();
    for at in (0..30).chain(28_830..28_900) {
        if at == 28_830 {
            judge.set_clock(second(at));
        }
        let judgements = judge.take(&batch(SMALL_PUMP, at, &[number(0.1)]));
        said.extend(judgements.into_iter().map(|one| (at, one.verdict)));
    }
    assert_eq!(said, [(0, Verdict::Unknown), (28_890, Verdict::Holds)]);
}

#[test]
fn every_window_says_what_its_name_promises() {
    for (when, readings, expected) in [
        (
            "d.min(\"pressure\", \"3s\") > 0.4",
            [0.1, 0.5, 0.5, 0.5, 0.5, 0.5],
            "holds",
        ),
        (
            "d.max(\"pressure\", \"3s\") > 0.4",
            [0.5, 0.1, 0.1, 0.1, 0.1, 0.1],
            "clear",
        ),
        (
            "d.rate(\"pressure\", \"3s\") == 20.0",
            [0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
            "holds",
        ),
        (
            "d.changes(\"pressure\", \"3s\") == 2",
            [0.0, 1.0, 0.0, 0.0, 1.0, 0.0],
            "holds",
        ),
        (
            "d.held(\"pressure\", 1, \"3s\")",
            [0.0, 1.0, 1.0, 1.0, 1.0, 1.0],
            "holds",
        ),
        (
            "d.held(\"pressure\", 1.0, \"3s\")",
            [1.0, 1.0, 0.0, 1.0, 1.0, 1.0],
            "clear",
        ),
    ] {
        let mut judge = judge(&rule("window", &format!("when: |d| {when}")));
        let mut newest = "";
        for (seconds, pressure) in readings.iter().enumerate() {
            if let Some(said) =
                verdicts(&judge.take(&batch(SMALL_PUMP, seconds as i64, &[number(*pressure)]))).last()
            {
                newest = said;
            }
        }
        assert_eq!(newest, expected, "{when}");
    }
}

#[test]
fn a_state_can_be_held() {
    let mut judge = judge(&rule("held", "when: |d| d.held(\"running\", true, \"2s\")"));
    let at = |on| [number(1.0), number(1.0), state(on)];
    for (seconds, on, expected) in [
        (0, false, "unknown"),
        (1, true, ""),
        (2, true, "clear"),
        (3, true, "holds"),
        (4, false, "clear"),
    ] {
        assert_eq!(
            verdicts(&judge.take(&batch(PUMP, seconds, &at(on)))).concat(),
            expected,
            "at {seconds}"
        );
    }
}
