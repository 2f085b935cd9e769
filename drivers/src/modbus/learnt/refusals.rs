//! Finds out why a block was refused, from what came of asking for its parts.
//!
//! A refused block is parted where it may be parted, and its halves are asked for. A part that can't be parted further and is
//! refused has registers that are not there. Halves that both come mean that the whole was too long, or that what stands between
//! them must not be read: which of the two, the lengths that have been seen to work decide.
//!
//! Nothing is believed that was seen once: a device that is just reloading refuses what it has.

use std::collections::{BTreeMap, BTreeSet};

use model::RegisterTable;

use super::{Border, Learnt, Length, Parts, Stretch};

const TABLES: [RegisterTable; 4] = [
    RegisterTable::Coil,
    RegisterTable::Discrete,
    RegisterTable::Input,
    RegisterTable::Holding,
];

/// What came of asking for a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tried {
    /// What was asked for.
    pub(crate) stretch: Stretch,
    /// The code of the refusal, if it was refused.
    pub(crate) refused: Option<u8>,
    /// Whether it can't be asked for in parts.
    pub(crate) is_alone: bool,
}

/// What was seen once and is believed when it is seen again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Doubted {
    /// Stretches that were refused alone, and one that came in the same poll.
    alone: BTreeSet<Stretch>,
    beside: Option<Stretch>,
    /// Borders whose parts came although the whole was refused.
    borders: BTreeMap<(RegisterTable, u16), Whole>,
}

/// A block that was refused once although both its parts came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Whole {
    stretch: Stretch,
    /// Whether what stands between its parts has come since, in another block: then it was too long.
    has_come_between: bool,
}

impl Doubted {
    pub(crate) fn is_about_registers(&self) -> bool {
        !self.alone.is_empty()
    }
}

impl Learnt {
    /// A block that was refused is asked for in two parts. Whether that is new.
    pub(crate) fn part(&mut self, parts: Parts) -> bool {
        let (table, at) = (parts.right.table, parts.right.first);
        self.add(table, at, Border::Tried(parts))
    }

    /// Whatever parts of a read that was refused are found to come are joined neither to the read before it nor to the next one.
    pub(crate) fn keep_apart(&mut self, read: Stretch) {
        self.add(read.table, read.first, Border::Passing);
        if let Ok(end) = u16::try_from(read.end()) {
            self.add(read.table, end, Border::Passing);
        }
    }

    /// Borders stand where points begin or end, so there are at most twice as many as points.
    fn add(&mut self, table: RegisterTable, at: u16, border: Border) -> bool {
        let is_new = !self.borders.contains_key(&(table, at));
        if is_new {
            self.borders.insert((table, at), border);
        }
        is_new
    }

    /// Whether that a stretch came is more than was known.
    pub(crate) fn is_surprised_by(&self, stretch: Stretch) -> bool {
        let length = self.length(stretch.table);
        (length.refused.is_some() && stretch.count > length.proven)
            || self.refused.contains_key(&stretch)
            || self.parts(stretch.table, stretch.first, stretch.end().saturating_sub(1))
            || self.doubted.borders.iter().any(|(border, whole)| {
                stretch.holds(&whole.stretch) || (!whole.has_come_between && stretch.is_across(*border))
            })
    }

    /// A stretch came as everybody expected.
    pub(crate) fn prove(&mut self, stretch: Stretch) {
        let length = self.length_mut(stretch.table);
        length.proven = length.proven.max(stretch.count);
    }

    /// Learns from what a poll tried. What came always counts; what was refused counts where the poll `is_whole`, so that nothing is
    /// decided by a poll that did not see all that it asked for.
    ///
    /// A device that refuses everything shows nothing of its registers: it may be starting, or be another one.
    /// A poll that had nothing to ask shows nothing at all.
    pub(crate) fn digest(&mut self, tried: &[Tried], is_whole: bool) {
        if tried.is_empty() {
            return;
        }
        let mut refused = tried.iter().filter(|tried| tried.refused.is_some());
        if refused.any(|tried| Some(tried.stretch) == self.doubted.beside) {
            // It refuses by now what came then, so what it refused then says as little.
            self.doubted.alone.clear();
        }
        if tried.iter().all(|tried| tried.refused.is_some()) {
            self.borders.retain(|_, border| border.is_sure());
            return;
        }
        for one in tried {
            match one.refused {
                None => self.came(one.stretch),
                Some(code) if one.is_alone && is_whole => self.is_not_there(one.stretch, code),
                Some(_) => {}
            }
        }
        if !is_whole {
            return;
        }
        // What was not asked for again as it was is not what was looked for.
        let is_tried = |stretch: &Stretch| tried.iter().any(|one| one.stretch == *stretch);
        self.doubted.alone.retain(is_tried);
        let came = tried.iter().find(|one| one.refused.is_none());
        self.doubted.beside = came
            .filter(|_| !self.doubted.alone.is_empty())
            .map(|one| one.stretch);
        for table in TABLES {
            let is_doubted = self.doubted.alone.iter().any(|alone| alone.table == table);
            if !is_doubted && !is_open(table, tried) {
                self.settle(table, tried);
            }
        }
    }

    fn came(&mut self, stretch: Stretch) {
        self.refused.remove(&stretch);
        self.doubted.alone.remove(&stretch);
        self.prove(stretch);
        let length = self.length_mut(stretch.table);
        // It may take more than it once did: a new device behind an old address.
        length.refused = length.refused.filter(|refused| *refused > stretch.count);
        self.borders.retain(|at, _| !stretch.is_across(*at));
        let doubted = &mut self.doubted.borders;
        doubted.retain(|_, whole| !stretch.holds(&whole.stretch));
        for (border, whole) in doubted {
            whole.has_come_between |= stretch.is_across(*border);
        }
    }

    fn is_not_there(&mut self, stretch: Stretch, code: u8) {
        if self.refused.contains_key(&stretch) || self.doubted.alone.insert(stretch) {
            return;
        }
        self.doubted.alone.remove(&stretch);
        self.refused.insert(stretch, code);
        // It may be all that there was to the borders that led to it.
        for ((table, _), border) in &mut self.borders {
            if *table == stretch.table && !border.is_sure() {
                *border = Border::Passing;
            }
        }
    }

    /// All blocks of a table that were refused have been asked for in all their parts: says why they were refused.
    ///
    /// Only borders of which both parts have come tell. What was wrong there was wrong with all the blocks around it as well, so the
    /// borders that led there go, and are found again if there was more. Lengths come first, since a block that was too long says
    /// nothing of its gaps.
    fn settle(&mut self, table: RegisterTable, tried: &[Tried]) {
        let of_table = self.borders.iter().filter(|((its, _), _)| *its == table);
        let parted: Vec<(u16, Parts)> = of_table
            .filter_map(|((_, at), border)| match border {
                Border::Tried(parts) => Some((*at, *parts)),
                Border::Passing | Border::Sure(_) => None,
            })
            .collect();
        self.borders
            .retain(|(its, _), border| *its != table || border.is_sure());
        let mut told: Vec<_> = parted
            .iter()
            .filter(|(_, parts)| parts.have_come(tried))
            .collect();
        told.sort_by_key(|(at, parts)| (!parts.is_gapless(), *at));
        for (at, parts) in told {
            self.weigh((table, *at), parts);
        }
    }

    /// Says why a block was refused whose parts have come, once it has been seen twice.
    fn weigh(&mut self, border: (RegisterTable, u16), parts: &Parts) {
        let (together, length) = (parts.together(), self.length_mut(border.0));
        if length.refused.is_some_and(|refused| together >= refused) {
            return;
        }
        let proven = length.proven;
        let Some(seen) = self.doubted.borders.remove(&border) else {
            let whole = Whole {
                stretch: Stretch {
                    count: together,
                    ..parts.left
                },
                has_come_between: false,
            };
            self.doubted.borders.insert(border, whole);
            return;
        };
        let is_length = (parts.is_gapless() || seen.has_come_between) && together > proven;
        if is_length {
            self.length_mut(border.0).refused = Some(together);
            // They were parted for no other reason.
            self.borders.retain(|(table, _), border| {
                *table != parts.left.table || !matches!(border, Border::Sure(whole) if *whole >= together)
            });
        } else {
            self.borders.insert(border, Border::Sure(together));
        }
    }

    fn length_mut(&mut self, table: RegisterTable) -> &mut Length {
        if table.is_bits() {
            &mut self.bits
        } else {
            &mut self.registers
        }
    }
}

impl Parts {
    fn is_gapless(&self) -> bool {
        self.left.end() == u32::from(self.right.first)
    }

    fn together(&self) -> u16 {
        u16::try_from(self.right.end().saturating_sub(u32::from(self.left.first))).unwrap_or(u16::MAX)
    }

    /// Whether both came by themselves, perhaps with more around them.
    fn have_come(&self, tried: &[Tried]) -> bool {
        let at = u32::from(self.right.first);
        let came = |part: &Stretch| {
            tried.iter().any(|one| {
                let (first, end) = (u32::from(one.stretch.first), one.stretch.end());
                one.refused.is_none()
                    && one.stretch.table == part.table
                    && first <= u32::from(part.first)
                    && part.end() <= end
                    && (end <= at || first >= at)
            })
        };
        came(&self.left) && came(&self.right)
    }
}

/// Whether a refused block of a table is still to be asked for in both its parts: until then nothing is known of the borders that
/// led to it.
fn is_open(table: RegisterTable, tried: &[Tried]) -> bool {
    let is_part = |part: &Stretch, whole: &Stretch| {
        part != whole && part.table == table && part.first >= whole.first && part.end() <= whole.end()
    };
    let is_parted = |whole: &Stretch| {
        let mut parts = tried
            .iter()
            .map(|one| &one.stretch)
            .filter(|part| is_part(part, whole));
        parts.clone().any(|part| part.first == whole.first) && parts.any(|part| part.end() == whole.end())
    };
    let refused = tried
        .iter()
        .filter(|one| one.refused.is_some() && !one.is_alone && one.stretch.table == table);
    refused.map(|one| &one.stretch).any(|whole| !is_parted(whole))
}
