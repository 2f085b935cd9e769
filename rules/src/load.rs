//! Turns the bundled scripts and the site's own into checked rules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{Dense, Fault, Place, Profile, Script, Site};
use rhai::Engine;

use crate::draft::draft;
use crate::form::Ground;
use crate::rule::{Body, Rule, Rules};
use crate::script::{Collector, Ran, Said, place};
use crate::{bundled, sandbox, trial};

/// The most rules that a site can have; more is a script that runs away.
const MOST_RULES: usize = 10_000;

/// The rules of a site, and every mistake in its scripts in the order of places: the bundled rules, then the site's own.
///
/// An own file of the same name as a bundled one replaces it, and so does an own rule of the same id. What is faulty is left
/// out; the rest can be judged.
pub fn load(site: &Site) -> (Rules, Vec<Fault>) {
    let own_files: BTreeSet<&str> = site
        .scripts
        .iter()
        .map(|script| file_name(&script.file))
        .collect();
    let bundled: Vec<Script> = bundled::scripts()
        .into_iter()
        .filter(|script| !own_files.contains(file_name(&script.file)))
        .collect();
    load_scripts(&bundled, site)
}

/// The same with other scripts for the bundled ones.
pub(crate) fn load_scripts(bundled: &[Script], site: &Site) -> (Rules, Vec<Fault>) {
    let mut procedures = bundled::procedures();
    procedures.extend(site.procedures.clone());
    let ground = Ground { site, procedures };
    let mut loading = Loading {
        ground,
        collector: Collector::new(),
        trial_engine: sandbox::trial_engine(),
        faults: Vec::new(),
    };
    let shipped = loading.read(bundled);
    let own = loading.read(&site.scripts);
    let kept = shipped
        .rules
        .into_iter()
        .filter(|(rule, _)| !own.ids.contains_key(&rule.id));
    let (list, bodies): (Vec<Rule>, Vec<Body>) = kept.chain(own.rules).unzip();
    let mut faults = loading.faults;
    faults.sort();
    faults.dedup();
    (
        Rules {
            engine: sandbox::engine(),
            list: Dense::new(list),
            bodies: Dense::new(bodies),
        },
        faults,
    )
}

/// The last part of a path.
fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

struct Loading<'site> {
    ground: Ground<'site>,
    collector: Collector,
    trial_engine: Engine,
    faults: Vec<Fault>,
}

/// What files of one origin say.
#[derive(Default)]
struct Origin {
    /// Where each id was said first, whether its rule is right or faulty.
    ids: BTreeMap<String, Place>,
    rules: Vec<(Rule, Body)>,
}

impl Loading<'_> {
    /// Reads files of one origin, in which an id may stand once.
    fn read(&mut self, scripts: &[Script]) -> Origin {
        let mut origin = Origin::default();
        for script in scripts {
            let Some(ran) = self.collector.run(script, &mut self.faults) else {
                continue;
            };
            for said in &ran.said {
                self.read_rule(said, &ran, &mut origin);
            }
        }
        origin
    }

    fn read_rule(&mut self, said: &Said, ran: &Ran, origin: &mut Origin) {
        let place = place(&ran.file, said.position);
        if let Some(first) = origin.ids.get(&said.id) {
            self.faults.push(Fault::new(
                place,
                format!("the rule `{}` is there already, at {first}", said.id),
            ));
            return;
        }
        if origin.ids.len() >= MOST_RULES {
            self.faults.push(Fault::new(
                place,
                format!("a site has at most {MOST_RULES} rules"),
            ));
            return;
        }
        origin.ids.insert(said.id.clone(), place);
        if let Some((rule, body)) = draft(said, ran, &self.ground, &mut self.faults)
            && self.stands_trial(said, &rule, &body)
        {
            origin.rules.push((rule, body));
        }
    }

    /// Whether the rule answers for made-up devices of each profile that it watches.
    fn stands_trial(&mut self, said: &Said, rule: &Rule, body: &Body) -> bool {
        let profiles: Vec<Arc<Profile>> = body
            .profiles
            .iter()
            .filter_map(|id| self.ground.site.profiles.get(id))
            .cloned()
            .collect();
        let told_before = self.faults.len();
        for profile in profiles {
            for (key, failure) in trial::failures(&self.trial_engine, body, &profile) {
                let key_position = said.keys.get(key).copied().unwrap_or(said.position);
                let position = if failure.position.is_none() {
                    key_position
                } else {
                    failure.position
                };
                let text = format!("`{key}` of the rule `{}` fails: {}", rule.id, failure.text);
                self.faults
                    .push(Fault::new(place(&rule.place.file, position), text));
            }
        }
        self.faults.len() == told_before
    }
}

#[cfg(test)]
mod tests;
