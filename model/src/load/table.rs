//! Reads a TOML table key by key, with what the environment says instead; whatever was not asked for is a mistake.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use toml::de::DeTable;

use super::environment::Overrides;
use super::field::{Field, Given};
use super::names::{said, shown};
use super::nearest::suggestion;
use super::source::{Source, Spot};
use crate::Text;

/// A table that is being read. Every key that is asked for becomes known; when it has been read, those that nobody asked for
/// are reported.
pub(super) struct Table<'site> {
    source: &'site Source<'site>,
    path: String,
    entries: Option<&'site DeTable<'site>>,
    overrides: Option<&'site Overrides>,
    spot: Spot<'site>,
    known: RefCell<BTreeSet<String>>,
    /// Which of the known keys are tables.
    opened: RefCell<BTreeSet<String>>,
}

impl<'site> Table<'site> {
    /// The whole of a document, and what the environment says instead.
    pub(super) fn root(
        source: &'site Source<'site>,
        entries: &'site DeTable<'site>,
        overrides: &'site Overrides,
    ) -> Self {
        Self {
            source,
            path: String::new(),
            entries: Some(entries),
            overrides: Some(overrides),
            spot: Spot::Offset(0),
            known: RefCell::default(),
            opened: RefCell::default(),
        }
    }

    /// Notes a mistake.
    pub(super) fn fault(&self, spot: Spot<'_>, text: impl std::fmt::Display) {
        self.source.fault(spot, text);
    }

    /// Notes a mistake of a key's value.
    pub(super) fn fault_of(&self, key: &str, spot: Spot<'_>, text: impl std::fmt::Display) {
        self.source.fault(spot, format!("`{}`: {text}", self.full(key)));
    }

    /// Notes a mistake of a key that has a value, at that value; does nothing where it has none.
    pub(super) fn fault_if_given(&self, key: &str, text: impl std::fmt::Display) {
        if let Some(field) = self.field(key) {
            self.fault_of(key, field.spot, text);
        }
    }

    /// Whether a part of the file is not TOML.
    pub(super) fn is_broken(&self) -> bool {
        self.source.is_broken()
    }

    /// How many mistakes the file has so far.
    pub(super) fn fault_count(&self) -> usize {
        self.source.fault_count()
    }

    /// Where the table begins.
    pub(super) fn spot(&self) -> Spot<'site> {
        self.spot
    }

    /// A key's name from the top of the file on.
    pub(super) fn full(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// The value of a key, whatever its type.
    pub(super) fn field(&self, key: &str) -> Option<Field<'site>> {
        self.known.borrow_mut().insert(key.to_owned());
        let overriding = self.overrides.and_then(|overrides| overrides.keys.get(key));
        if let Some((variable, value)) = overriding.and_then(|found| found.said.as_ref()) {
            return Some(Field::of_variable(variable, value));
        }
        self.entries?.get(key).map(Field::of_file)
    }

    /// Whether a key has a value, right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.field(key).is_some()
    }

    /// A text.
    pub(super) fn string(&self, key: &str) -> Option<Given<'site, &'site str>> {
        let field = self.field(key)?;
        let given = field.string();
        if given.is_none() {
            self.fault_of(key, field.spot, "this must be a text in quotes");
        }
        given
    }

    /// A text that means something: `parse` says what, or what would be right.
    pub(super) fn parsed<T>(
        &self,
        key: &str,
        parse: impl FnOnce(&'site str) -> Result<T, String>,
    ) -> Option<Given<'site, T>> {
        let Given { value, spot } = self.string(key)?;
        match parse(value) {
            Ok(value) => Some(Given { value, spot }),
            Err(text) => {
                self.fault_of(key, spot, text);
                None
            }
        }
    }

    /// A whole number within bounds, both included.
    pub(super) fn whole(&self, key: &str, bounds: RangeInclusive<i64>) -> Option<Given<'site, i64>> {
        let field = self.field(key)?;
        let value = field.whole().filter(|value| bounds.contains(value));
        if value.is_none() {
            self.fault_of(
                key,
                field.spot,
                format!("write a whole number from {} to {}", bounds.start(), bounds.end()),
            );
        }
        value.map(|value| Given {
            value,
            spot: field.spot,
        })
    }

    /// A finite number.
    pub(super) fn number(&self, key: &str) -> Option<Given<'site, f64>> {
        let field = self.field(key)?;
        let value = field.number();
        if value.is_none() {
            self.fault_of(key, field.spot, "write a number");
        }
        value.map(|value| Given {
            value,
            spot: field.spot,
        })
    }

    /// The items of an array; none when there is no such key.
    pub(super) fn array(&self, key: &str) -> Option<Given<'site, Vec<Field<'site>>>> {
        let field = self.field(key)?;
        let items = field.items().map(Iterator::collect);
        if items.is_none() {
            self.fault_of(key, field.spot, "this must be a list in square brackets");
        }
        items.map(|value| Given {
            value,
            spot: field.spot,
        })
    }

    /// A text in both languages, `{ zh = "…", en = "…" }`; neither may be empty.
    pub(super) fn bilingual(&self, key: &str) -> Option<Given<'site, Text>> {
        let field = self.field(key)?;
        let spot = field.spot;
        if field.entries().is_none() {
            self.fault_of(
                key,
                spot,
                "write it in both languages: `{ zh = \"…\", en = \"…\" }`",
            );
            return None;
        }
        let read = |table: &Table<'site>| {
            let half = |language| table.parsed(language, said);
            let zh = table.needed("zh", "the text in Chinese", half("zh"));
            let en = table.needed("en", "the text in English", half("en"));
            Some(Text::new(zh?.value, en?.value))
        };
        self.table(key, read).flatten().map(|value| Given { value, spot })
    }

    /// Notes that a key is missing, if it is; `what` says what to write. In a file that is not TOML throughout nothing is told
    /// to be missing.
    pub(super) fn needed<T>(&self, key: &str, what: &str, given: Option<T>) -> Option<T> {
        if given.is_none() && !self.has(key) && !self.is_broken() {
            self.fault(
                self.spot,
                format!("`{}` is missing: write {what}", self.full(key)),
            );
        }
        given
    }

    /// Reads the table of a key, if there is one in the file or in the environment.
    pub(super) fn table<T>(&self, key: &str, read: impl FnOnce(&Table<'site>) -> T) -> Option<T> {
        self.opened.borrow_mut().insert(key.to_owned());
        let overrides = self.overrides.and_then(|overrides| overrides.keys.get(key));
        let overrides = overrides.filter(|overrides| !overrides.keys.is_empty());
        let field = self.field(key);
        let entries = field.and_then(Field::entries);
        let spot = match field {
            Some(field) => field.spot,
            None => Spot::Variable(overrides?.first_variable()?),
        };
        match (entries, spot) {
            (None, Spot::Variable(_)) if field.is_some() => {
                let text = "this names a whole table: name a key of it after two underscores";
                self.fault_of(key, spot, text);
                None
            }
            (None, Spot::Offset(_)) => {
                let text = format!("this must be a table, such as `[{}]`", self.full(key));
                self.fault_of(key, spot, text);
                None
            }
            _ => Some(self.inner(key, entries, overrides, spot).read_whole(read)),
        }
    }

    /// Reads every table of an array of tables, `[[key]]`.
    pub(super) fn tables<T>(&self, key: &str, mut read: impl FnMut(&Table<'site>) -> T) -> Vec<T> {
        let Some(field) = self.field(key) else {
            return Vec::new();
        };
        let not_tables = |spot| {
            self.fault_of(
                key,
                spot,
                format!("write each one under its own `[[{}]]`", self.full(key)),
            );
            None
        };
        let Some(items) = field.items() else {
            return not_tables(field.spot).into_iter().collect();
        };
        items
            .filter_map(|item| match item.entries() {
                Some(entries) => Some(
                    self.inner(key, Some(entries), None, item.spot)
                        .read_whole(&mut read),
                ),
                None => not_tables(item.spot),
            })
            .collect()
    }

    /// The keys that the file has, with where each stands: for tables whose keys are names of the site's own.
    pub(super) fn own_keys(&self) -> Vec<Given<'site, &'site str>> {
        let entries = self.entries.into_iter().flat_map(DeTable::iter);
        entries
            .map(|(key, _)| Given {
                value: key.get_ref().as_ref(),
                spot: Spot::Offset(key.span().start),
            })
            .collect()
    }

    fn inner(
        &self,
        key: &str,
        entries: Option<&'site DeTable<'site>>,
        overrides: Option<&'site Overrides>,
        spot: Spot<'site>,
    ) -> Self {
        let (known, opened) = (RefCell::default(), RefCell::default());
        Self {
            source: self.source,
            path: self.full(key),
            entries,
            overrides,
            spot,
            known,
            opened,
        }
    }

    /// Lets `read` take what it knows, then reports every key that it did not ask for.
    pub(super) fn read_whole<T>(self, read: impl FnOnce(&Table<'site>) -> T) -> T {
        let value = read(&self);
        self.report_unknown();
        value
    }

    fn report_unknown(&self) {
        let known = self.known.borrow();
        let known = known.iter().map(String::as_str);
        for Given { value: key, spot } in self.own_keys() {
            if self.source.is_full() {
                return;
            }
            if !self.known.borrow().contains(key) {
                let near = suggestion(key, known.clone());
                self.fault(spot, format!("unknown key `{}`{near}", shown(&self.full(key))));
            }
        }
        for (key, overrides) in self.overrides.into_iter().flat_map(|overrides| &overrides.keys) {
            if self.known.borrow().contains(key) {
                self.report_below_a_value(key, overrides);
                continue;
            }
            let near = suggestion(key, known.clone());
            for variable in overrides.variables() {
                self.fault(
                    Spot::Variable(variable),
                    format!("it names an unknown key `{}`{near}", shown(&self.full(key))),
                );
            }
        }
    }

    /// A variable that names a key inside of a key that is a plain value.
    fn report_below_a_value(&self, key: &str, overrides: &Overrides) {
        if self.opened.borrow().contains(key) {
            return;
        }
        for (inner, overrides) in &overrides.keys {
            for variable in overrides.variables() {
                let (key, inner) = (self.full(key), shown(inner));
                self.fault(
                    Spot::Variable(variable),
                    format!("it names an unknown key `{key}.{inner}`: `{key}` has none"),
                );
            }
        }
    }
}
