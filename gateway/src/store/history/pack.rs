//! Packs the rows of a slot, some devices at a time, so that nothing else of history waits for long.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction};

use super::device_slot::{LIMITS, pack_device};
use super::group::Group;
use super::recent;

/// So many bytes of a slot's entries are held at once at least, and packed at once at least …
const HELD_BYTES: usize = 1 << 20;
const STEP_BYTES: usize = 64 << 10;
/// … and at least such a part of them: a slot is packed in a few minutes however much it has.
const HELD_PART: usize = 32;
const STEP_PART: usize = 128;

/// A slot that is being packed, a few devices at a time. What is packed twice, because the gateway stopped in between, is there once.
pub(super) struct Packing {
    /// Which.
    pub(super) slot: i64,
    /// Rows that came after it was begun wait for the next time.
    up_to: i64,
    /// The devices up to this one are packed.
    after: i64,
    /// Entries that were read and are not packed yet, by device.
    held: BTreeMap<i64, Group>,
    /// Whether there are devices beyond those that are held.
    more: bool,
    /// How many bytes the slot's entries have.
    bytes: usize,
    /// Batches for which a device's slot had no room.
    pub(super) left_out: u64,
}

impl Packing {
    /// Begins with a slot; nothing is read yet.
    pub(super) fn new(slot: i64, up_to: i64) -> Self {
        Self {
            slot,
            up_to,
            after: i64::MIN,
            held: BTreeMap::new(),
            more: true,
            bytes: 0,
            left_out: 0,
        }
    }

    /// Packs some more devices; whether it was the last of them.
    pub(super) fn step(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<bool> {
        if self.held.is_empty() && self.more {
            self.read(transaction)?;
        }
        let at_once = STEP_BYTES.max(self.bytes / STEP_PART);
        let mut packed = 0;
        while packed < at_once
            && let Some((device, group)) = self.held.pop_first()
        {
            packed += group.bytes.len();
            self.after = device;
            self.left_out += pack_device(transaction, device, self.slot, &group.bytes, LIMITS)?;
        }
        Ok(self.held.is_empty() && !self.more)
    }

    /// Removes the rows that were packed; whether more came after them.
    pub(super) fn remove(&self, transaction: &Transaction<'_>) -> rusqlite::Result<bool> {
        recent::remove(transaction, self.slot, self.up_to)
    }

    /// Reads the entries of as many devices as may be held, those with the lowest numbers.
    fn read(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let most = HELD_BYTES.max(self.bytes / HELD_PART);
        let (mut bytes, mut held_bytes, mut beyond) = (0, 0, i64::MAX);
        let (after, slot, held) = (self.after, self.slot, &mut self.held);
        recent::each(connection, slot, self.up_to, |entry| {
            bytes += entry.said.len();
            if entry.device <= after || entry.device >= beyond {
                return;
            }
            recent::set_aside(held, slot, entry);
            held_bytes += entry.said.len();
            while held_bytes > most
                && held.len() > 1
                && let Some((device, group)) = held.pop_last()
            {
                beyond = device;
                held_bytes = held_bytes.saturating_sub(group.bytes.len());
            }
        })?;
        self.bytes = bytes;
        self.more = beyond < i64::MAX;
        Ok(())
    }
}
