//! Reads a case's two tables, and tells every mistake with its place.

use std::time::Duration;

use model::{Doubt, Fault, Missing, Place, Point, Reading, Value};

use super::{Case, Expected, Poll, Said};
use crate::span;

/// A case's files, not read yet.
#[derive(Clone, Debug)]
pub struct CaseFiles {
    /// The name of its folder.
    pub name: String,
    /// What faults call the folder, such as `rules/cases/NAME`.
    pub folder: String,
    /// The text of `samples.csv`.
    pub samples: String,
    /// The text of `expected.csv`.
    pub expected: String,
    /// Whether it comes with the gateway.
    pub shipped: bool,
}

/// What a poll said of a point, before anybody knows what kind of point it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    /// It was not read.
    Empty,
    Missing(Missing),
    /// Read, but not to be believed.
    Doubtful(String),
    Value(String),
}

impl CaseFiles {
    /// Reads them.
    ///
    /// # Errors
    /// Every mistake in them.
    pub fn read(&self) -> Result<Case, Vec<Fault>> {
        let mut faults = Vec::new();
        let samples = Table::of(&self.folder, "samples.csv", &self.samples);
        let expected = Table::of(&self.folder, "expected.csv", &self.expected);
        let columns = samples.columns("after", None, &mut faults);
        expected.columns("after", Some(&["rule", "verdict"]), &mut faults);
        let mut polls: Vec<Poll> = Vec::new();
        for (place, cells) in samples.lines(columns.len() + 1, &mut faults) {
            let [after, cells @ ..] = cells.as_slice() else {
                continue;
            };
            let newest = polls.last().map(|poll| poll.after);
            if let Some(after) = time(after, newest, false, &place, &mut faults) {
                let cells = cells.iter().map(|cell| Cell::of(cell)).collect();
                polls.push(Poll { after, cells, place });
            }
        }
        let mut verdicts: Vec<Expected> = Vec::new();
        for (place, cells) in expected.lines(3, &mut faults) {
            let [after, rule, said] = cells.as_slice() else {
                continue;
            };
            let newest = verdicts.last().map(|expected| expected.after);
            let after = time(after, newest, true, &place, &mut faults);
            let known = Said::ALL.into_iter().find(|known| known.to_string() == *said);
            if known.is_none() {
                faults.push(Fault::new(
                    place.clone(),
                    format!("`{said}` is no verdict: write holds, clear, unknown or broken"),
                ));
            }
            if let (Some(after), Some(said)) = (after, known) {
                verdicts.push(Expected {
                    after,
                    rule: (*rule).to_owned(),
                    said,
                    place,
                });
            }
        }
        if verdicts.is_empty() && faults.is_empty() {
            faults.push(Fault::new(
                Place::new(&expected.file, 1, 1),
                "a case expects at least one verdict",
            ));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Case {
            name: self.name.clone(),
            shipped: self.shipped,
            columns,
            polls,
            expected: verdicts,
        })
    }
}

/// When something is, from the case's beginning: not before what stands above it.
fn time(
    text: &str,
    newest: Option<Duration>,
    may_be_the_same: bool,
    place: &Place,
    faults: &mut Vec<Fault>,
) -> Option<Duration> {
    match span::parse(text) {
        Ok(after) if newest.is_none_or(|newest| after > newest || may_be_the_same && after == newest) => {
            Some(after)
        }
        Ok(_) => {
            faults.push(Fault::new(place.clone(), "times go upwards, line by line"));
            None
        }
        Err(wrong) => {
            faults.push(Fault::new(place.clone(), wrong));
            None
        }
    }
}

/// A table of plain cells; no cell of a case needs quotes.
struct Table<'text> {
    file: String,
    lines: Vec<(u32, Vec<&'text str>)>,
}

impl<'text> Table<'text> {
    fn of(folder: &str, name: &str, text: &'text str) -> Self {
        let lines = (1..).zip(text.trim_start_matches('\u{feff}').lines());
        let full = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        Self {
            file: format!("{folder}/{name}"),
            lines: full
                .map(|(number, line)| (number, line.split(',').map(str::trim).collect()))
                .collect(),
        }
    }

    /// The names of the columns after the first, which must be of that name, as may be the others.
    fn columns(&self, first: &str, others: Option<&[&str]>, faults: &mut Vec<Fault>) -> Vec<String> {
        let found = self.lines.first().map(|(_, cells)| cells.as_slice());
        match found {
            Some([name, rest @ ..])
                if *name == first && !rest.is_empty() && others.is_none_or(|others| rest == others) =>
            {
                rest.iter().map(|name| (*name).to_owned()).collect()
            }
            _ => {
                let others = others.map_or("points' names".to_owned(), |others| others.join(","));
                faults.push(Fault::new(
                    Place::new(&self.file, 1, 1),
                    format!("the first line is `{first},` and {others}"),
                ));
                Vec::new()
            }
        }
    }

    /// The lines below the first; those of another width are told.
    fn lines(&self, width: usize, faults: &mut Vec<Fault>) -> Vec<(Place, Vec<&'text str>)> {
        let mut lines = Vec::new();
        for (number, cells) in self.lines.iter().skip(1) {
            let place = Place::new(&self.file, *number, 1);
            if cells.len() == width {
                lines.push((place, cells.clone()));
            } else if width > 1 {
                let text = format!("this line has {} cells, and the first has {width}", cells.len());
                faults.push(Fault::new(place, text));
            }
        }
        lines
    }
}

impl Cell {
    fn of(text: &str) -> Self {
        match text {
            "" => Self::Empty,
            "no_answer" => Self::Missing(Missing::NoAnswer),
            "no_value" => Self::Missing(Missing::NoValue),
            "malformed" => Self::Missing(Missing::Malformed),
            "absent" => Self::Missing(Missing::Absent),
            text => match (text.strip_prefix("refused_"), text.strip_suffix('?')) {
                (Some(code), _) if code.parse::<u8>().is_ok() => {
                    Self::Missing(Missing::Refused(code.parse().unwrap_or(0)))
                }
                (_, Some(doubtful)) => Self::Doubtful(doubtful.to_owned()),
                _ => Self::Value(text.to_owned()),
            },
        }
    }

    /// The reading that it is for a point; none where the point was not read.
    pub(super) fn reading(&self, point: &Point) -> Result<Option<Reading>, String> {
        Ok(Some(match self {
            Self::Empty => return Ok(None),
            Self::Missing(missing) => Reading::Missing(*missing),
            Self::Doubtful(text) => Reading::Uncertain(value(text, point)?, Doubt::OutOfRange),
            Self::Value(text) => Reading::Good(value(text, point)?),
        }))
    }
}

fn value(text: &str, point: &Point) -> Result<Value, String> {
    if point.data_type.is_text() {
        return Ok(Value::Text(text.into()));
    }
    if point.data_type.is_bool() {
        let state = text.parse().map(Value::Bool);
        return state.map_err(|_| format!("`{text}` is no state: write true or false"));
    }
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    number.map(Value::Number).ok_or_else(|| {
        format!(
            "`{text}` is no number; what is missing is no_answer, no_value, refused_2, absent or malformed"
        )
    })
}
