//! Calls a rule's closures with a device.

use model::Text;
use rhai::{Dynamic, Engine, FnPtr, Position};

use crate::plan::Watch;
use crate::rule::{Body, Condition, Saying};
use crate::script::explain;
use crate::subject::Subject;

/// A closure that failed: where, and how.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) position: Position,
    pub(crate) text: String,
}

/// Whether the condition is there: `when`, else not `clear`, else (without `clear`) no. `level` is what it was before.
pub(crate) fn condition(
    engine: &Engine,
    body: &Body,
    subject: &Subject,
    watch: &Watch,
    level: bool,
) -> Result<bool, Failure> {
    let says = |condition: &Condition| match native(condition, subject, watch) {
        Some(said) => Ok(said),
        None => state(engine, body, condition, subject),
    };
    if says(&body.when)? {
        return Ok(true);
    }
    match &body.clear {
        Some(clear) if level => Ok(!says(clear)?),
        _ => Ok(false),
    }
}

fn native(condition: &Condition, subject: &Subject, watch: &Watch) -> Option<bool> {
    let native = condition.native.as_ref()?;
    native.says(&subject.state().facts(watch))
}

/// What a condition of the rule says, asked through Rhai: true or false.
pub(crate) fn state(
    engine: &Engine,
    body: &Body,
    condition: &Condition,
    subject: &Subject,
) -> Result<bool, Failure> {
    let said = call(engine, body, &condition.closure, subject).and_then(|said| {
        said.as_bool().map_err(|kind| Failure {
            position: Position::NONE,
            text: format!("it says a value of type {kind}, not true or false"),
        })
    });
    said.map_err(|mut failure| {
        if failure.position.is_none() {
            failure.position = condition.position;
        }
        failure
    })
}

/// The rule's summary of the device.
pub(crate) fn summary(engine: &Engine, body: &Body, subject: &Subject) -> Result<Text, Failure> {
    Ok(Text {
        zh: half(engine, body, &body.zh, subject)?,
        en: half(engine, body, &body.en, subject)?,
    })
}

fn half(engine: &Engine, body: &Body, saying: &Saying, subject: &Subject) -> Result<String, Failure> {
    match saying {
        Saying::Plain(text) => Ok(text.clone()),
        Saying::Worked(closure) => call(engine, body, closure, subject)?
            .into_string()
            .map_err(|kind| Failure {
                position: Position::NONE,
                text: format!("it says a value of type {kind}, not a text"),
            }),
    }
}

fn call(engine: &Engine, body: &Body, closure: &FnPtr, subject: &Subject) -> Result<Dynamic, Failure> {
    closure
        .call::<Dynamic>(engine, &body.ast, (subject.clone(),))
        .map_err(|error| {
            let (position, text) = explain(*error);
            Failure { position, text }
        })
}
