//! What a `[[point]]` of a profile has.

use std::collections::BTreeMap;

use super::address::{address, conventional};
use super::data_type::{can_be, data_type, order};
use super::names::{check_name, one_of, plain};
use super::source::Spot;
use super::table::Table;
use crate::{Address, DataType, Metered, Order, Point, Range, RegisterTable, Scale, Text};

/// A point as far as it is right, and where its name and its address stand.
pub(super) struct ReadPoint<'site> {
    pub(super) point: Point,
    pub(super) name_spot: Spot<'site>,
    pub(super) address_spot: Spot<'site>,
    /// Whether address and type are right, so that they can be compared with other points'.
    pub(super) is_placed: bool,
}

/// Reads a point; `None` when it has no name. What is wrong is told and stands as a default, so that rules which read the
/// point are not told to be wrong, too.
pub(super) fn read<'site>(table: &Table<'site>) -> Option<ReadPoint<'site>> {
    let faults_before = table.fault_count();
    let name = table.parsed("name", check_point_name);
    let name = table.needed("name", "what rules call it, such as `outlet_pressure`", name);
    let title = table.bilingual("title");
    let title = table.needed("title", "`{ zh = \"…\", en = \"…\" }`", title);
    let unit = table.parsed("unit", plain);
    let address = read_address(table);
    let data_type = table.parsed("type", data_type);
    let data_type = table.needed("type", "how it is written there, such as `u16`", data_type);
    let order = table.parsed("order", order);
    let scale = table.number("scale");
    let offset = table.number("offset");
    let (range, missing) = (range(table), missing(table));
    let every = table.whole("every", 1..=1_000_000);
    let labels = table.table("labels", labels);
    let meter = table.parsed("meter", |text| one_of("kind of meter", text, &Metered::NAMES));

    let is_placed = address.is_some() && data_type.is_some();
    let point = Point {
        name: name?.value.to_owned(),
        title: title.map(|given| given.value).unwrap_or_default(),
        unit: unit.map_or("", |given| given.value).to_owned(),
        address: address.unwrap_or(Address::Pointer(String::new())),
        data_type: data_type.map_or(DataType::F64, |given| given.value),
        order: order.map_or(Order::Abcd, |given| given.value),
        scale: scale.map_or(Scale::ONE, |given| given.value.into()),
        offset: offset.map_or(0.0, |given| given.value),
        range,
        missing,
        every: every
            .and_then(|given| u32::try_from(given.value).ok())
            .unwrap_or(1),
        labels: labels.unwrap_or_default(),
        meter: meter.map(|given| given.value),
    };
    if table.fault_count() == faults_before {
        check_together(table, &point);
    }
    let address_spot = table.field("address").map_or(table.spot(), |field| field.spot);
    Some(ReadPoint {
        point,
        name_spot: name?.spot,
        address_spot,
        is_placed,
    })
}

fn check_point_name(name: &str) -> Result<&str, String> {
    check_name(name)?;
    // InfluxDB keeps a field of that name from being written or read.
    if name == "time" {
        return Err("`time` is what telemetry calls the moment of a reading: choose another name".to_owned());
    }
    Ok(name)
}

fn read_address(table: &Table<'_>) -> Option<Address> {
    let field = table.field("address");
    if let Some((field, number)) = field.and_then(|field| Some((field, field.whole()?))) {
        let text = match conventional(&number.to_string()) {
            Some((table, zero_based)) => {
                format!(
                    "{number} is `\"{}:{zero_based}\"` here: addresses count from zero",
                    table.name()
                )
            }
            None => "a number alone is no address: write its table, too, such as `\"holding:0\"`".to_owned(),
        };
        table.fault_of("address", field.spot, text);
        return None;
    }
    let given = table.parsed("address", address);
    let right = "where it stands, such as `holding:0`, or for MQTT `/pressure`";
    table.needed("address", right, given).map(|given| given.value)
}

fn range(table: &Table<'_>) -> Option<Range> {
    let given = table.array("range")?;
    let numbers: Vec<Option<f64>> = given.value.iter().map(|item| item.number()).collect();
    let wrong = match numbers.as_slice() {
        [Some(low), Some(high)] if low <= high => {
            return Some(Range {
                low: *low,
                high: *high,
            });
        }
        [Some(low), Some(high)] => format!("its low end is above its high end: write [{high}, {low}]"),
        _ => "write two numbers, the lowest and the highest plausible value".to_owned(),
    };
    table.fault_of("range", given.spot, wrong);
    None
}

fn missing(table: &Table<'_>) -> Vec<f64> {
    let items = table.array("missing").map_or(Vec::new(), |given| given.value);
    let mut values = Vec::new();
    for item in items {
        let value = item.number();
        if value.is_none() {
            let right = "write the raw numbers that mean \"no value\", such as [65535]";
            table.fault_of("missing", item.spot, right);
        }
        values.extend(value);
    }
    values
}

fn labels(table: &Table<'_>) -> BTreeMap<i64, Text> {
    let mut labels = BTreeMap::new();
    for key in table.own_keys() {
        let text = table.bilingual(key.value);
        match key.value.parse() {
            Ok(value) => labels.extend(text.map(|text| (value, text.value))),
            Err(_) => table.fault_of(
                key.value,
                key.spot,
                "a label belongs to a whole number, such as `0`",
            ),
        }
    }
    labels
}

/// Whether the keys fit one another: each of them is right alone, and some may be wrong together.
fn check_together(table: &Table<'_>, point: &Point) {
    match &point.address {
        Address::Register {
            table: registers,
            number,
        } => check_register(table, point, *registers, *number),
        Address::Pointer(_) => check_pointer(table, point),
    }
    if point.data_type.is_bool() || point.data_type.is_text() {
        for key in ["scale", "offset", "range", "missing", "meter"] {
            table.fault_if_given(key, "only a number has this: leave it out");
        }
    } else {
        check_missing(table, point);
    }
    if point.data_type.is_text() {
        table.fault_if_given("labels", "a text says itself what it means: leave it out");
    }
    if point.scale.factor() == 0.0 {
        table.fault_if_given(
            "scale",
            "with 0 every value would be the same: write another number",
        );
    }
}

fn check_register(table: &Table<'_>, point: &Point, registers: RegisterTable, number: u16) {
    if registers.is_bits() && point.data_type != DataType::Bool {
        table.fault_if_given("type", format!("a {} is one bit: write `bool`", registers.name()));
    }
    if u32::from(number) + u32::from(point.data_type.registers()) > 65_536 {
        table.fault_if_given("address", "the value would reach beyond register 65535");
    }
    if point.data_type.registers() <= 1 {
        table.fault_if_given(
            "order",
            "only a type over one register has an order: leave it out",
        );
    }
}

fn check_pointer(table: &Table<'_>, point: &Point) {
    if matches!(point.data_type, DataType::Bit(_) | DataType::Bcd) {
        table.fault_if_given(
            "type",
            "JSON has no such type: write `f64`, `bool` or `string(n)`",
        );
    }
    table.fault_if_given("order", "JSON has no order of bytes: leave it out");
    table.fault_if_given("every", "a message has all its points at once: leave it out");
}

/// A value that the type never has can't mean "no value": often it is a signed one, written as if it had no sign.
fn check_missing(table: &Table<'_>, point: &Point) {
    let Some(raw) = point.missing.iter().find(|raw| !can_be(point.data_type, **raw)) else {
        return;
    };
    let hint = if point.data_type == DataType::I16 && can_be(DataType::U16, *raw) {
        format!(": as i16 it is {}", raw - 65_536.0)
    } else {
        String::new()
    };
    table.fault_if_given("missing", format!("a value of this type is never {raw}{hint}"));
}
