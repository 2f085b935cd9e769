//! Reads what a `rule(…)` call says into a rule, and tells everything that is wrong with it.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{Class, Fault, Profile, Severity, Text};
use rhai::{Dynamic, FnPtr, Map};

use crate::form::{Form, Ground, forgetful};
use crate::native;
use crate::nearest::suggestion;
use crate::reads::Reads;
use crate::rule::{Body, Condition, Rule, Saying};
use crate::script::{Ran, Said, place};

/// The keys of a rule's map.
const KEYS: [&str; 10] = [
    "class",
    "when",
    "clear",
    "after",
    "clear_after",
    "latch",
    "severity",
    "ticket",
    "summary",
    "procedure",
];

/// The rule that a call says; `None`, with faults told, when it is no rule.
pub(crate) fn draft(
    said: &Said,
    ran: &Ran,
    ground: &Ground<'_>,
    faults: &mut Vec<Fault>,
) -> Option<(Rule, Body)> {
    let told_before = faults.len();
    let mut form = Form {
        said,
        ran,
        ground,
        faults,
    };
    form.check_id();
    form.check_keys();
    let class = form.class();
    let when = form.required("when", Form::closure);
    let clear = form.closure("clear");
    let after = form.span("after");
    let clear_after = form.span("clear_after");
    let latch = form.flag("latch");
    let severity = form.required("severity", Form::severity);
    let ticket = form.ticket();
    let summary = form.required("summary", Form::summary);
    let procedure = form.procedure();
    let condition = form.reads(when.iter().chain(&clear));
    let sayings = summary.iter().flat_map(|(zh, en)| [zh, en]);
    let told = form.reads(sayings.filter_map(Saying::closure));
    let profiles = class
        .as_ref()
        .map(|class| form.profiles(class.as_ref(), &condition.and(&told)));
    // Only now, so that one mistake does not hide the next.
    if faults.len() > told_before {
        return None;
    }
    let mut points: Vec<String> = condition.points.iter().map(|(point, _)| point.clone()).collect();
    points.sort();
    let (id, place) = (said.id.clone(), place(&ran.file, said.position));
    let (class, severity, (zh, en)) = (class?, severity?, summary?);
    let rule = Rule {
        id,
        class,
        after,
        clear_after,
        latch,
        severity,
        ticket,
        procedure,
        points,
        place,
    };
    let read: Vec<String> = condition.points.iter().map(|(point, _)| point.clone()).collect();
    let compiled = |key: &str, closure: FnPtr| Condition {
        native: native::compile(&ran.ast, &closure, &read),
        position: said.keys.get(key).copied().unwrap_or(said.position),
        closure,
    };
    let body = Body {
        ast: Arc::clone(&ran.ast),
        when: compiled("when", when?),
        clear: clear.map(|closure| compiled("clear", closure)),
        zh,
        en,
        condition,
        summary: told,
        profiles: profiles?,
    };
    Some((rule, body))
}

/// Whether a name is of the form `[a-z][a-z0-9_-]*`.
fn is_id(name: &str) -> bool {
    let rest = |character: char| {
        character.is_ascii_lowercase() || character.is_ascii_digit() || "_-".contains(character)
    };
    name.starts_with(|character: char| character.is_ascii_lowercase()) && name.chars().all(rest)
}

impl Form<'_> {
    fn check_id(&mut self) {
        if !is_id(&self.said.id) {
            let text = format!(
                "`{}` is not a rule's id: write small letters, digits, - and _, a letter first",
                self.said.id
            );
            self.fault_at(self.said.position, text);
        }
    }

    fn check_keys(&mut self) {
        for key in self.said.map.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            let near = suggestion(key, KEYS);
            self.fault(
                key,
                format!("a rule has no `{key}`{near}; it has {}", KEYS.join(", ")),
            );
        }
    }

    /// The class: `Some(None)` for every class.
    fn class(&mut self) -> Option<Option<Class>> {
        let name = self.required("class", Form::text)?;
        if name == "*" {
            return Some(None);
        }
        let site = self.ground.site;
        let classes: BTreeSet<&str> = site
            .profiles
            .values()
            .map(|profile| profile.class.as_str())
            .collect();
        if !classes.contains(name.as_str()) {
            let near = suggestion(&name, classes);
            self.fault("class", format!("no profile is of the class `{name}`{near}"));
            return None;
        }
        Some(Some(Class(name.into())))
    }

    fn severity(&mut self, key: &str) -> Option<Severity> {
        let name = self.text(key)?;
        name.parse().map_err(|wrong| self.fault(key, wrong)).ok()
    }

    fn ticket(&mut self) -> Option<String> {
        let row = self.text("ticket")?;
        let rows = &self.ground.site.standard.deadlines;
        if !rows.contains_key(&row) {
            let near = suggestion(&row, rows.keys().map(String::as_str));
            self.fault("ticket", format!("the service standard has no row `{row}`{near}"));
        }
        Some(row)
    }

    fn procedure(&mut self) -> Option<Text> {
        let file = self.text("procedure")?;
        let Some(markdown) = self.ground.procedures.get(&file) else {
            let near = suggestion(&file, self.ground.procedures.keys().map(String::as_str));
            self.fault(
                "procedure",
                format!("there is no procedure `{file}`{near} in rules/procedures"),
            );
            return None;
        };
        let halves = halves_of(markdown);
        if halves.is_none() {
            let text = format!(
                "the procedure `{file}` needs two sections that start with `# `: the Chinese one, then the English one"
            );
            self.fault("procedure", text);
        }
        halves
    }

    fn summary(&mut self, key: &str) -> Option<(Saying, Saying)> {
        let value = self.value(key)?;
        let Some(mut halves) = value.clone().try_cast::<Map>() else {
            self.wrong_kind(key, &value, "#{ zh: …, en: … }");
            return None;
        };
        let mut half = |language: &str| {
            let said = halves.remove(language).and_then(saying);
            if said.is_none() {
                self.fault(
                    key,
                    format!("the summary needs `{language}`: a text, or a closure `|d| …` that gives one"),
                );
            }
            said
        };
        let both = (half("zh"), half("en"));
        for extra in halves.keys() {
            self.fault(key, format!("a summary has zh and en, no `{extra}`"));
        }
        both.0.zip(both.1)
    }

    /// What closures read, with every unclear use of the device told.
    fn reads<'closure>(&mut self, closures: impl IntoIterator<Item = &'closure FnPtr>) -> Reads {
        let mut reads = Reads::default();
        for closure in closures {
            for (position, text) in reads.add(&self.ran.ast, closure) {
                self.fault_at(position, text);
            }
        }
        reads
    }

    /// The profiles of the class that have all that is read.
    fn profiles(&mut self, class: Option<&Class>, reads: &Reads) -> BTreeSet<String> {
        let Some(class) = class else {
            for (point, position) in &reads.points {
                let text = format!(
                    "a rule for every class reads no points (`{point}`): only d.silent() and d.faulty()"
                );
                self.fault_at(*position, text);
            }
            return self.ground.site.profiles.keys().cloned().collect();
        };
        let site = self.ground.site;
        let of_class: Vec<&Arc<Profile>> = site.profiles_of(class).collect();
        let told_before = self.faults.len();
        for (point, position) in &reads.points {
            if !of_class.iter().any(|profile| profile.point(point).is_some()) {
                let names: BTreeSet<&str> = of_class
                    .iter()
                    .flat_map(|profile| &profile.points)
                    .map(|known| known.name.as_str())
                    .collect();
                let near = suggestion(point, names);
                self.fault_at(
                    *position,
                    format!("no profile of the class `{class}` has a point `{point}`{near}"),
                );
            }
        }
        let has_all = |profile: &&&Arc<Profile>| {
            reads
                .points
                .iter()
                .all(|(point, _)| profile.point(point).is_some())
        };
        let profiles: BTreeSet<String> = of_class
            .iter()
            .filter(has_all)
            .map(|profile| profile.id.clone())
            .collect();
        if profiles.is_empty() && self.faults.len() == told_before {
            let points: Vec<&str> = reads.points.iter().map(|(point, _)| point.as_str()).collect();
            let text = format!(
                "no profile of the class `{class}` has all that this rule reads: {}",
                points.join(", ")
            );
            self.fault_at(self.said.position, text);
        }
        profiles
    }
}

fn saying(value: Dynamic) -> Option<Saying> {
    if value.is_string() {
        return value.into_string().ok().map(Saying::Plain);
    }
    value.try_cast::<FnPtr>().map(forgetful).map(Saying::Worked)
}

/// The two sections of a procedure, each from its heading on: the first is Chinese, the second English.
fn halves_of(markdown: &str) -> Option<Text> {
    let starts: Vec<usize> = std::iter::once(0)
        .chain(markdown.match_indices('\n').map(|(newline, _)| newline + 1))
        .filter(|start| markdown.get(*start..).is_some_and(|rest| rest.starts_with("# ")))
        .collect();
    let [zh, en] = starts.as_slice() else { return None };
    Some(Text::new(
        markdown.get(*zh..*en)?.trim(),
        markdown.get(*en..)?.trim(),
    ))
}
