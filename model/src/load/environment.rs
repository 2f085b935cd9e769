//! What environment variables say instead of the file: `FACILITY__INFLUXDB__URL` for `influxdb.url`.

use std::collections::{BTreeMap, HashMap};

use config::{Environment, Source as _};

use crate::{Fault, Place};

/// How many parts a key can have.
const DEEPEST_KEY: usize = 6;

/// What variables say of one table and of those inside it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Overrides {
    /// The variable that names this very key, and its value as it is written.
    pub(super) said: Option<(String, String)>,
    /// Those that name keys inside it.
    pub(super) keys: BTreeMap<String, Overrides>,
}

impl Overrides {
    /// Sorts the variables that are ours by the keys that they name. A single underscore belongs to a key's name,
    /// a double one separates keys; no type is guessed: a token `0123` stays that.
    pub(super) fn of(environment: impl IntoIterator<Item = (String, String)>) -> Self {
        let variables: HashMap<String, String> = environment.into_iter().collect();
        let names: HashMap<String, String> = variables
            .keys()
            .map(|name| (name.to_lowercase(), name.clone()))
            .collect();
        let source = Environment::with_prefix("FACILITY")
            .separator("__")
            .source(Some(variables));
        let mut overrides = Self::default();
        // Collecting from a map in hand can't fail: there is no variable in it that is not Unicode.
        for (key, value) in source.collect().unwrap_or_default() {
            let Ok(value) = value.into_string() else { continue };
            let lower = format!("facility__{}", key.replace('.', "__"));
            let variable = names.get(&lower).cloned().unwrap_or_else(|| lower.to_uppercase());
            // No key lies deeper; a variable of a thousand parts is one unknown key, not a thousand tables.
            let parts = key.splitn(DEEPEST_KEY, '.');
            let place = parts.fold(&mut overrides, |place, part| {
                place.keys.entry(part.to_owned()).or_default()
            });
            place.said = Some((variable, value));
        }
        overrides
    }

    /// Tells each variable whose value is not what was meant: whoever read the environment puts U+FFFD in the place of
    /// bytes that are not UTF-8.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let own = self
            .said
            .iter()
            .filter(|(_, value)| value.contains(char::REPLACEMENT_CHARACTER));
        let own = own.map(|(variable, _)| {
            let right = "its value is not UTF-8: write it again in that encoding";
            Fault::new(Place::new(variable.as_str(), 1, 1), right)
        });
        own.chain(self.keys.values().flat_map(Self::faults)).collect()
    }

    /// The first of its variables, in the order of the keys.
    pub(super) fn first_variable(&self) -> Option<&str> {
        self.variables().first().copied()
    }

    /// Every variable in it, in the order of the keys.
    pub(super) fn variables(&self) -> Vec<&str> {
        let own = self.said.iter().map(|(variable, _)| variable.as_str());
        own.chain(self.keys.values().flat_map(Self::variables)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overrides(variables: &[(&str, &str)]) -> Overrides {
        Overrides::of(
            variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    #[test]
    fn a_value_that_is_not_utf8_is_told_by_its_variable() {
        let found = overrides(&[
            ("FACILITY__INFLUXDB__TOKEN", "caf\u{FFFD}"),
            ("FACILITY__LISTEN", "127.0.0.1:1"),
        ]);
        let told: Vec<String> = found.faults().iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["FACILITY__INFLUXDB__TOKEN:1:1: its value is not UTF-8: write it again in that encoding"]
        );
    }

    #[test]
    fn a_double_underscore_separates_keys_and_a_value_stays_as_it_is_written() {
        let found = overrides(&[
            ("FACILITY__INFLUXDB__TOKEN", "0123"),
            ("FACILITY__CONNECTIONS__PUMP_ROOM_A__URL", "mqtt://b"),
            ("FACILITY_HOME", "not ours"),
            ("PATH", "/bin"),
        ]);
        assert_eq!(
            found.keys["influxdb"].keys["token"].said,
            Some(("FACILITY__INFLUXDB__TOKEN".to_owned(), "0123".to_owned()))
        );
        assert_eq!(
            found.variables(),
            [
                "FACILITY__CONNECTIONS__PUMP_ROOM_A__URL",
                "FACILITY__INFLUXDB__TOKEN"
            ]
        );
    }
}
