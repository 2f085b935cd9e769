//! The table of what was measured: a line a figure, printed as it is found, and all of them as JSON.

use std::path::Path;

use serde_json::{Value, json};

use crate::trouble::{Outcome, While};

/// What a figure has to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// It is only told.
    None,
    /// Ours is at most this.
    AtMost(f64),
    /// Ours is at least this.
    AtLeast(f64),
    /// Ours, divided by the reference, is at most this.
    RatioAtMost(f64),
    /// Ours, divided by the reference, is at least this.
    RatioAtLeast(f64),
}

/// Something that was measured.
#[derive(Clone, Debug)]
pub struct Figure {
    name: String,
    ours: f64,
    unit: &'static str,
    reference: Option<(f64, &'static str)>,
    target: Target,
}

impl Figure {
    /// A figure of ours in a unit.
    pub fn new(name: impl Into<String>, ours: f64, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            ours,
            unit,
            reference: None,
            target: Target::None,
        }
    }

    /// What it is compared with, measured in the same run and the same unit.
    #[must_use]
    pub fn beside(mut self, reference: f64, what: &'static str) -> Self {
        self.reference = Some((reference, what));
        self
    }

    /// What it has to be.
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.target = target;
        self
    }

    fn ratio(&self) -> Option<f64> {
        let (reference, _) = self.reference?;
        (reference > 0.0).then(|| self.ours / reference)
    }

    /// Whether the target is reached; `None` without one, or without the reference that it needs.
    fn reached(&self) -> Option<bool> {
        match self.target {
            Target::None => None,
            Target::AtMost(most) => Some(self.ours <= most),
            Target::AtLeast(least) => Some(self.ours >= least),
            Target::RatioAtMost(most) => self.ratio().map(|ratio| ratio <= most),
            Target::RatioAtLeast(least) => self.ratio().map(|ratio| ratio >= least),
        }
    }

    fn target_text(&self) -> String {
        match self.target {
            Target::None => String::new(),
            Target::AtMost(most) => format!("<= {}", number(most)),
            Target::AtLeast(least) => format!(">= {}", number(least)),
            Target::RatioAtMost(most) => format!("<= {most} x"),
            Target::RatioAtLeast(least) => format!(">= {least} x"),
        }
    }

    fn row(&self) -> String {
        let reached = match self.reached() {
            None => "",
            Some(true) => "yes",
            Some(false) => "NO",
        };
        let reference = self.reference.map_or(String::new(), |(value, what)| {
            format!("{} ({what})", number(value))
        });
        let ratio = self.ratio().map_or(String::new(), |ratio| format!("{ratio:.2}"));
        row([
            &self.name,
            &format!("{} {}", number(self.ours), self.unit),
            &reference,
            &ratio,
            &self.target_text(),
            reached,
        ])
    }

    fn to_json(&self, part: &str) -> Value {
        json!({
            "part": part,
            "figure": self.name,
            "ours": self.ours,
            "unit": self.unit,
            "reference": self.reference.map(|(value, what)| json!({ "what": what, "value": value })),
            "ratio": self.ratio(),
            "target": self.target_text(),
            "reached": self.reached(),
        })
    }
}

/// All figures of a run.
#[derive(Debug, Default)]
pub struct Figures {
    part: String,
    found: Vec<Value>,
    missed: usize,
}

impl Figures {
    /// The figures that follow are of this part.
    pub fn begin(&mut self, part: &str) {
        part.clone_into(&mut self.part);
        println!("\n{part}");
        let heads = ["figure", "ours", "reference", "ratio", "target", "reached"];
        println!("{}", row(heads.map(str::to_owned).each_ref().map(String::as_str)));
    }

    /// Prints and keeps a figure.
    pub fn add(&mut self, figure: &Figure) {
        println!("{}", figure.row());
        self.missed += usize::from(figure.reached() == Some(false));
        self.found.push(figure.to_json(&self.part));
    }

    /// How many targets were missed.
    pub fn missed(&self) -> usize {
        self.missed
    }

    /// Writes them all as JSON.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, file: &Path) -> Outcome<()> {
        let whole = json!({
            "at": jiff::Timestamp::now().to_string(),
            "cores": std::thread::available_parallelism().map_or(0, usize::from),
            "figures": self.found,
        });
        std::fs::write(file, format!("{whole:#}\n")).during(file.display())
    }
}

/// The value in the middle; of an even number of them the higher of the two, 0 of none.
pub fn median(values: &[f64]) -> f64 {
    share(values, 0.5)
}

/// The value below which that share of all values lies.
pub fn share(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() as f64 * share) as usize;
    let last = sorted.len().saturating_sub(1);
    sorted.get(place.min(last)).copied().unwrap_or(0.0)
}

fn row(cells: [&str; 6]) -> String {
    let [name, ours, reference, ratio, target, reached] = cells;
    format!("  {name:<58} {ours:>20}  {reference:<28} {ratio:>6}  {target:>12}  {reached}")
}

/// A number as people read it: three digits that count, and whole above a hundred.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        large if large >= 100.0 => thousands(value),
        large if large >= 10.0 => format!("{value:.1}"),
        large if large >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        let left = digits.len() - place;
        if place > 0 && left.is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_reached_by_the_figure_or_by_its_ratio() {
        let cpu = Figure::new("cpu", 0.08, "core");
        assert_eq!(cpu.clone().target(Target::AtMost(0.08)).reached(), Some(true));
        assert_eq!(cpu.clone().target(Target::AtLeast(0.09)).reached(), Some(false));
        let beside = cpu.beside(0.1, "poller");
        assert_eq!(
            beside.clone().target(Target::RatioAtMost(0.81)).reached(),
            Some(true)
        );
        assert_eq!(beside.target(Target::RatioAtLeast(0.9)).reached(), Some(false));
        let alone = Figure::new("x", 1.0, "").target(Target::RatioAtLeast(0.5));
        assert_eq!(alone.reached(), None, "without its reference nothing can be said");
    }

    #[test]
    fn numbers_are_written_as_people_read_them() {
        let cases = [
            (0.0, "0"),
            (0.0634, "0.063"),
            (7.25, "7.25"),
            (31.04, "31.0"),
            (750_000.4, "750,000"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn the_median_and_other_shares_are_values_that_were_measured() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(share(&[1.0, 2.0, 3.0, 4.0], 0.99), 4.0);
        assert_eq!(median(&[]), 0.0);
    }
}
