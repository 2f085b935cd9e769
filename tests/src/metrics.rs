//! Prometheus's text format, as far as a test reads it.

use std::collections::{BTreeMap, BTreeSet};

/// What `/metrics` said at one moment.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    series: BTreeMap<String, f64>,
}

impl Metrics {
    /// Reads the text; lines that are no series are left out.
    pub fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let series = lines.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self {
            series: series.collect(),
        }
    }

    /// The sum of a metric's series whose labels hold all of the given pairs; 0 if there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let wanted: Vec<String> = labels
            .iter()
            .map(|(key, value)| format!("{key}=\"{value}\""))
            .collect();
        let matching = self.series.iter().filter(|(series, _)| {
            let (series_name, rest) = series.split_once('{').unwrap_or((series, ""));
            series_name == name && wanted.iter().all(|label| rest.contains(label))
        });
        matching.map(|(_, value)| value).sum()
    }

    /// The names of every metric.
    pub fn names(&self) -> BTreeSet<&str> {
        self.series
            .keys()
            .map(|series| series.split('{').next().unwrap_or(series))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_summed_by_their_labels() {
        let metrics =
            Metrics::read("# TYPE a counter\na{device=\"x\",reason=\"full\"} 2\na{device=\"y\"} 3\nab 5\n");
        assert_eq!(metrics.sum("a", &[]), 5.0);
        assert_eq!(metrics.sum("a", &[("device", "x")]), 2.0);
        assert_eq!(metrics.sum("b", &[]), 0.0);
        assert_eq!(metrics.names(), BTreeSet::from(["a", "ab"]));
    }
}
