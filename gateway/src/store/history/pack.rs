//! Packs the rows of a slot, some devices at a time, so that nothing else of history waits for long.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, Transaction};

use super::column::Deflater;
use super::days::DAY_NANOSECONDS;
use super::device_slot::{LIMITS, pack_device};
use super::group::Group;
use super::{HistoryWriter, SLOT_NANOSECONDS, StoreError, days, hours, recent};
use crate::store::database::{is_refused, nanoseconds, timestamp};

/// So many bytes of a slot's entries are held at once at least, and packed at once at least …
const HELD_BYTES: usize = 512 << 10;
const STEP_BYTES: usize = 64 << 10;
/// … and at least such a part of them: a slot is packed in a few minutes however much it has.
const HELD_PART: usize = 64;
const STEP_PART: usize = 128;
/// What an entry has beside what it says: its device, its time and a length.
const FRAME_BYTES: usize = 12;

/// A slot that is being packed, a few devices at a time. What is packed twice, because the gateway stopped in between, is there once.
pub(super) struct Packing {
    /// Which.
    pub(super) slot: i64,
    /// Rows that came after it was begun wait for the next time.
    up_to: i64,
    /// The devices whose entries are to be read yet, each with how many bytes they have about; nothing before the first look.
    to_read: Option<BTreeMap<i64, usize>>,
    /// How many bytes the slot's entries have.
    bytes: usize,
    /// Entries that were read and are not packed yet, by device.
    held: BTreeMap<i64, Group>,
    deflater: Deflater,
    /// Batches for which a device's slot had no room.
    pub(super) left_out: u64,
}

impl Packing {
    /// Begins with a slot; nothing is read yet.
    pub(super) fn new(slot: i64, up_to: i64) -> Self {
        Self {
            slot,
            up_to,
            to_read: None,
            bytes: 0,
            held: BTreeMap::new(),
            deflater: Deflater::default(),
            left_out: 0,
        }
    }

    /// Packs some more devices; whether it was the last of them.
    pub(super) fn step(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<bool> {
        let mut to_read = match self.to_read.take() {
            Some(to_read) => to_read,
            None => self.look(transaction)?,
        };
        if self.held.is_empty() && !to_read.is_empty() {
            self.read(&mut to_read, transaction)?;
        }
        let is_all_read = to_read.is_empty();
        self.to_read = Some(to_read);
        let at_once = STEP_BYTES.max(self.bytes / STEP_PART);
        let mut packed = 0;
        while packed < at_once
            && let Some((device, group)) = self.held.pop_first()
        {
            packed += group.bytes.len();
            self.left_out += pack_device(
                transaction,
                device,
                self.slot,
                &group.bytes,
                LIMITS,
                &mut self.deflater,
            )?;
        }
        Ok(self.held.is_empty() && is_all_read)
    }

    /// Removes the rows that were packed; whether more came after them.
    pub(super) fn remove(&self, transaction: &Transaction<'_>) -> rusqlite::Result<bool> {
        recent::remove(transaction, self.slot, self.up_to)
    }

    /// Looks how much there is of which device.
    fn look(&mut self, connection: &Connection) -> rusqlite::Result<BTreeMap<i64, usize>> {
        let mut sizes: BTreeMap<i64, usize> = BTreeMap::new();
        recent::each(connection, self.slot, self.up_to, |entry| {
            *sizes.entry(entry.device).or_default() += entry.said.len() + FRAME_BYTES;
        })?;
        self.bytes = sizes.values().sum();
        Ok(sizes)
    }

    /// Reads the entries of as many devices as may be held, one at least.
    fn read(&mut self, to_read: &mut BTreeMap<i64, usize>, connection: &Connection) -> rusqlite::Result<()> {
        let most = HELD_BYTES.max(self.bytes / HELD_PART);
        let begins = self.slot.saturating_mul(SLOT_NANOSECONDS);
        let mut bytes = 0;
        while let Some(next) = to_read.first_entry()
            && (bytes == 0 || bytes + next.get() <= most)
        {
            bytes += next.get();
            let (device, size) = next.remove_entry();
            // Room for all of it from the beginning: many that grow side by side leave more holes than they fill.
            self.held.insert(device, Group::with_room(begins, size));
        }
        let held = &mut self.held;
        recent::each(connection, self.slot, self.up_to, |entry| {
            if let Some(group) = held.get_mut(&entry.device) {
                group.put(entry);
            }
        })
    }
}

impl HistoryWriter {
    /// Packs a part of a slot that ended before `before`, each of them in its turn and at most once a minute; whether there was one.
    ///
    /// # Errors
    /// The file cannot be written; what was not packed stays as it was.
    pub fn pack(&mut self, before: Timestamp) -> Result<bool, StoreError> {
        if self.packing.is_none() {
            let Some(slot) = self.turns.next(slot_of(before), nanoseconds(before)) else {
                return Ok(false);
            };
            // What comes late belongs to rows that outlive these.
            self.chains.end(slot);
            self.packing = Some(Packing::new(slot, self.last_number));
        }
        let Some(packing) = &mut self.packing else {
            return Ok(false);
        };
        let slot = packing.slot;
        let stepped = self.database.transact(|transaction| {
            if !packing.step(transaction)? {
                return Ok(None);
            }
            hours::sum_up(transaction, slot)?;
            packing.remove(transaction).map(Some)
        });
        match &stepped {
            Ok(None) => {}
            Ok(Some(has_more)) => {
                self.left_out += packing.left_out;
                self.packing = None;
                self.days.add(slot.div_euclid(hours::SLOTS));
                self.turns.done(slot, *has_more, nanoseconds(before));
            }
            Err(error) => {
                // What the failed step held is gone: the slot is begun again when its turn comes.
                self.packing = None;
                if is_refused(error) && self.turns.refuse(slot) {
                    self.stepped_over = Some(timestamp(slot.saturating_mul(SLOT_NANOSECONDS)));
                }
            }
        }
        stepped.map(|_| true)
    }

    /// How many slots that ended before `before` wait to be packed.
    pub fn unpacked_slots(&self, before: Timestamp) -> usize {
        self.turns.waiting(slot_of(before))
    }

    /// When the slot began that is stepped over since the last call: it could not be packed three times. Its readings stay as they came,
    /// and are packed after the next start.
    pub fn stepped_over(&mut self) -> Option<Timestamp> {
        self.stepped_over.take()
    }

    /// For how many batches the slots that were packed since the last call had no room: a device had sent more than a million of them
    /// for ten minutes.
    pub fn left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }

    /// Sums up a part of a day that ended before `before`, if one is to be.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn sum_up_days(&mut self, before: Timestamp) -> Result<(), StoreError> {
        let before = nanoseconds(before).div_euclid(DAY_NANOSECONDS);
        let Some((day, from)) = self.days.next(before) else {
            return Ok(());
        };
        let next = self
            .database
            .transact(|transaction| days::sum_up_some(transaction, day, from))?;
        self.days.came_to(day, next);
        Ok(())
    }
}

fn slot_of(at: Timestamp) -> i64 {
    nanoseconds(at).div_euclid(SLOT_NANOSECONDS)
}
