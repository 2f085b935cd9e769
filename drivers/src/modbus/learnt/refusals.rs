//! Finds out why a block was refused, from what came of asking for its parts.
//!
//! A refused block is parted where it may be parted, and its halves are asked for. A part that can't be parted further and is
//! refused has registers that are not there. Halves that both come mean that the whole was too long, or that what stands between
//! them must not be read: which of the two, the lengths that have been seen to work decide.

use model::RegisterTable;

use super::{Border, Learnt, Length, MOST_KEPT, Stretch};

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

impl Learnt {
    /// A block that was refused is asked for in two parts, the second from `at` on. Whether that is new.
    pub(crate) fn part(&mut self, table: RegisterTable, at: u16) -> bool {
        self.add(table, at, Border::Tried)
    }

    /// A read that was refused begins at `at`, and whatever parts of the one before it are found to come are not joined to it.
    pub(crate) fn keep_apart(&mut self, table: RegisterTable, at: u16) {
        self.add(table, at, Border::Passing);
    }

    fn add(&mut self, table: RegisterTable, at: u16, border: Border) -> bool {
        let is_new = self.borders.len() < MOST_KEPT && !self.borders.contains_key(&(table, at));
        if is_new {
            self.borders.insert((table, at), border);
        }
        is_new
    }

    /// Learns from what a poll tried; whether anything is to be planned anew.
    ///
    /// A device that refuses everything shows nothing of its registers: it may be starting, or be another one.
    /// A poll that had nothing to ask shows nothing at all.
    pub(crate) fn digest(&mut self, tried: &[Tried]) -> bool {
        if tried.is_empty() {
            return false;
        }
        let before = self.clone();
        if tried.iter().all(|tried| tried.refused.is_some()) {
            self.borders.retain(|_, border| *border == Border::Sure);
            return *self != before;
        }
        for one in tried {
            match one.refused {
                None => self.came(one.stretch),
                Some(code) if one.is_alone => self.is_not_there(one.stretch, code),
                Some(_) => {}
            }
        }
        let settled = |learnt: &Self, kind: Border| {
            let of_kind = learnt.borders.iter().filter(|(_, border)| **border == kind);
            of_kind
                .map(|(border, _)| *border)
                .filter(|(table, _)| !is_open(*table, tried))
                .collect::<Vec<_>>()
        };
        for border in settled(self, Border::Passing) {
            self.borders.remove(&border);
        }
        for (table, at) in settled(self, Border::Tried) {
            self.weigh(table, at, tried);
        }
        let is_settled = |learnt: &Self| {
            (
                learnt.refused.clone(),
                learnt.borders.clone(),
                learnt
                    .lengths()
                    .map(|length| length.most(u16::MAX))
                    .collect::<Vec<_>>(),
            )
        };
        is_settled(self) != is_settled(&before)
    }

    fn came(&mut self, stretch: Stretch) {
        self.refused.remove(&stretch);
        let length = self.length_mut(stretch.table);
        length.proven = length.proven.max(stretch.count);
        // It may take more than it once did: a new device behind an old address.
        length.refused = length.refused.filter(|refused| *refused > stretch.count);
    }

    fn is_not_there(&mut self, stretch: Stretch, code: u8) {
        if self.refused.len() < MOST_KEPT {
            self.refused.insert(stretch, code);
        }
        // It may be all that there was to the borders that led to it.
        for ((table, _), border) in &mut self.borders {
            if *table == stretch.table && *border == Border::Tried {
                *border = Border::Passing;
            }
        }
    }

    /// Says why a block was refused whose parts on both sides of `at` have come, if they have.
    fn weigh(&mut self, table: RegisterTable, at: u16, tried: &[Tried]) {
        let beside = tried.iter().filter(|tried| {
            tried.stretch.table == table && !(tried.stretch.first < at && tried.stretch.end() > u32::from(at))
        });
        let left = beside
            .clone()
            .filter(|tried| tried.stretch.first < at)
            .max_by_key(|tried| tried.stretch.first);
        let right = beside
            .filter(|tried| tried.stretch.first >= at)
            .min_by_key(|tried| tried.stretch.first);
        let (Some(left), Some(right)) = (left, right) else {
            return;
        };
        // A poll of other points passes by what stands beside the border.
        if left.refused.is_some() || right.refused.is_some() || right.stretch.first != at {
            return;
        }
        let together = right.stretch.end().saturating_sub(u32::from(left.stretch.first));
        let together = u16::try_from(together).unwrap_or(u16::MAX);
        let (is_gapless, length) = (
            left.stretch.end() == u32::from(right.stretch.first),
            self.length_mut(table),
        );
        let is_explained = length.refused.is_some_and(|refused| together >= refused);
        if is_explained || (is_gapless && together > length.proven) {
            length.refused = Some(length.refused.map_or(together, |refused| refused.min(together)));
            self.borders.remove(&(table, at));
        } else {
            self.borders.insert((table, at), Border::Sure);
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
