//! Reads the keys of a `rule(…)` call's map, each as the kind of thing that it must be.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Fault, Site};
use rhai::{Dynamic, FnPtr, Position};

use crate::script::{Ran, Said, place};
use crate::span;

/// What a rule may refer to.
pub(crate) struct Ground<'site> {
    pub(crate) site: &'site Site,
    /// Bundled and own procedures by file name.
    pub(crate) procedures: BTreeMap<String, String>,
}

/// What is being read, and the mistakes found so far.
pub(crate) struct Form<'form> {
    pub(crate) said: &'form Said,
    pub(crate) ran: &'form Ran,
    pub(crate) ground: &'form Ground<'form>,
    pub(crate) faults: &'form mut Vec<Fault>,
}

impl Form<'_> {
    /// What `read` makes of a key that must be there.
    pub(crate) fn required<Value>(
        &mut self,
        key: &str,
        read: impl Fn(&mut Self, &str) -> Option<Value>,
    ) -> Option<Value> {
        if !self.said.map.contains_key(key) {
            self.fault_at(
                self.said.position,
                format!("the rule `{}` has no `{key}`", self.said.id),
            );
        }
        read(self, key)
    }

    /// A closure of one device; `None` when it is absent or wrong.
    pub(crate) fn closure(&mut self, key: &str) -> Option<FnPtr> {
        let value = self.value(key)?;
        let closure = value.clone().try_cast::<FnPtr>().filter(|closure| {
            let library = self.ran.ast.shared_lib();
            library
                .get_script_fn(closure.fn_name(), closure.curry().len() + 1)
                .is_some()
        });
        if closure.is_none() {
            self.wrong_kind(key, &value, "a closure of one device, `|d| …`");
        }
        closure.map(forgetful)
    }

    /// A span of time; none at all when it is absent or wrong.
    pub(crate) fn span(&mut self, key: &str) -> Duration {
        let Some(text) = self.text(key) else {
            return Duration::ZERO;
        };
        span::parse(&text).unwrap_or_else(|wrong| {
            self.fault(key, wrong);
            Duration::ZERO
        })
    }

    /// True or false; false when it is absent or wrong.
    pub(crate) fn flag(&mut self, key: &str) -> bool {
        let Some(value) = self.value(key) else {
            return false;
        };
        value.as_bool().unwrap_or_else(|_| {
            self.wrong_kind(key, &value, "true or false");
            false
        })
    }

    /// A text; `None` when it is absent or wrong.
    pub(crate) fn text(&mut self, key: &str) -> Option<String> {
        let value = self.value(key)?;
        let text = value.clone().into_string();
        text.map_err(|_| self.wrong_kind(key, &value, "a text in quotes"))
            .ok()
    }

    /// Whatever stands at a key.
    pub(crate) fn value(&self, key: &str) -> Option<Dynamic> {
        self.said.map.get(key).cloned()
    }

    /// Tells that a key holds another kind of thing.
    pub(crate) fn wrong_kind(&mut self, key: &str, value: &Dynamic, right: &str) {
        self.fault(
            key,
            format!("`{key}` is {right}, not a value of type {}", value.type_name()),
        );
    }

    /// Tells a mistake at a key.
    pub(crate) fn fault(&mut self, key: &str, text: String) {
        let position = self.said.keys.get(key).copied().unwrap_or(self.said.position);
        self.fault_at(position, text);
    }

    /// Tells a mistake at a place of the file.
    pub(crate) fn fault_at(&mut self, position: Position, text: String) {
        let place = place(&self.ran.file, position);
        self.faults.push(Fault::new(place, text));
    }
}

/// A closure with copies of what it captured. Rhai lets closures share what they capture and change it; a rule that remembers
/// would say of one device what it saw of another.
pub(crate) fn forgetful(mut closure: FnPtr) -> FnPtr {
    closure
        .iter_curry_mut()
        .for_each(|captured| *captured = captured.flatten_clone());
    closure
}
