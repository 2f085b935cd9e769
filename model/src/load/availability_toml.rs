//! What `[availability.CLASS]` has: how much of the time a class must work.

use std::collections::{BTreeMap, BTreeSet};

use super::names::shown;
use super::nearest::suggestion;
use super::table::Table;
use crate::AvailabilityTarget;

/// The bundled file's name.
pub(super) const FILE: &str = "availability.toml";

/// What a site's own targets stand on.
pub(super) struct Known<'site> {
    /// The classes that its profiles have.
    pub(super) classes: &'site BTreeSet<&'site str>,
    /// The bundled targets.
    pub(super) targets: &'site BTreeMap<String, AvailabilityTarget>,
}

/// The targets of a file, by class. `known` is nothing for the bundled file, which comes before all classes.
pub(super) fn targets(table: &Table<'_>, known: Option<&Known<'_>>) -> BTreeMap<String, AvailabilityTarget> {
    let mut targets = BTreeMap::new();
    for class in table.own_keys() {
        let base = known.and_then(|known| known.targets.get(class.value));
        if let Some(known) = known.filter(|known| !known.classes.contains(class.value)) {
            let near = suggestion(class.value, known.classes.iter().copied());
            let class_name = shown(class.value);
            table.fault(
                class.spot,
                format!("no profile has the class `{class_name}`{near}"),
            );
        }
        let target = table.table(class.value, |row| target(row, base)).flatten();
        targets.extend(target.map(|target| (class.value.to_owned(), target)));
    }
    targets
}

fn target(row: &Table<'_>, base: Option<&AvailabilityTarget>) -> Option<AvailabilityTarget> {
    row.bilingual("covers");
    let quote = row.string("quote").map(|given| given.value.to_owned());
    let right = "percent of the time, above 0 and up to 100, such as 99.5";
    let percent = row.number("target_percent");
    let percent = row.needed("target_percent", right, percent)?;
    if percent.value <= 0.0 || percent.value > 100.0 {
        row.fault_of("target_percent", percent.spot, format!("write {right}"));
        return None;
    }
    Some(AvailabilityTarget {
        target_percent: percent.value,
        quote: quote
            .or_else(|| base.map(|base| base.quote.clone()))
            .unwrap_or_default(),
    })
}
