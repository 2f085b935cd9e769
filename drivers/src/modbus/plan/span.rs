//! What a point takes of its table, and how far a read may grow to take it along.

use model::{Address, ModbusLimits, Point, RegisterTable};

use super::super::learnt::{Learnt, Stretch};
use super::Read;

/// Reading this many registers that nobody asked for costs less than one more request.
pub(super) const REGISTER_GAP: u32 = 16;
/// The same for coils and discrete inputs.
pub(super) const BIT_GAP: u32 = 64;

/// What one point takes of a table.
pub(super) struct Span {
    pub(super) table: RegisterTable,
    pub(super) first: u32,
    pub(super) end: u32,
    /// The point's position in its profile.
    pub(super) point: usize,
}

impl Span {
    /// What a point takes; `None` for one that has no register.
    pub(super) fn of(point: &Point, position: usize) -> Option<Self> {
        let Address::Register { table, number } = point.address else {
            return None;
        };
        let first = u32::from(number);
        Some(Self {
            table,
            first,
            end: first + u32::from(point.data_type.registers()),
            point: position,
        })
    }

    /// Whether any request may bring it.
    pub(super) fn is_readable(&self, limits: &ModbusLimits) -> bool {
        let length = self.end - self.first;
        length >= 1
            && length <= longest(self.table, limits)
            && self.end <= 0x1_0000
            && !touches_skipped(self.table, self.first, self.end, limits)
    }

    pub(super) fn stretch(&self) -> Stretch {
        Stretch {
            table: self.table,
            first: narrow(self.first),
            count: narrow(self.end - self.first),
        }
    }
}

/// How far a read may grow: by what the profile says, and by what the device has shown.
pub(super) struct Bounds<'device> {
    pub(super) limits: &'device ModbusLimits,
    pub(super) learnt: &'device Learnt,
}

impl Bounds<'_> {
    /// Whether the read may grow to take the span, which begins no earlier than the read.
    pub(super) fn let_grow(&self, read: &Read, span: &Span) -> bool {
        let end = end_of(read);
        let gap = if span.table.is_bits() {
            BIT_GAP
        } else {
            REGISTER_GAP
        };
        let allowed = narrow(longest(span.table, self.limits));
        let most = u32::from(self.learnt.length(span.table).most(allowed));
        read.table == span.table
            && span.first <= end + gap
            && span.end.max(end) - u32::from(read.first) <= most
            && !touches_skipped(span.table, end, span.first, self.limits)
            && !self.learnt.parts(span.table, read.first, span.first)
            && !self.learnt.is_refused_within(span.table, end, span.first)
    }
}

fn longest(table: RegisterTable, limits: &ModbusLimits) -> u32 {
    u32::from(if table.is_bits() {
        limits.max_bits
    } else {
        limits.max_registers
    })
}

/// Whether any register from `first` up to but without `end` is one that must never be read.
pub(super) fn touches_skipped(table: RegisterTable, first: u32, end: u32, limits: &ModbusLimits) -> bool {
    limits.skip.iter().any(|skipped| {
        skipped.table == table && u32::from(skipped.first) < end && first <= u32::from(skipped.last)
    })
}

/// The first register after a read.
pub(super) fn end_of(read: &Read) -> u32 {
    u32::from(read.first) + u32::from(read.count)
}

/// Whether the span stands wholly inside the read.
pub(super) fn holds(read: &Read, span: &Span) -> bool {
    read.table == span.table && u32::from(read.first) <= span.first && span.end <= end_of(read)
}

/// A read of a span alone.
pub(super) fn begin(span: &Span) -> Read {
    let mut read = Read {
        table: span.table,
        first: narrow(span.first),
        count: 0,
        slots: Vec::new(),
    };
    grow(&mut read, span);
    read
}

/// The read goes on to the end of the span.
pub(super) fn grow(read: &mut Read, span: &Span) {
    read.count = narrow(end_of(read).max(span.end) - u32::from(read.first));
}

/// Every number here is at most a read's bound or a register's number, so it fits.
pub(super) fn narrow(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}
