//! Cases: written samples of a made-up device, and what rules must say of it at which times.
//!
//! `read` reads a case's two files; here it is run, on every profile that has the case's points.

mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::{
    Batch, ConnectionIndex, Dense, Device, DeviceIndex, Fault, Missing, Place, PointId, Profile, Sample,
    Site, Unit,
};

pub use read::CaseFiles;

use crate::{Judge, Judgement, RuleIndex, Rules, Verdict, bundled};
use read::Cell;

/// Every case begins then; its times count from there.
const BEGINNING: i64 = 1_767_225_600;

/// A case as it was read.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its folder's name.
    pub name: String,
    /// Whether it came with the gateway. Of such a case only the shipped rules are asked.
    shipped: bool,
    columns: Vec<String>,
    polls: Vec<Poll>,
    expected: Vec<Expected>,
}

/// A line of `samples.csv`.
#[derive(Clone, Debug)]
struct Poll {
    after: Duration,
    /// One for each column.
    cells: Vec<Cell>,
    place: Place,
}

/// A line of `expected.csv`.
#[derive(Clone, Debug)]
struct Expected {
    after: Duration,
    rule: String,
    said: Said,
    place: Place,
}

/// What a rule says, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It holds.
    Holds,
    /// It does not.
    Clear,
    /// Nobody can say.
    Unknown,
    /// The script failed.
    Broken,
}

impl Said {
    const ALL: [Self; 4] = [Self::Holds, Self::Clear, Self::Unknown, Self::Broken];

    fn of(verdict: Option<&Verdict>) -> Self {
        match verdict {
            Some(Verdict::Holds) => Self::Holds,
            Some(Verdict::Clear) => Self::Clear,
            Some(Verdict::Unknown) | None => Self::Unknown,
            Some(Verdict::Broken(_)) => Self::Broken,
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Holds => "holds",
            Self::Clear => "clear",
            Self::Unknown => "unknown",
            Self::Broken => "broken",
        })
    }
}

/// One expected verdict, compared on one profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// Where it is expected.
    pub place: Place,
    /// Which rule.
    pub rule: String,
    /// On a device of which profile.
    pub profile: String,
    /// When, from the case's beginning.
    pub after: Duration,
    /// What was expected.
    pub expected: Said,
    /// What was said.
    pub said: Said,
    /// How the script failed, if it did.
    pub failure: Option<String>,
}

impl Compared {
    /// Whether what was said is what was expected.
    pub fn is_right(&self) -> bool {
        self.expected == self.said
    }
}

/// The cases that come with the gateway.
pub fn shipped_cases() -> Vec<CaseFiles> {
    bundled::cases()
}

impl Case {
    /// Runs the case on a made-up device of every profile that has its points and that the rule watches.
    ///
    /// # Errors
    /// What it says does not fit the site's profiles and rules.
    pub fn run(&self, rules: &Arc<Rules>, site: &Site) -> Result<Vec<Compared>, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut compared = Vec::new();
        let mut asked: BTreeMap<&str, RuleIndex> = BTreeMap::new();
        for expected in &self.expected {
            match rules.by_id(&expected.rule) {
                Some((_, rule)) if self.shipped && !bundled::is_of(&rule.place.file) => {}
                Some((index, _)) => {
                    asked.insert(&expected.rule, index);
                }
                None if self.shipped => {}
                None => faults.push(Fault::new(
                    expected.place.clone(),
                    format!("the site has no rule `{}`", expected.rule),
                )),
            }
        }
        for (rule, index) in asked {
            let mut watched = 0;
            for id in rules.profiles(index) {
                let profile = site.profiles.get(id).filter(|profile| self.fits(profile));
                let Some(profile) = profile else { continue };
                watched += 1;
                match self.run_on(rules, site, profile, rule, index) {
                    Ok(more) => compared.extend(more),
                    Err(fault) => faults.push(fault),
                }
            }
            if watched == 0
                && let Some(expected) = self.expected.iter().find(|expected| expected.rule == rule)
            {
                let columns = self.columns.join(", ");
                faults.push(Fault::new(
                    expected.place.clone(),
                    format!("no profile that `{rule}` watches has all of {columns}"),
                ));
            }
        }
        if faults.is_empty() {
            Ok(compared)
        } else {
            Err(faults)
        }
    }

    fn fits(&self, profile: &Profile) -> bool {
        self.columns.iter().all(|column| profile.point(column).is_some())
    }

    fn run_on(
        &self,
        rules: &Arc<Rules>,
        site: &Site,
        profile: &Arc<Profile>,
        rule: &str,
        index: RuleIndex,
    ) -> Result<Vec<Compared>, Fault> {
        let mut judge = Judge::new(Arc::clone(rules), Arc::new(site_of_one(site, profile)));
        let mut polls = self.polls.iter().peekable();
        let mut verdict = None;
        let take = |judgements: Vec<Judgement>, verdict: &mut Option<Verdict>| {
            let newest = judgements.into_iter().rfind(|said| said.rule == index);
            *verdict = newest.map(|said| said.verdict).or(verdict.take());
        };
        let mut compared = Vec::new();
        for expected in self.expected.iter().filter(|expected| expected.rule == rule) {
            while let Some(poll) = polls.next_if(|poll| poll.after <= expected.after) {
                pass_time(&mut judge, moment(poll.after), |said| take(said, &mut verdict));
                take(judge.take(&batch(poll, &self.columns, profile)?), &mut verdict);
            }
            pass_time(&mut judge, moment(expected.after), |said| {
                take(said, &mut verdict)
            });
            let failure = match &verdict {
                Some(Verdict::Broken(how)) => Some(how.clone()),
                _ => None,
            };
            compared.push(Compared {
                place: expected.place.clone(),
                rule: rule.to_owned(),
                profile: profile.id.clone(),
                after: expected.after,
                expected: expected.said,
                said: Said::of(verdict.as_ref()),
                failure,
            });
        }
        Ok(compared)
    }
}

fn moment(after: Duration) -> Timestamp {
    Timestamp::from_second(BEGINNING)
        .and_then(|beginning| beginning.checked_add(after))
        .unwrap_or(Timestamp::MAX)
}

/// Lets windows say what they say by themselves until a moment.
fn pass_time(judge: &mut Judge, until: Timestamp, mut take: impl FnMut(Vec<Judgement>)) {
    while let Some(due) = judge.next_due().filter(|due| *due <= until) {
        take(judge.tick(due));
    }
}

fn batch(poll: &Poll, columns: &[String], profile: &Profile) -> Result<Batch, Fault> {
    let mut samples = BTreeMap::new();
    for (column, cell) in columns.iter().zip(&poll.cells) {
        let Some((position, point)) = profile.point(column) else {
            continue;
        };
        let reading = cell.reading(point).map_err(|wrong| {
            Fault::new(
                poll.place.clone(),
                format!("`{column}` of {}: {wrong}", profile.id),
            )
        })?;
        if let Some(reading) = reading {
            let point = PointId(u32::try_from(position).unwrap_or(u32::MAX));
            samples.insert(point, Sample { point, reading });
        }
    }
    // A device that does not answer says so of every point that it has.
    let silence = model::Reading::Missing(Missing::NoAnswer);
    if samples.values().all(|sample| sample.reading == silence) {
        for position in 0..u32::try_from(profile.points.len()).unwrap_or(0) {
            let point = PointId(position);
            samples.entry(point).or_insert_with(|| Sample {
                point,
                reading: silence.clone(),
            });
        }
    }
    Ok(Batch {
        device: DeviceIndex(0),
        at: moment(poll.after),
        order: 0,
        samples: samples.into_values().collect(),
    })
}

/// The site with one made-up device of a profile in the place of its own.
fn site_of_one(site: &Site, profile: &Arc<Profile>) -> Site {
    let device = Device {
        id: "case".into(),
        name: "case".into(),
        profile: Arc::clone(profile),
        connection: ConnectionIndex(0),
        unit: Unit::Modbus(1),
        building: String::new(),
        location: String::new(),
        interval: Duration::from_secs(1),
        in_service: true,
        first_point: PointId(0),
        place: Place::default(),
    };
    Site {
        devices: Dense::new(vec![device]),
        ..site.clone()
    }
}
