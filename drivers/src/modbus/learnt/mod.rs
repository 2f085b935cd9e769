//! What a device has shown of itself that its profile does not say: registers that it refuses, blocks that it does not take, the
//! rest that it needs between two requests.

mod refusals;
mod rest;

use std::collections::BTreeMap;
use std::time::Duration;

use model::RegisterTable;

pub(crate) use refusals::{Doubted, Tried};

/// Registers or bits that stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stretch {
    /// Of which table.
    pub table: RegisterTable,
    /// The first.
    pub first: u16,
    /// How many.
    pub count: u16,
}

impl Stretch {
    pub(crate) fn end(&self) -> u32 {
        u32::from(self.first) + u32::from(self.count)
    }

    /// Whether it goes on beyond a border.
    pub(crate) fn is_across(&self, (table, at): (RegisterTable, u16)) -> bool {
        self.table == table && self.first < at && u32::from(at) < self.end()
    }

    /// Whether the other stands wholly inside it.
    pub(crate) fn holds(&self, other: &Self) -> bool {
        self.table == other.table && self.first <= other.first && other.end() <= self.end()
    }

    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.table == other.table
            && u32::from(self.first) < other.end()
            && u32::from(other.first) < self.end()
    }
}

/// What is known of a border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Border {
    /// It parts a block that was refused, for a reason that is still looked for.
    Tried(Parts),
    /// It says nothing of the device, but keeps what was found apart while something is still looked for.
    Passing,
    /// What stands across it must not be read; the length of the block that showed it.
    Sure(u16),
}

impl Border {
    pub(crate) fn is_sure(self) -> bool {
        matches!(self, Self::Sure(_))
    }
}

/// The two parts in which a refused block is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) left: Stretch,
    pub(crate) right: Stretch,
}

/// What a device has shown of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learnt {
    /// Stretches that were refused, each a point's, with the exception's code. They are left out. As many as points at most.
    pub refused: BTreeMap<Stretch, u8>,
    /// Where a block must not go on: the first register after each border.
    pub(crate) borders: BTreeMap<(RegisterTable, u16), Border>,
    /// How many registers it answers at once.
    pub registers: Length,
    /// How many bits.
    pub bits: Length,
    /// The rest between two requests that was found to be needed; zero for none.
    pub pause: Duration,
    pub(crate) suspicions: u8,
    pub(crate) calm_polls: u32,
    pub(crate) has_halved_rest: bool,
    /// The rest that held until it fell silent, while longer ones are tried.
    pub(crate) rest_before: Option<Duration>,
    pub(crate) was_too_short: u8,
    pub(crate) doubted: Doubted,
}

/// How long a block a device takes, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Length {
    /// The longest that came.
    pub proven: u16,
    /// The shortest that was refused for its length alone.
    pub refused: Option<u16>,
}

impl Length {
    /// The longest block to ask for: halfway between what came and what was refused, until the two are neighbours.
    pub(crate) fn most(self, allowed: u16) -> u16 {
        match self.refused {
            None => allowed,
            Some(refused) => self
                .proven
                .midpoint(refused.max(self.proven))
                .clamp(1, allowed.max(1)),
        }
    }
}

impl Learnt {
    /// Where a block must not go on: the first register or bit after each border.
    pub fn borders(&self) -> impl Iterator<Item = (RegisterTable, u16)> {
        self.borders.keys().copied()
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.refused.is_empty()
            && self.borders.is_empty()
            && self.lengths().all(|length| length.refused.is_none())
            && self.pause.is_zero()
    }

    /// Whether devices that have shown the one and the other are asked alike.
    pub(crate) fn asks_as(&self, other: &Self) -> bool {
        let most = |learnt: &Self| [learnt.registers, learnt.bits].map(|length| length.most(u16::MAX));
        self.refused == other.refused
            && self.borders.keys().eq(other.borders.keys())
            && most(self) == most(other)
    }

    /// Whether the same is kept of both.
    pub(crate) fn is_kept_as(&self, other: &Self) -> bool {
        let lengths = |learnt: &Self| {
            [learnt.registers, learnt.bits]
                .map(|length| length.refused.map(|refused| (length.proven, refused)))
        };
        self.refused == other.refused
            && self.sure_borders().eq(other.sure_borders())
            && lengths(self) == lengths(other)
            && self.pause == other.pause
    }

    /// The borders that a device has shown, each with the length of the block that showed it.
    pub(crate) fn sure_borders(&self) -> impl Iterator<Item = ((RegisterTable, u16), u16)> {
        self.borders.iter().filter_map(|(at, border)| match border {
            Border::Sure(whole) => Some((*at, *whole)),
            Border::Tried(_) | Border::Passing => None,
        })
    }

    fn lengths(&self) -> impl Iterator<Item = &Length> {
        [&self.registers, &self.bits].into_iter()
    }

    /// The length that holds for a table.
    pub(crate) fn length(&self, table: RegisterTable) -> Length {
        if table.is_bits() {
            self.bits
        } else {
            self.registers
        }
    }

    /// Whether a block from `first` on may not go on to a point at `next`.
    pub(crate) fn parts(&self, table: RegisterTable, first: u16, next: u32) -> bool {
        let Some(after) = first.checked_add(1) else {
            return false;
        };
        let next = u16::try_from(next).unwrap_or(u16::MAX);
        after <= next
            && self
                .borders
                .range((table, after)..=(table, next))
                .next()
                .is_some()
    }

    /// Whether any register from `first` up to but without `end` was refused.
    pub(crate) fn is_refused_within(&self, table: RegisterTable, first: u32, end: u32) -> bool {
        self.refused
            .keys()
            .any(|stretch| stretch.table == table && u32::from(stretch.first) < end && first < stretch.end())
    }
}
