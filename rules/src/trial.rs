//! Asks a new rule once about made-up devices, so that most mistakes of a script are told when it is loaded and not at night.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::{Point, Profile, Reading, Value};
use rhai::Engine;

use crate::ask::{self, Failure};
use crate::plan::Plan;
use crate::rule::Body;
use crate::subject::Subject;

/// Which value of its range each point of a made-up device has.
#[derive(Clone, Copy, Debug)]
enum Setting {
    Middle,
    Low,
    High,
}

/// What fails when the rule is asked about devices of a profile: the key that fails, and how.
pub(crate) fn failures(engine: &Engine, body: &Body, profile: &Profile) -> Vec<(&'static str, Failure)> {
    let plan = Arc::new(Plan::for_trial(profile, body));
    let mut failures = Vec::new();
    for setting in [Setting::Middle, Setting::Low, Setting::High] {
        let subject = made_up(&plan, profile, setting);
        let conditions = [("when", Some(&body.when)), ("clear", body.clear.as_ref())];
        for (key, condition) in conditions {
            let failure = condition.and_then(|condition| ask::state(engine, body, condition, &subject).err());
            failures.extend(failure.map(|failure| (key, failure)));
        }
        failures.extend(
            ask::summary(engine, body, &subject)
                .err()
                .map(|failure| ("summary", failure)),
        );
    }
    failures
}

/// A device that has shown the same good values for as long as any window reaches.
fn made_up(plan: &Arc<Plan>, profile: &Profile, setting: Setting) -> Subject {
    let subject = Subject::new(Arc::clone(plan));
    let longest = plan
        .windows
        .iter()
        .map(|asked| asked.length)
        .max()
        .unwrap_or_default();
    let mut state = subject.state();
    for (position, point) in profile.points.iter().enumerate() {
        let reading = Reading::Good(value(point, setting));
        state.take(plan, position, Timestamp::UNIX_EPOCH, &reading);
    }
    state.now = Timestamp::UNIX_EPOCH
        .checked_add(longest * 2 + Duration::from_secs(60))
        .unwrap_or(Timestamp::MAX);
    drop(state);
    subject
}

fn value(point: &Point, setting: Setting) -> Value {
    if point.data_type.is_bool() {
        return Value::Bool(matches!(setting, Setting::High));
    }
    if point.data_type.is_text() {
        return Value::Text("text".into());
    }
    let (low, high) = point.range.map_or((0.0, 2.0), |range| (range.low, range.high));
    Value::Number(match setting {
        Setting::Middle => low + (high - low) / 2.0,
        Setting::Low => low,
        Setting::High => high,
    })
}
