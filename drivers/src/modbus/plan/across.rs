//! What would come in one read only if something that was learnt of a device did not hold any more.

use model::ModbusLimits;

use super::super::learnt::{Learnt, Stretch};
use super::span::{BIT_GAP, REGISTER_GAP, end_of, touches_skipped};
use super::{Plan, Read};

/// For each border between two reads of the plan the points on both sides of it, and for each read as long as the device takes one
/// as long as was refused. Nothing is read that no plan would read.
pub(crate) fn across(plan: &Plan, limits: &ModbusLimits, learnt: &Learnt) -> Vec<Stretch> {
    let pairs = plan.reads.iter().zip(plan.reads.iter().skip(1));
    pairs
        .filter(|(left, right)| left.table == right.table && u32::from(right.first) >= end_of(left))
        .filter_map(|(left, right)| {
            if learnt.parts(left.table, left.first, u32::from(right.first)) {
                over_the_border(left, right, limits)
            } else {
                as_was_refused(left, right, learnt)
            }
        })
        .collect()
}

fn over_the_border(left: &Read, right: &Read, limits: &ModbusLimits) -> Option<Stretch> {
    let (end, next) = (end_of(left), u32::from(right.first));
    let gap = if left.table.is_bits() {
        BIT_GAP
    } else {
        REGISTER_GAP
    };
    if next > end + gap || touches_skipped(left.table, end, next, limits) {
        return None;
    }
    let last = left.slots.iter().map(|slot| slot.offset).max()?;
    let first = left.first.checked_add(u16::try_from(last).ok()?)?;
    let beyond = right.slots.iter().filter(|slot| slot.offset == 0);
    let end = usize::from(right.first) + beyond.map(|slot| slot.length).min()?;
    Some(Stretch {
        table: left.table,
        first,
        count: u16::try_from(end.checked_sub(usize::from(first))?).ok()?,
    })
}

fn as_was_refused(left: &Read, right: &Read, learnt: &Learnt) -> Option<Stretch> {
    let refused = learnt.length(left.table).refused?;
    let is_within = u32::from(left.first) + u32::from(refused) <= end_of(right);
    let is_longer = end_of(left) == u32::from(right.first) && refused > left.count;
    (is_within && is_longer).then_some(Stretch {
        count: refused,
        ..left.stretch()
    })
}
