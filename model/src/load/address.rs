//! Reads where a point stands: `holding:0` in a Modbus device, `/pressure` in an MQTT message.

use super::names::{one_of, shown};
use crate::{Address, RegisterTable, SkippedRegisters};

const TABLES: [(&str, RegisterTable); 4] = [
    ("coil", RegisterTable::Coil),
    ("discrete", RegisterTable::Discrete),
    ("input", RegisterTable::Input),
    ("holding", RegisterTable::Holding),
];

/// Reads an address: `coil:`, `discrete:`, `input:` or `holding:` with a zero-based number, or a JSON pointer (RFC 6901).
///
/// # Errors
/// What would be right; for an address in the 40001 style: what it means here.
pub(super) fn address(text: &str) -> Result<Address, String> {
    if text.is_empty() || text.starts_with('/') {
        return pointer(text);
    }
    if let Some((table, number)) = conventional(text) {
        return Err(format!(
            "`{text}` is {}:{number} here: addresses count from zero",
            table.name()
        ));
    }
    let Some((table, number)) = text.split_once(':') else {
        return Err(format!(
            "`{}` is no address: write a table and a number from zero, such as `holding:0`, or for MQTT a JSON pointer, such as `/pressure`",
            shown(text)
        ));
    };
    let table = one_of("table", table, &TABLES)?;
    Ok(Address::Register {
        table,
        number: register_number(table, number)?,
    })
}

/// Reads registers that are never read: `holding:40-47`, or one, `holding:40`.
///
/// # Errors
/// What would be right.
pub(super) fn skipped(text: &str) -> Result<SkippedRegisters, String> {
    let wrong = || {
        format!(
            "`{}` names no registers: write `holding:40-47`, or `holding:40` for one",
            shown(text)
        )
    };
    let (table, numbers) = text.split_once(':').ok_or_else(wrong)?;
    let table = one_of("table", table, &TABLES)?;
    let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
    let (first, last) = (register_number(table, first)?, register_number(table, last)?);
    if first > last {
        return Err(format!(
            "`{text}` ends before it begins: write the smaller number first"
        ));
    }
    Ok(SkippedRegisters { table, first, last })
}

fn pointer(text: &str) -> Result<Address, String> {
    let escapes_are_right = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if escapes_are_right {
        return Ok(Address::Pointer(text.to_owned()));
    }
    Err(format!(
        "`{}` is no JSON pointer: write `~0` for `~` and `~1` for `/` inside a name",
        shown(text)
    ))
}

/// A register's number. A decimal one that looks like the 40001 style with its table's own digit is refused, since it is
/// nearly always that; who does mean register 40001 writes it in hexadecimal.
fn register_number(table: RegisterTable, text: &str) -> Result<u16, String> {
    if let Some(hexadecimal) = text.strip_prefix("0x") {
        return u16::from_str_radix(hexadecimal, 16)
            .map_err(|_| format!("`{}` is no register: write 0x0 to 0xFFFF", shown(text)));
    }
    if let Some((meant, number)) =
        conventional(text).filter(|(meant, _)| *meant == table && table != RegisterTable::Coil)
    {
        let name = meant.name();
        let literally = text.parse::<u16>().map_or(String::new(), |literally| {
            format!("; if register {literally} counted from zero is meant, write `{name}:{literally:#x}`")
        });
        return Err(format!(
            "`{name}:{text}` is {name}:{number} here: addresses count from zero{literally}"
        ));
    }
    let is_plain = !text.is_empty() && text.chars().all(|digit| digit.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain).ok_or_else(|| {
        let name = table.name();
        format!(
            "`{}` is no number of a register: write {name}:0 to {name}:65535",
            shown(text)
        )
    })
}

/// What `40001` or `400001` means: five or six digits, the first one the table, the others counted from one.
pub(super) fn conventional(text: &str) -> Option<(RegisterTable, u16)> {
    if !matches!(text.len(), 5 | 6) || !text.chars().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let (table, number) = text.split_at_checked(1)?;
    let table = match table {
        "0" => RegisterTable::Coil,
        "1" => RegisterTable::Discrete,
        "3" => RegisterTable::Input,
        "4" => RegisterTable::Holding,
        _ => return None,
    };
    let number: u32 = number.parse().ok()?;
    Some((table, u16::try_from(number.checked_sub(1)?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_its_table_and_counts_from_zero() {
        for (text, table, number) in [
            ("holding:0", RegisterTable::Holding, 0),
            ("input:65535", RegisterTable::Input, 65535),
            ("coil:10", RegisterTable::Coil, 10),
            ("discrete:9", RegisterTable::Discrete, 9),
            ("input:40001", RegisterTable::Input, 40001),
            ("holding:0x9c41", RegisterTable::Holding, 40001),
        ] {
            assert_eq!(address(text), Ok(Address::Register { table, number }), "{text}");
        }
        assert_eq!(address("/a~1b/0"), Ok(Address::Pointer("/a~1b/0".to_owned())));
        assert_eq!(address(""), Ok(Address::Pointer(String::new())));
    }

    #[test]
    fn an_address_in_the_40001_style_is_answered_with_what_it_means_here() {
        for (text, meaning) in [
            ("40001", "holding:0"),
            ("400001", "holding:0"),
            ("465536", "holding:65535"),
            ("30010", "input:9"),
            ("10001", "discrete:0"),
            ("00001", "coil:0"),
            ("holding:40001", "holding:0"),
            ("holding:400101", "holding:100"),
            ("input:30001", "input:0"),
        ] {
            let error = address(text).unwrap_err();
            assert!(
                error.starts_with(&format!("`{text}` is {meaning} here")),
                "{text}: {error}"
            );
        }
        assert!(
            address("holding:40001")
                .unwrap_err()
                .ends_with("write `holding:0x9c41`")
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "pressure",
            "holding",
            "holding:",
            "holding:-1",
            "holding:+1",
            "holding:65536",
            "hold:1",
            "7",
            "/a~2",
            "40000",
            "holding:0x10000",
        ] {
            assert!(address(text).is_err(), "{text}");
        }
        assert!(
            address("hodling:1")
                .unwrap_err()
                .contains("did you mean `holding`?")
        );
    }

    #[test]
    fn skipped_registers_are_a_span_with_both_ends() {
        let span = |first, last| {
            Ok(SkippedRegisters {
                table: RegisterTable::Holding,
                first,
                last,
            })
        };
        assert_eq!(skipped("holding:40-47"), span(40, 47));
        assert_eq!(skipped("holding:40"), span(40, 40));
        for wrong in ["holding", "holding:47-40", "holding:1-", "holding:a-b", "40-47"] {
            assert!(skipped(wrong).is_err(), "{wrong}");
        }
    }
}
