//! A rule as it was loaded, and all of a site's rules.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use model::{Class, Dense, DenseId, Device, Place, Severity, Text};
use rhai::{AST, Engine, FnPtr, Position};

use crate::native::Native;
use crate::reads::Reads;

/// A rule's number in a loaded site; it lives one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleIndex(pub u32);

impl DenseId for RuleIndex {
    fn position(self) -> usize {
        self.0 as usize
    }
    fn at(position: usize) -> Self {
        Self(u32::try_from(position).unwrap_or(u32::MAX))
    }
}

/// A condition on a class of devices, and what is to be made of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// `[a-z][a-z0-9_-]*`, unique in the site.
    pub id: String,
    /// Which class it watches; `None` for every class (`"*"`).
    pub class: Option<Class>,
    /// How long the condition must hold before an alarm rises.
    pub after: Duration,
    /// How long it must be clear before the alarm returns.
    pub clear_after: Duration,
    /// Whether the alarm stays until a person resets it.
    pub latch: bool,
    /// How bad it is.
    pub severity: Severity,
    /// The row of the service standard that its ticket takes; none: no ticket.
    pub ticket: Option<String>,
    /// What to do about it, Markdown, if there is a procedure.
    pub procedure: Option<Text>,
    /// The points that its condition reads, in the order of their names.
    pub points: Vec<String>,
    /// Where it stands.
    pub place: Place,
}

/// What judging a rule needs and nobody outside sees.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    /// The file that it stands in, with the functions that it calls.
    pub(crate) ast: Arc<AST>,
    /// The closure `when`.
    pub(crate) when: Condition,
    /// The closure `clear`.
    pub(crate) clear: Option<Condition>,
    /// How it tells people, in Chinese …
    pub(crate) zh: Saying,
    /// … and in English.
    pub(crate) en: Saying,
    /// What `when` and `clear` read.
    pub(crate) condition: Reads,
    /// What the summary reads.
    pub(crate) summary: Reads,
    /// The profiles that have all of it, by id.
    pub(crate) profiles: BTreeSet<String>,
}

/// A closure that says whether something is so.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) closure: FnPtr,
    /// Where its key stands: the place of a failure that has none of its own.
    pub(crate) position: Position,
    /// The same without Rhai, where it is so simple.
    pub(crate) native: Option<Native>,
}

/// Half a summary.
#[derive(Clone, Debug)]
pub(crate) enum Saying {
    /// Always the same.
    Plain(String),
    /// Worked out from the device.
    Worked(FnPtr),
}

impl Saying {
    /// Its closure, if it is worked out.
    pub(crate) fn closure(&self) -> Option<&FnPtr> {
        match self {
            Self::Worked(closure) => Some(closure),
            Self::Plain(_) => None,
        }
    }
}

/// A site's rules, loaded and checked.
pub struct Rules {
    pub(crate) engine: Engine,
    pub(crate) list: Dense<RuleIndex, Rule>,
    pub(crate) bodies: Dense<RuleIndex, Body>,
}

impl Rules {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Every rule with its number: bundled files first, each in its own order.
    pub fn iter(&self) -> impl Iterator<Item = (RuleIndex, &Rule)> {
        self.list.iter()
    }

    /// The rule of a number.
    pub fn get(&self, rule: RuleIndex) -> Option<&Rule> {
        self.list.get(rule)
    }

    /// The rule of that id.
    pub fn by_id(&self, id: &str) -> Option<(RuleIndex, &Rule)> {
        self.iter().find(|(_, rule)| rule.id == id)
    }

    /// Whether the rule watches this device: its class, and a profile that has every point that the rule reads.
    /// A device out of service is watched by none.
    pub fn applies_to(&self, rule: RuleIndex, device: &Device) -> bool {
        device.in_service
            && self
                .bodies
                .get(rule)
                .is_some_and(|body| body.profiles.contains(&device.profile.id))
    }

    /// The ids of the profiles whose devices the rule watches, in order.
    pub fn profiles(&self, rule: RuleIndex) -> impl Iterator<Item = &str> {
        self.bodies
            .get(rule)
            .into_iter()
            .flat_map(|body| body.profiles.iter().map(String::as_str))
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.list.values()).finish()
    }
}
