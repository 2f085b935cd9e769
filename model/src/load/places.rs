//! Checks where the points of a profile stand: all in one kind of place, none on another, and each where it can be read.

use std::collections::BTreeMap;

use super::point_toml::ReadPoint;
use super::table::Table;
use crate::{Address, DataType, ModbusLimits, RegisterTable};

/// A point's registers, both ends included.
#[derive(Clone, Copy)]
struct Placed<'points, 'site> {
    table: RegisterTable,
    first: u32,
    last: u32,
    read: &'points ReadPoint<'site>,
}

/// Notes every mistake of the points' places; points without a right address or type are passed over.
pub(super) fn check_places(root: &Table<'_>, points: &[ReadPoint<'_>], modbus: Option<&ModbusLimits>) {
    check_one_kind(root, points, modbus.is_some());
    check_pointers(root, points);
    let limits = modbus.cloned().unwrap_or_default();
    let mut placed: Vec<Placed<'_, '_>> = points.iter().filter_map(placed).collect();
    for point in &placed {
        check_readable(root, point, &limits);
    }
    placed.sort_by_key(|point| (point.table, point.first));
    check_overlaps(root, &placed);
}

fn placed<'points, 'site>(read: &'points ReadPoint<'site>) -> Option<Placed<'points, 'site>> {
    let Address::Register { table, number } = read.point.address else {
        return None;
    };
    let first = u32::from(number);
    let last = first + u32::from(read.point.data_type.registers().max(1)) - 1;
    read.is_placed.then_some(Placed {
        table,
        first,
        last,
        read,
    })
}

/// A profile is for Modbus or for MQTT, as its first point says.
fn check_one_kind(root: &Table<'_>, points: &[ReadPoint<'_>], has_modbus: bool) {
    let is_register = |read: &ReadPoint<'_>| matches!(read.point.address, Address::Register { .. });
    let mut placed = points.iter().filter(|read| read.is_placed);
    let Some(first) = placed.next() else { return };
    let kind = if is_register(first) {
        "registers"
    } else {
        "JSON pointers"
    };
    for other in placed.filter(|read| is_register(read) != is_register(first)) {
        let text = format!("the points before this one stand in {kind}: a profile has one kind of address");
        root.fault(other.address_spot, text);
    }
    if let (Some(field), false) = (root.field("modbus").filter(|_| has_modbus), is_register(first)) {
        root.fault(
            field.spot,
            "a profile with JSON pointers has no `[modbus]`: leave it out",
        );
    }
}

fn check_pointers(root: &Table<'_>, points: &[ReadPoint<'_>]) {
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    for read in points.iter().filter(|read| read.is_placed) {
        let Address::Pointer(pointer) = &read.point.address else {
            continue;
        };
        if let Some(other) = taken.insert(pointer, &read.point.name) {
            root.fault(
                read.address_spot,
                format!("`{other}` stands at `{pointer}` already"),
            );
        }
    }
}

/// No two points may share a register, but for the bits of one. The points come in the order of their places.
fn check_overlaps(root: &Table<'_>, placed: &[Placed<'_, '_>]) {
    // Of the points so far, the one that reaches furthest: an overlap with any of them is one with this.
    let mut furthest: Option<Placed<'_, '_>> = None;
    for point in placed {
        let before = furthest.filter(|other| other.table == point.table);
        if let Some(other) =
            before.filter(|other| other.last >= point.first && !are_bits_of_one_register(other, point))
        {
            let (name, other) = (&point.read.point.name, &other.read.point.name);
            let text =
                format!("`{name}` overlaps `{other}`: two points can't share a register, but for bits");
            root.fault(point.read.address_spot, text);
        }
        if before.is_none_or(|other| other.last <= point.last) {
            furthest = Some(*point);
        }
    }
}

fn are_bits_of_one_register(left: &Placed<'_, '_>, right: &Placed<'_, '_>) -> bool {
    let types = (left.read.point.data_type, right.read.point.data_type);
    let are_two_bits = matches!(types, (DataType::Bit(one), DataType::Bit(other)) if one != other);
    are_two_bits && left.first == right.first
}

/// A point must fit into one answer, and stand clear of what is never read.
fn check_readable(root: &Table<'_>, point: &Placed<'_, '_>, limits: &ModbusLimits) {
    let name = &point.read.point.name;
    let most = if point.table.is_bits() {
        limits.max_bits
    } else {
        limits.max_registers
    };
    if point.last - point.first + 1 > u32::from(most) {
        let text = format!("`{name}` takes more registers than one answer may have here ({most})");
        root.fault(point.read.address_spot, text);
    }
    let skipped = limits.skip.iter().find(|span| {
        span.table == point.table
            && u32::from(span.first) <= point.last
            && point.first <= u32::from(span.last)
    });
    if let Some(span) = skipped {
        let (table, first, last) = (point.table.name(), span.first, span.last);
        let text =
            format!("`{name}` stands in {table}:{first}-{last}, which `modbus.skip` says is never read");
        root.fault(point.read.address_spot, text);
    }
}
