//! The tickets that still matter, in memory: every one that is not ended, and the ended ones whose fault may still come back.

use std::cell::{RefCell, RefMut};
use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::dues::Dues;
use super::fault::REOPENS_WITHIN;
use super::{ClockEvent, ClockKind, Ticket, WorkCalendar};

/// The tickets that still matter, by id and by alarm.
#[derive(Clone, Debug, Default)]
pub struct TicketBook {
    tickets: HashMap<String, Arc<Ticket>>,
    newest_of_alarm: HashMap<String, String>,
    last_number: u64,
    /// Brought up to date when it is asked; one thread has the book.
    dues: RefCell<Dues>,
}

impl TicketBook {
    /// A book of stored tickets; `last_number` is the highest number ever given.
    pub fn new(tickets: impl IntoIterator<Item = Ticket>, last_number: u64) -> Self {
        let mut book = Self {
            last_number,
            ..Self::default()
        };
        tickets.into_iter().for_each(|ticket| book.put(Arc::new(ticket)));
        book
    }

    /// The number for the next ticket.
    pub fn next_number(&self) -> u64 {
        self.last_number + 1
    }

    /// A ticket that still matters.
    pub fn get(&self, id: &str) -> Option<&Arc<Ticket>> {
        self.tickets.get(id)
    }

    /// The newest ticket of an alarm.
    pub fn of_alarm(&self, alarm: &str) -> Option<&Arc<Ticket>> {
        self.tickets.get(self.newest_of_alarm.get(alarm)?)
    }

    /// Every ticket that is not ended, in no order.
    pub fn open(&self) -> impl Iterator<Item = &Arc<Ticket>> {
        self.tickets.values().filter(|ticket| !ticket.state.is_ended())
    }

    /// Takes in a new or changed ticket.
    pub fn put(&mut self, ticket: Arc<Ticket>) {
        self.last_number = self.last_number.max(ticket.number);
        if let Some(alarm) = &ticket.alarm {
            let newest = self
                .newest_of_alarm
                .get(alarm)
                .and_then(|id| self.tickets.get(id));
            if newest.is_none_or(|newest| newest.number <= ticket.number) {
                self.newest_of_alarm.insert(alarm.clone(), ticket.id.clone());
            }
        }
        self.dues.get_mut().changed(&ticket.id);
        self.tickets.insert(ticket.id.clone(), ticket);
    }

    /// Forgets tickets that ended so long ago that no fault can come back to them; they stay in the store. The newest ticket of
    /// an alarm is kept a year, so that a later one can name it.
    pub fn forget_old(&mut self, now: Timestamp) {
        let newest = &self.newest_of_alarm;
        let dues = self.dues.get_mut();
        self.tickets.retain(|id, ticket| {
            let Some(ended_at) = ticket.ended_at.filter(|_| ticket.state.is_ended()) else {
                return true;
            };
            let age = now.duration_since(ended_at);
            let is_newest = ticket
                .alarm
                .as_ref()
                .is_some_and(|alarm| newest.get(alarm) == Some(id));
            let stays = age <= REOPENS_WITHIN || (is_newest && age <= SignedDuration::from_hours(24 * 366));
            if !stays {
                dues.changed(id);
            }
            stays
        });
        let tickets = &self.tickets;
        self.newest_of_alarm.retain(|_, id| tickets.contains_key(id));
    }

    /// The clocks that have run out and that nobody was told of, the earliest first: the ticket's id and the clock.
    pub fn ran_out(&self, now: Timestamp, calendar: &WorkCalendar) -> Vec<(String, ClockKind)> {
        self.dues(now, calendar).ran_out(now)
    }

    /// When the next clock runs out that nobody was told of.
    pub fn next_due(&self, now: Timestamp, calendar: &WorkCalendar) -> Option<Timestamp> {
        self.dues(now, calendar).next()
    }

    /// Whether a ticket but those that `except` names has a deadline that runs and counts days past the loaded calendar years.
    pub fn is_provisional(
        &self,
        now: Timestamp,
        calendar: &WorkCalendar,
        except: impl Fn(&str) -> bool,
    ) -> bool {
        let dues = self.dues(now, calendar);
        dues.provisional().iter().any(|id| !except(id))
    }

    /// The due times, with those of changed tickets worked out anew.
    fn dues(&self, now: Timestamp, calendar: &WorkCalendar) -> RefMut<'_, Dues> {
        let mut dues = self.dues.borrow_mut();
        dues.refresh(&self.tickets, now, calendar);
        dues
    }
}

impl Ticket {
    /// Whether a clock that runs counts days past the loaded calendar years.
    pub fn is_provisional(&self, now: Timestamp, calendar: &WorkCalendar) -> bool {
        let running = self.clocks.iter().filter(|_| !self.state.is_ended());
        let mut running = running.filter(|clock| clock.counts_days() && clock.is_unstopped());
        running.any(|clock| clock.stand(now, calendar).is_some_and(|stand| stand.provisional))
    }

    /// The clocks that run and of which nobody was told that they ran out, with when they do.
    pub fn unannounced(
        &self,
        now: Timestamp,
        calendar: &WorkCalendar,
    ) -> impl Iterator<Item = (ClockKind, Timestamp)> {
        let clocks = self.clocks.iter().filter(|_| !self.state.is_ended());
        clocks.filter_map(move |clock| {
            if !clock.is_unstopped() || clock.is_paused() {
                return None;
            }
            let stand = clock.stand(now, calendar)?;
            (!stand.announced).then_some((clock.kind, stand.due))
        })
    }

    /// Takes note that people are told that a clock ran out.
    pub fn announce(&mut self, kind: ClockKind, now: Timestamp) {
        for clock in self.clocks.iter_mut().filter(|clock| clock.kind == kind) {
            clock.events.push(ClockEvent::Announced { at: now });
        }
        self.step(now, super::GATEWAY, &format!("overdue_{}", kind.name()), None);
    }
}

/// The calendar year of a moment in the site's zone, for a ticket's id.
pub fn year_of(at: Timestamp, calendar: &WorkCalendar) -> i16 {
    at.to_zoned_datetime(calendar.timezone().clone()).year()
}
