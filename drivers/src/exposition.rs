//! The counts of all devices and connections in Prometheus' text format, written when somebody reads them.

use std::fmt::{Display, Write as _};

use crate::Percentiles;
use crate::durations::{Counted, Durations};

/// One name, and what it says of each device or connection.
pub(crate) struct Family<Counted> {
    name: &'static str,
    kind: &'static str,
    of: fn(&Counted) -> u64,
}

impl<Counted> Family<Counted> {
    /// What only rises.
    pub(crate) fn counter(name: &'static str, of: fn(&Counted) -> u64) -> Self {
        let kind = "counter";
        Self { name, kind, of }
    }

    /// What rises and falls.
    pub(crate) fn gauge(name: &'static str, of: fn(&Counted) -> u64) -> Self {
        let kind = "gauge";
        Self { name, kind, of }
    }
}

/// Writes families of those that are counted, each under `label` with its name.
pub(crate) fn write<'field, Counted: 'field>(
    out: &mut String,
    families: &[Family<Counted>],
    label: &str,
    counted: impl Iterator<Item = (&'field str, &'field Counted)> + Clone,
) {
    for Family { name, kind, of } in families {
        line(out, format_args!("# TYPE {name} {kind}"));
        for (who, counts) in counted.clone() {
            line(
                out,
                format_args!("{name}{{{label}=\"{}\"}} {}", Escaped(who), of(counts)),
            );
        }
    }
}

/// Writes how long polls took, of those of which it is known, each under `label` with its name; in seconds.
pub(crate) fn write_latencies<'field>(
    out: &mut String,
    name: &str,
    label: &str,
    known: impl Iterator<Item = (&'field str, Percentiles)>,
) {
    line(out, format_args!("# TYPE {name} gauge"));
    for (who, Percentiles { p50, p95, p99, .. }) in known {
        for (quantile, took) in [("0.5", p50), ("0.95", p95), ("0.99", p99)] {
            line(
                out,
                format_args!(
                    "{name}{{{label}=\"{}\",quantile=\"{quantile}\"}} {}",
                    Escaped(who),
                    took.as_secs_f64()
                ),
            );
        }
    }
}

/// Writes how long something took, as a histogram.
pub(crate) fn write_durations(out: &mut String, name: &str, durations: &Durations) {
    let Counted { up_to, count, sum } = durations.counted();
    line(out, format_args!("# TYPE {name} histogram"));
    for (bound, count) in up_to {
        line(out, format_args!("{name}_bucket{{le=\"{bound}\"}} {count}"));
    }
    line(out, format_args!("{name}_bucket{{le=\"+Inf\"}} {count}"));
    line(out, format_args!("{name}_sum {}", sum.as_secs_f64()));
    line(out, format_args!("{name}_count {count}"));
}

fn line(out: &mut String, text: impl Display) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

/// A label's value: a backslash, a quote or the end of a line would end it.
struct Escaped<'text>(&'text str);

impl Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '\\' => formatter.write_str("\\\\")?,
                '"' => formatter.write_str("\\\"")?,
                '\n' => formatter.write_str("\\n")?,
                letter => formatter.write_char(letter)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_polls_took_has_a_line_a_quantile() {
        let ms = std::time::Duration::from_millis;
        let known = Percentiles {
            p50: ms(20),
            p95: ms(25),
            p99: ms(500),
            of: 64,
        };
        let mut out = String::new();
        write_latencies(
            &mut out,
            "facility_latency_seconds",
            "device",
            [("pump-1", known)].into_iter(),
        );
        let expected = "# TYPE facility_latency_seconds gauge\n\
                        facility_latency_seconds{device=\"pump-1\",quantile=\"0.5\"} 0.02\n\
                        facility_latency_seconds{device=\"pump-1\",quantile=\"0.95\"} 0.025\n\
                        facility_latency_seconds{device=\"pump-1\",quantile=\"0.99\"} 0.5\n";
        assert_eq!(out, expected);
    }

    #[test]
    fn how_long_something_took_is_a_histogram() {
        let durations = Durations::default();
        for ms in [2, 3_000, 20_000] {
            durations.record(std::time::Duration::from_millis(ms));
        }
        let mut out = String::new();
        write_durations(&mut out, "facility_poll_seconds", &durations);
        let lines: Vec<_> = out.lines().collect();
        assert_eq!(lines[0], "# TYPE facility_poll_seconds histogram");
        assert_eq!(lines[1], "facility_poll_seconds_bucket{le=\"0.0001\"} 0");
        assert_eq!(lines[4], "facility_poll_seconds_bucket{le=\"0.0025\"} 1");
        let last = [
            "facility_poll_seconds_bucket{le=\"15\"} 2",
            "facility_poll_seconds_bucket{le=\"+Inf\"} 3",
            "facility_poll_seconds_sum 23.002",
            "facility_poll_seconds_count 3",
        ];
        assert_eq!(lines[15..], last);
    }

    #[test]
    fn every_count_has_a_line_under_its_name_and_no_name_can_break_it() {
        let counts = [("pump-1", 3_u64), ("a\"b\\c\nd", 4)];
        let families = [Family::counter("facility_polls_total", |count: &u64| *count)];
        let mut out = String::new();
        let counted = counts.iter().map(|(who, count)| (*who, count));
        write(&mut out, &families, "device", counted);
        let expected = "# TYPE facility_polls_total counter\n\
                        facility_polls_total{device=\"pump-1\"} 3\n\
                        facility_polls_total{device=\"a\\\"b\\\\c\\nd\"} 4\n";
        assert_eq!(out, expected);
    }
}
