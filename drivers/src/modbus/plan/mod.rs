//! The fewest reads that bring all the points that are due: registers that stand together or near are read together.

mod across;
pub(crate) mod book;
mod parting;
mod span;

use model::{ModbusLimits, Point, RegisterTable};

use super::learnt::{Learnt, Stretch, Tried};
pub(crate) use across::across;
pub(crate) use parting::part;
use span::{Bounds, Span, begin, grow, holds};

/// One request, and where in its answer the points stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    /// Which table.
    pub(crate) table: RegisterTable,
    /// The first register or bit.
    pub(crate) first: u16,
    /// How many.
    pub(crate) count: u16,
    /// What is read.
    pub(crate) slots: Vec<Slot>,
}

/// Where a point stands in the answer to a read, and where its sample goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// The point's position in its profile.
    pub(crate) point: usize,
    /// The first of its registers or bits in the answer.
    pub(crate) offset: usize,
    /// How many there are.
    pub(crate) length: usize,
    /// Its sample's position in the batch.
    pub(crate) sample: usize,
}

impl Slot {
    fn end(&self) -> usize {
        self.offset + self.length
    }
}

/// What one poll of a device asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The positions of the points that are due or come along, in the profile's order: one sample each.
    pub(crate) due: Vec<usize>,
    /// The requests, by table and address.
    pub(crate) reads: Vec<Read>,
    /// Points that the device was seen to refuse: the position of the sample, and the exception's code.
    pub(crate) refused: Vec<(usize, u8)>,
}

impl Read {
    /// What is read.
    pub(crate) fn stretch(&self) -> Stretch {
        Stretch {
            table: self.table,
            first: self.first,
            count: self.count,
        }
    }

    /// What came of asking for it.
    pub(crate) fn tried(&self, refused: Option<u8>) -> Tried {
        Tried {
            stretch: self.stretch(),
            refused,
            is_alone: refused.is_some() && part(self).is_none(),
        }
    }
}

/// Plans the reads of the points that `is_due` names. A point that is not due comes along where it stands wholly inside a read that
/// is made anyway: what the device has answered is never thrown away.
///
/// No read crosses a register of `skip` or is longer than the limits, and no point is split over two reads. A point that cannot be
/// read within the limits ([`crate::check`] tells of it) is due all the same and has no read; nor has one that was refused.
pub(crate) fn plan(
    points: &[Point],
    limits: &ModbusLimits,
    learnt: &Learnt,
    is_due: impl Fn(&Point) -> bool,
) -> Plan {
    let bounds = Bounds { limits, learnt };
    let mut spans: Vec<Span> = points
        .iter()
        .enumerate()
        .filter_map(|(position, point)| Span::of(point, position))
        .filter(|span| span.is_readable(limits))
        .collect();
    let refused: Vec<(usize, u8)> = spans
        .iter()
        .filter_map(|span| Some((span.point, *learnt.refused.get(&span.stretch())?)))
        .collect();
    spans.retain(|span| !learnt.refused.contains_key(&span.stretch()));
    spans.sort_by_key(|span| (span.table, span.first, span.point));
    let mut reads = Vec::<Read>::new();
    for span in spans
        .iter()
        .filter(|span| points.get(span.point).is_some_and(&is_due))
    {
        match reads.last_mut().filter(|read| bounds.let_grow(read, span)) {
            Some(read) => grow(read, span),
            None => reads.push(begin(span)),
        }
    }
    let place = |span: &Span| reads.iter().position(|read| holds(read, span));
    let places: Vec<(&Span, usize)> = spans
        .iter()
        .filter_map(|span| Some((span, place(span)?)))
        .collect();
    let comes_along = |position: usize| places.iter().any(|(span, _)| span.point == position);
    let due: Vec<usize> = points
        .iter()
        .enumerate()
        .filter(|(position, point)| is_due(point) || comes_along(*position))
        .map(|(position, _)| position)
        .collect();
    let slots: Vec<(usize, Slot)> = places
        .iter()
        .filter_map(|(span, place)| {
            let sample = due.binary_search(&span.point).ok()?;
            let offset = (span.first - u32::from(reads.get(*place)?.first)) as usize;
            Some((
                *place,
                Slot {
                    point: span.point,
                    offset,
                    length: (span.end - span.first) as usize,
                    sample,
                },
            ))
        })
        .collect();
    for (place, slot) in slots {
        if let Some(read) = reads.get_mut(place) {
            read.slots.push(slot);
        }
    }
    let refused = refused
        .into_iter()
        .filter_map(|(point, code)| Some((due.binary_search(&point).ok()?, code)))
        .collect();
    Plan { due, reads, refused }
}

#[cfg(test)]
mod tests {
    use super::span::{REGISTER_GAP, end_of, touches_skipped};
    use super::*;
    use crate::test_site::point_at;
    use model::{Address, DataType, SkippedRegisters};
    use proptest::prelude::*;

    const HOLDING: RegisterTable = RegisterTable::Holding;

    fn limits(max_registers: u16, skip: &[(u16, u16)]) -> ModbusLimits {
        let skip = skip.iter().map(|(first, last)| SkippedRegisters {
            table: HOLDING,
            first: *first,
            last: *last,
        });
        ModbusLimits {
            max_registers,
            skip: skip.collect(),
            ..ModbusLimits::default()
        }
    }

    /// The (first, count) of each read of points at (table, number) with a type.
    fn reads(points: &[(RegisterTable, u16, DataType)], limits: &ModbusLimits) -> Vec<(u16, u16)> {
        let points: Vec<_> = points
            .iter()
            .map(|(table, number, kind)| point_at(*table, *number, *kind))
            .collect();
        plan(&points, limits, &Learnt::default(), |_| true)
            .reads
            .iter()
            .map(|read| (read.first, read.count))
            .collect()
    }

    #[test]
    fn registers_that_stand_together_or_near_are_one_read() {
        use DataType::{F32, U16};
        type Case = (&'static [(u16, DataType)], &'static [(u16, u16)]);
        let cases: &[Case] = &[
            (&[(0, U16), (1, U16), (2, F32)], &[(0, 4)]),
            (&[(2, F32), (0, U16)], &[(0, 4)]),
            (&[(0, U16), (17, U16)], &[(0, 18)]),
            (&[(0, U16), (18, U16)], &[(0, 1), (18, 1)]),
            (&[(5, U16), (5, F32)], &[(5, 2)]),
            (&[], &[]),
        ];
        for (points, expected) in cases {
            let points: Vec<_> = points
                .iter()
                .map(|(number, kind)| (HOLDING, *number, *kind))
                .collect();
            assert_eq!(reads(&points, &limits(125, &[])), *expected, "{points:?}");
        }
    }

    #[test]
    fn a_read_never_crosses_a_skipped_register_and_never_splits_a_point() {
        use DataType::{F32, U16};
        assert_eq!(
            reads(&[(HOLDING, 0, U16), (HOLDING, 3, U16)], &limits(125, &[(1, 2)])),
            [(0, 1), (3, 1)]
        );
        assert_eq!(
            reads(&[(HOLDING, 0, U16), (HOLDING, 1, F32)], &limits(2, &[])),
            [(0, 1), (1, 2)]
        );
    }

    #[test]
    fn the_four_tables_are_read_apart() {
        use RegisterTable::{Coil, Discrete, Input};
        let points = [
            (Coil, 0, DataType::Bool),
            (Discrete, 0, DataType::Bool),
            (Input, 0, DataType::U16),
            (HOLDING, 0, DataType::U16),
        ];
        assert_eq!(reads(&points, &limits(125, &[])), [(0, 1); 4]);
        assert_eq!(
            reads(
                &[(Coil, 0, DataType::Bool), (Coil, 65, DataType::Bool)],
                &limits(125, &[])
            ),
            [(0, 66)]
        );
    }

    fn any_point() -> impl Strategy<Value = Point> {
        let table = prop::sample::select(vec![RegisterTable::Coil, RegisterTable::Input, HOLDING]);
        let kind = prop::sample::select(vec![
            DataType::U16,
            DataType::F32,
            DataType::U64,
            DataType::String(11),
        ]);
        (table, 0_u16..400, kind).prop_map(|(table, number, kind)| {
            point_at(table, number, if table.is_bits() { DataType::Bool } else { kind })
        })
    }

    /// The fewest reads that any way of parting registers into reads can have.
    fn fewest(numbers: &[u16], limits: &ModbusLimits) -> usize {
        let fits = |group: &[u16]| {
            let (first, last) = (u32::from(group[0]), u32::from(group[group.len() - 1]));
            last - first < u32::from(limits.max_registers)
                && group.windows(2).all(|pair| {
                    let (end, next) = (u32::from(pair[0]) + 1, u32::from(pair[1]));
                    next <= end + REGISTER_GAP && !touches_skipped(HOLDING, end, next, limits)
                })
        };
        let ways = 0_u32..1 << numbers.len().saturating_sub(1);
        let groups = ways.filter_map(|way| {
            let mut groups = vec![vec![numbers[0]]];
            for (position, number) in numbers.iter().enumerate().skip(1) {
                if way >> (position - 1) & 1 == 1 {
                    groups.push(Vec::new());
                }
                groups.last_mut()?.push(*number);
            }
            groups.iter().all(|group| fits(group)).then_some(groups.len())
        });
        groups.min().unwrap_or(0)
    }

    proptest! {
        #[test]
        fn no_way_of_reading_has_fewer_requests(
            numbers in prop::collection::btree_set(0_u16..80, 1..9),
            max_registers in 1_u16..40,
            skip in prop::collection::vec((0_u16..80, 0_u16..4), 0..3),
        ) {
            let skip: Vec<_> = skip.into_iter().map(|(first, more)| (first, first + more)).collect();
            let limits = limits(max_registers, &skip);
            let is_allowed = |number: &u16| !touches_skipped(HOLDING, u32::from(*number), u32::from(*number) + 1, &limits);
            let numbers: Vec<u16> = numbers.into_iter().filter(is_allowed).collect();
            prop_assume!(!numbers.is_empty());
            let points: Vec<_> = numbers.iter().map(|number| (HOLDING, *number, DataType::U16)).collect();
            prop_assert_eq!(reads(&points, &limits).len(), fewest(&numbers, &limits));
        }
    }

    proptest! {
        #[test]
        fn every_readable_point_is_read_exactly_once_within_every_limit(
            points in prop::collection::vec(any_point(), 0..60),
            max_registers in 6_u16..=125,
            max_bits in 1_u16..=200,
            skip in prop::collection::vec((0_u16..400, 0_u16..8), 0..4),
        ) {
            let skip: Vec<_> = skip.into_iter().map(|(first, more)| (first, first + more)).collect();
            let limits = ModbusLimits { max_bits, ..limits(max_registers, &skip) };
            let plan = plan(&points, &limits, &Learnt::default(), |_| true);
            prop_assert_eq!(plan.due.len(), points.len());
            let mut seen = vec![0; points.len()];
            for read in &plan.reads {
                let most = if read.table.is_bits() { max_bits } else { max_registers };
                prop_assert!(read.count >= 1 && read.count <= most);
                prop_assert!(!touches_skipped(read.table, u32::from(read.first), end_of(read), &limits));
                for slot in &read.slots {
                    seen[slot.point] += 1;
                    prop_assert_eq!(plan.due[slot.sample], slot.point);
                    let point = &points[slot.point];
                    let number = read.first + slot.offset as u16;
                    prop_assert_eq!(&point.address, &Address::Register { table: read.table, number });
                    prop_assert!(slot.offset + usize::from(point.data_type.registers()) <= usize::from(read.count));
                }
            }
            for (position, point) in points.iter().enumerate() {
                let readable = Span::of(point, position).unwrap().is_readable(&limits);
                prop_assert_eq!(seen[position], usize::from(readable));
            }
        }
    }
}
