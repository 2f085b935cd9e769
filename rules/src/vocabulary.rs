//! What a script may say of a device: `d.point`, `d.avg("point", "5m")`, `d.silent()` and their like.

use std::time::Duration;

use model::{Reading, Value};
use rhai::plugin::RhaiResult;
use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString};

use crate::nearest::suggestion;
use crate::span;
use crate::subject::Subject;
use crate::window::View;

/// A method of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// Asks whether it can be seen at all.
    Sight,
    /// Asks for a point's past.
    Window,
}

/// Every method: its name, how many arguments it takes, and what it asks for.
const WORDS: [(&str, usize, Word); 8] = [
    ("silent", 0, Word::Sight),
    ("faulty", 0, Word::Sight),
    ("avg", 2, Word::Window),
    ("min", 2, Word::Window),
    ("max", 2, Word::Window),
    ("rate", 2, Word::Window),
    ("changes", 2, Word::Window),
    ("held", 3, Word::Window),
];

/// What is shown for a value that is not known.
const DASH: &str = "—";

/// The method of that name.
///
/// # Errors
/// There is none, or it takes another number of arguments; what would be right.
pub(crate) fn word(name: &str, arguments: usize) -> Result<Word, String> {
    let Some((_, expected, word)) = WORDS.iter().find(|(known, ..)| *known == name) else {
        let near = suggestion(name, WORDS.iter().map(|(known, ..)| *known));
        return Err(format!(
            "a device has no `{name}(…)`{near}: there are silent, faulty, avg, min, max, rate, changes and held"
        ));
    };
    if *expected == arguments {
        return Ok(*word);
    }
    Err(match (*word, name) {
        (Word::Sight, _) => format!("`{name}` takes nothing: write `d.{name}()`"),
        (Word::Window, "held") => {
            "`held` takes a point, a value and a length: `d.held(\"point\", true, \"5m\")`".to_owned()
        }
        (Word::Window, _) => format!("`{name}` takes a point and a length: `d.{name}(\"point\", \"5m\")`"),
    })
}

/// Teaches an engine these words.
pub(crate) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Subject>("device")
        .register_indexer_get(|device: &mut Subject, point: &str| device.value(point))
        .register_fn("silent", |device: &mut Subject| device.state().silent)
        .register_fn("faulty", |device: &mut Subject| {
            i64::try_from(device.state().faulty()).unwrap_or(i64::MAX)
        })
        .register_fn("avg", |device: &mut Subject, point: &str, length: &str| {
            device.past(point, length, |view| view.average.into())
        })
        .register_fn("min", |device: &mut Subject, point: &str, length: &str| {
            device.past(point, length, |view| view.low.into())
        })
        .register_fn("max", |device: &mut Subject, point: &str, length: &str| {
            device.past(point, length, |view| view.high.into())
        })
        .register_fn("rate", |device: &mut Subject, point: &str, length: &str| {
            device.past(point, length, |view| view.rate_per_minute.into())
        })
        .register_fn("changes", |device: &mut Subject, point: &str, length: &str| {
            device.past(point, length, |view| i64::from(view.changes).into())
        })
        .register_fn(
            "held",
            |device: &mut Subject, point: &str, value: Dynamic, length: &str| {
                let value = number_of(device, point, &value)?;
                device.past(point, length, move |view| {
                    (view.low == value && view.high == value).into()
                })
            },
        )
        .register_fn("to_string", shown);
    register_dash(engine);
}

impl Subject {
    /// The newest value of a point.
    fn value(&self, point: &str) -> RhaiResult {
        let position = self.position(point)?;
        let mut state = self.state();
        match state.reading(&self.plan, position).and_then(Reading::good) {
            Some(Value::Number(number)) => Ok((*number).into()),
            Some(Value::Bool(on)) => Ok((*on).into()),
            Some(Value::Text(text)) => Ok(text.to_string().into()),
            None => state.unknown(format!("`{point}` is not known")),
        }
    }

    /// What a point's window says.
    fn past(&self, point: &str, length: &str, say: impl Fn(View) -> Dynamic) -> RhaiResult {
        let position = self.position(point)?;
        let length: Duration = span::parse(length)?;
        let place = self.window(position, length).ok_or("this window is not kept")?;
        let mut state = self.state();
        let now = state.now;
        if let Some(Value::Text(_)) = state.reading(&self.plan, position).and_then(Reading::good) {
            return Err(format!("`{point}` is a text, and a text has no windows").into());
        }
        match state.windows.get(place).and_then(|window| window.view(now)) {
            Some(view) => Ok(say(view)),
            None => state.unknown(format!("the window of `{point}` is not full yet")),
        }
    }

    fn position(&self, point: &str) -> Result<usize, Box<EvalAltResult>> {
        self.plan
            .positions
            .get(point)
            .copied()
            .ok_or_else(|| format!("the device has no point `{point}`").into())
    }
}

impl crate::subject::State {
    /// What stands for a value that is not known: a dash while telling. A condition is never asked before all is known.
    fn unknown(&mut self, why: String) -> RhaiResult {
        if !self.telling {
            return Err(why.into());
        }
        self.dashed = true;
        Ok(Dynamic::from(Dash))
    }
}

/// The value that `held` compares with, as windows keep it.
fn number_of(device: &Subject, point: &str, value: &Dynamic) -> Result<f64, Box<EvalAltResult>> {
    let position = device.position(point)?;
    let is_state = matches!(
        device
            .state()
            .reading(&device.plan, position)
            .and_then(Reading::good),
        Some(Value::Bool(_))
    );
    match (value.as_bool(), value.as_float(), value.as_int()) {
        (Ok(_), ..) if !is_state => Err(format!("`{point}` is a number: compare it with a number").into()),
        (Ok(on), ..) => Ok(f64::from(u8::from(on))),
        _ if is_state => Err(format!("`{point}` is a state: compare it with true or false").into()),
        (_, Ok(number), _) => Ok(number),
        (.., Ok(whole)) => Ok(whole as f64),
        _ => Err("`held` compares with a number, true or false".into()),
    }
}

/// A number as people read it: six digits that count, no trailing zeros.
fn shown(number: f64) -> String {
    if number == 0.0 || !number.is_finite() || number.abs() >= 1e15 {
        return format!("{number}");
    }
    let magnitude = number.abs().log10().floor() as i32;
    let decimals = usize::try_from((5 - magnitude).clamp(0, 9)).unwrap_or(0);
    let text = format!("{number:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Rhai takes a comparison of unlike things for false without a word; a rule that makes one never holds, and nobody sees it.
pub(crate) fn refuse_mixed_comparisons(engine: &mut Engine) {
    const STATE: &str = "a state can only be compared with true or false";
    const TEXT: &str = "a text can only be compared with a text";
    refuse::<bool, i64>(engine, STATE);
    refuse::<bool, f64>(engine, STATE);
    refuse::<bool, ImmutableString>(engine, STATE);
    refuse::<ImmutableString, i64>(engine, TEXT);
    refuse::<ImmutableString, f64>(engine, TEXT);
}

fn refuse<Left: rhai::Variant + Clone, Right: rhai::Variant + Clone>(engine: &mut Engine, why: &'static str) {
    for operator in ["==", "!=", "<", "<=", ">", ">="] {
        engine.register_fn(
            operator,
            move |_: Left, _: Right| -> Result<bool, Box<EvalAltResult>> { Err(why.into()) },
        );
        engine.register_fn(
            operator,
            move |_: Right, _: Left| -> Result<bool, Box<EvalAltResult>> { Err(why.into()) },
        );
    }
}

/// Stands in a summary for a value that is not known; whatever is reckoned with it is not known either.
#[derive(Clone, Copy, Debug)]
struct Dash;

fn register_dash(engine: &mut Engine) {
    engine
        .register_type_with_name::<Dash>("unknown")
        .register_fn("to_string", |_: Dash| DASH);
    for operator in ["+", "-", "*", "/", "%", "**"] {
        engine.register_fn(operator, |_: Dash, _: Dash| Dash);
        engine
            .register_fn(operator, |_: Dash, _: f64| Dash)
            .register_fn(operator, |_: f64, _: Dash| Dash);
        engine
            .register_fn(operator, |_: Dash, _: i64| Dash)
            .register_fn(operator, |_: i64, _: Dash| Dash);
    }
    for method in ["round", "floor", "ceiling", "abs", "to_int", "to_float"] {
        engine.register_fn(method, |_: Dash| Dash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_shown_as_people_read_it() {
        for (number, text) in [
            (0.05, "0.05"),
            (12.0, "12"),
            (0.0, "0"),
            (-3.5, "-3.5"),
            (0.1 + 0.2, "0.3"),
            (1234567.0, "1234567"),
            (229.96, "229.96"),
            (1.0 / 3.0, "0.333333"),
            (100.0, "100"),
        ] {
            assert_eq!(shown(number), text);
        }
    }

    #[test]
    fn a_wrong_word_is_told_with_the_right_one() {
        assert_eq!(word("avg", 2), Ok(Word::Window));
        assert!(word("avgs", 2).unwrap_err().contains("did you mean `avg`?"));
        assert!(word("held", 2).unwrap_err().contains("a value and a length"));
        assert!(word("silent", 1).unwrap_err().contains("d.silent()"));
    }
}
