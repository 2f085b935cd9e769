//! The models think in MPa, metres, kW and kWh; a profile may show the same quantity in another unit.

use model::Point;

/// A model's number in the unit that the point's profile shows it in.
pub(crate) fn in_unit_of(point: &Point, number: f64) -> f64 {
    number * factor(&point.name, &point.unit)
}

fn factor(name: &str, unit: &str) -> f64 {
    let is = |word| name.contains(word);
    match unit {
        "kPa" if is("pressure") => 1000.0,
        "bar" if is("pressure") => 10.0,
        "Pa" if is("pressure") => 1e6,
        "mm" if is("level") => 1000.0,
        "cm" if is("level") => 100.0,
        "W" | "var" | "VA" if is("power") => 1000.0,
        "Wh" if is("energy") => 1000.0,
        "MWh" if is("energy") => 0.001,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pressure_in_kilopascal_is_a_thousand_times_one_in_megapascal() {
        assert_eq!(0.05 * factor("main_pressure", "kPa"), 50.0);
        assert_eq!(factor("main_pressure", "MPa"), 1.0);
        assert_eq!(factor("leakage_current", "mA"), 1.0);
    }
}
