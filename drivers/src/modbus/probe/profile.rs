//! A profile to start from: what a device has, under names that say where it stands.

use std::fmt::Write as _;

use model::{DataType, Order, RegisterTable, Value};

use super::ask::Found;
use super::guess::{Guess, meaning};

/// The text of a profile of what was found, each point with its likeliest meaning and what it said.
pub fn profile(found: &Found, link: &str, unit: u8) -> String {
    let mut text = format!(
        "# Probed from {link}, unit {unit}. Types are guesses: compare them with the device's display, give the points names that\n\
         # people know, units and ranges, and leave out what nobody needs.\n\
         # 由 {link} 单元 {unit} 探测得到。类型为推测:请与设备显示对照,改好名称、单位和量程,删去不需要的点位。\n\
         class = \"unknown\"\n\
         name = {{ zh = \"未知设备\", en = \"Unknown device\" }}\n"
    );
    for (table, found) in &found.tables {
        if table.is_bits() {
            for (number, bit) in &found.values {
                point(&mut text, *table, *number, "bool", None, &bit.to_string());
            }
            continue;
        }
        for (number, guess) in meaning(&found.values) {
            let order = (guess.data_type.registers() > 1).then(|| order_name(guess.order));
            point(
                &mut text,
                *table,
                number,
                &type_name(guess.data_type),
                order,
                &shown(&guess),
            );
        }
    }
    text
}

/// Writing into a text never fails.
fn point(
    text: &mut String,
    table: RegisterTable,
    number: u16,
    data_type: &str,
    order: Option<&str>,
    value: &str,
) {
    let name = table.name();
    let _ = write!(
        text,
        "\n[[point]]\nname = \"{name}_{number}\"\ntitle = {{ zh = \"{name} {number}\", en = \"{name} {number}\" }}\n\
         address = \"{name}:{number}\"\ntype = \"{data_type}\"   # {value}\n"
    );
    if let Some(order) = order {
        let _ = writeln!(text, "order = \"{order}\"");
    }
}

/// The name of a type as a profile writes it.
pub(super) fn type_name(data_type: DataType) -> String {
    match data_type {
        DataType::String(bytes) => format!("string({bytes})"),
        DataType::Bit(bit) => format!("bit({bit})"),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn order_name(order: Order) -> &'static str {
    match order {
        Order::Abcd => "ABCD",
        Order::Cdab => "CDAB",
        Order::Badc => "BADC",
        Order::Dcba => "DCBA",
    }
}

/// A value on one line of a comment.
fn shown(guess: &Guess) -> String {
    match &guess.value {
        Value::Number(number) => number.to_string(),
        Value::Bool(state) => state.to_string(),
        Value::Text(text) => text.chars().filter(|letter| !letter.is_control()).collect(),
    }
}

impl Guess {
    /// Its type, its order where it has one, and what it says: `f32 CDAB 21.5`.
    pub fn line(&self) -> String {
        let order = if self.data_type.registers() > 1 && !self.data_type.is_text() {
            format!(" {}", order_name(self.order))
        } else {
            String::new()
        };
        format!("{}{order} {}", type_name(self.data_type), shown(self))
    }
}

#[cfg(test)]
mod tests {
    use super::super::ask::TableFound;
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_profile_that_is_written_is_one_that_the_gateway_reads() {
        let registers = TableFound {
            values: BTreeMap::from([
                (0, 0x41ac),
                (1, 0),
                (2, 7),
                (9, 0x4143),
                (10, 0x4d45),
                (11, 0x2d50),
                (12, 0x3031),
            ]),
            refused: None,
        };
        let bits = TableFound {
            values: BTreeMap::from([(3, 1)]),
            refused: None,
        };
        let found = Found {
            tables: [(RegisterTable::Holding, registers), (RegisterTable::Coil, bits)].into(),
            ..Found::default()
        };
        let text = profile(&found, "modbus+tcp://plc:502", 1);
        let site = "site = { id = \"s\", name = \"s\", timezone = \"UTC\" }\n[connections.a]\nurl = \"modbus+tcp://plc\"\n";
        let devices = "id,name,profile,connection,unit,building,location,interval,in_service\nd,设备,probed,a,1,,,,true\n";
        let folder = model::Folder::of_texts([
            ("gateway.toml", site),
            ("devices.csv", devices),
            ("profiles/probed.toml", text.as_str()),
        ]);
        let loading = model::load(&folder, []);
        assert_eq!(loading.faults, [], "{text}");
        let device = loading.site.devices.values().next().unwrap();
        assert_eq!(device.profile.points.len(), 4);
        assert_eq!(crate::check(&loading.site), []);
    }
}
