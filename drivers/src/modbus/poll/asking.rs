//! Asks one device all that its plan says, and in parts what it refuses.

use model::{Device, Missing};
use tokio_modbus::ExceptionCode;

use super::super::plan::{Plan, Read};
use super::super::wire::{Busy, Failure, Wire};
use super::healing::Healing;
use super::outcome::Outcome;
use super::silences::Silences;
use crate::health::Condition;
use crate::meters::DeviceMeters;

/// What one poll of a device needs.
pub(super) struct Asking<'poll, 'site> {
    pub(super) wire: &'poll mut Wire<'site>,
    pub(super) device: &'poll Device,
    pub(super) plan: &'poll Plan,
    pub(super) unit: u8,
    pub(super) meters: &'poll DeviceMeters,
    pub(super) healing: &'poll mut Healing,
    pub(super) silences: &'poll mut Silences,
    /// All that this poll may wait for a device that is busy.
    pub(super) busy: Busy,
}

impl Asking<'_, '_> {
    /// Asks all that the plan says, until the first request that the unit leaves unanswered.
    pub(super) async fn ask_all(&mut self) -> Outcome {
        let mut outcome = Outcome::nothing();
        outcome.condition = Condition::Answering;
        let mut has_passed_by = false;
        for read in self.silences.in_turn(self.plan) {
            if self.silences.pass_by(read) {
                has_passed_by = true;
                continue;
            }
            if !self.ask_whole(read, &mut outcome).await {
                self.healing.cut();
                return outcome;
            }
        }
        outcome.begin(self.device, self.plan);
        if has_passed_by {
            // What is not asked for is as silent as it was.
            outcome.condition = Condition::Silent;
        } else {
            self.healing.answered_all();
        }
        if let Some(read) = self.healing.next_retry(self.plan, &self.device.profile.modbus) {
            // What comes of it is only learnt from: the point's sample is that of its refusal until the next poll.
            let mut aside = Outcome::nothing();
            self.ask(&read, &mut aside).await;
        }
        outcome
    }

    /// Asks for a block, and for its parts when it is refused; whether the unit is still there to be asked.
    async fn ask_whole(&mut self, read: &Read, outcome: &mut Outcome) -> bool {
        let had_heard = outcome.heard;
        let Some(refused) = self.ask(read, outcome).await else {
            if outcome.connected && had_heard {
                let is_its_own = !self.healing.learnt.may_need_rest();
                self.silences.fell_silent(read.stretch(), is_its_own);
            } else if outcome.connected {
                self.silences.fell_silent_at_first(read.stretch());
            }
            return false;
        };
        self.silences.answered(read);
        if refused {
            self.healing.part_whole(read);
        }
        while let Some(piece) = self.healing.next_piece() {
            let Some(refused) = self.ask(&piece, outcome).await else {
                return false;
            };
            if refused {
                self.healing.part(&piece);
            }
        }
        true
    }

    /// Asks once: whether the registers themselves were refused; `None` when the unit is not there to be asked.
    async fn ask(&mut self, read: &Read, outcome: &mut Outcome) -> Option<bool> {
        let (ids, pause) = (
            self.device.profile.modbus.transaction_ids,
            self.healing.learnt.pause,
        );
        let asked = self.wire.ask(self.unit, read, ids, pause, &mut self.busy).await;
        outcome.begin(self.device, self.plan);
        if asked.is_err() {
            outcome.ended = self.wire.now();
        }
        match asked {
            Ok(answer) => {
                outcome.heard = true;
                self.healing.tried(read, None);
                let arrived = self.wire.now();
                outcome.take(&answer, read, &self.device.profile.points);
                outcome.ended = self.wire.now();
                outcome.decoding += outcome.ended.saturating_sub(arrived);
                return Some(false);
            }
            Err(Failure::Silent) => {
                self.meters.timeouts.increment(1);
                self.healing.fell_silent();
            }
            Err(Failure::Unreachable) => self.meters.refusals.increment(1),
            Err(Failure::Down) => {
                outcome.connected = false;
                return None;
            }
            Err(Failure::Refused(code)) => {
                self.meters.refusals.increment(1);
                outcome.heard = true;
                outcome.condition = Condition::Refusing(code);
                outcome.miss(read, Missing::Refused(code));
                // No such registers, or not so many of them at once.
                let is_about_registers = matches!(
                    ExceptionCode::new(code),
                    ExceptionCode::IllegalDataAddress | ExceptionCode::IllegalDataValue
                );
                if is_about_registers {
                    self.healing.tried(read, Some(code));
                } else {
                    self.healing.cut();
                }
                return Some(is_about_registers);
            }
            Err(Failure::Malformed) => {
                self.meters.malformed.increment(1);
                outcome.heard = true;
                outcome.condition = Condition::Malformed;
                self.healing.cut();
                outcome.miss(read, Missing::Malformed);
                return Some(false);
            }
        }
        outcome.condition = Condition::Silent;
        None
    }
}
