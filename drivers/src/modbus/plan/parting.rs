//! A refused read in two parts, so that what was refused about it can be found.

use super::Read;
use super::span::narrow;

/// A read in two parts; `None` when all its points overlap. It is parted at its widest gap, since what stands there is
/// nobody's wish, and else in the middle.
pub(crate) fn part(read: &Read) -> Option<(Read, Read)> {
    let mut slots = read.slots.clone();
    slots.sort_by_key(|slot| (slot.offset, slot.length));
    let mut end = slots.first()?.end();
    let mut best: Option<((usize, usize), usize, usize)> = None;
    for (position, slot) in slots.iter().enumerate().skip(1) {
        if slot.offset >= end {
            let off_middle = slot.offset.abs_diff(usize::from(read.count) / 2);
            let worth = (slot.offset - end, usize::MAX - off_middle);
            if best.is_none_or(|(worst, _, _)| worth > worst) {
                best = Some((worth, position, end));
            }
        }
        end = end.max(slot.end());
    }
    let (_, position, left_end) = best?;
    let mut right = slots.split_off(position);
    let at = right.first()?.offset;
    for slot in &mut right {
        slot.offset -= at;
    }
    let part = |first: usize, count: usize, slots| Read {
        table: read.table,
        first: read.first.saturating_add(narrow(first as u32)),
        count: narrow(count as u32),
        slots,
    };
    Some((part(0, left_end, slots), part(at, end - at, right)))
}
