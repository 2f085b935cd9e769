//! People at work, each in a thread of their own: one step after another, until the gateway no longer answers, and on when it does.

use std::io::ErrorKind;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use super::action::{Action, Outcome};
use super::life::{LIFE, OPENING, words_of};
use crate::dice::Dice;
use crate::http::{Answer, get};

/// How soon somebody looks again whether the gateway is back.
const LOOK: Duration = Duration::from_millis(20);

/// People at work.
#[derive(Debug)]
pub struct People {
    notes: Arc<Notes>,
    at_work: Vec<JoinHandle<()>>,
}

/// What all of them write down.
#[derive(Debug, Default)]
struct Notes {
    actions: Mutex<Vec<Action>>,
    has_ended: AtomicBool,
}

impl Notes {
    fn actions(&self) -> MutexGuard<'_, Vec<Action>> {
        self.actions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn have_ended(&self) -> bool {
        self.has_ended.load(Ordering::SeqCst)
    }
}

impl People {
    /// They begin; between two actions each rests for a while that the dice decide.
    pub fn start(url: &str, names: &[&'static str], rest: RangeInclusive<Duration>, dice: &mut Dice) -> Self {
        let notes = Arc::<Notes>::default();
        let at_work = names.iter().map(|name| {
            let mut person = Person {
                name,
                tickets: format!("{url}/api/v1/tickets"),
                dice: Dice::of(dice.roll()),
                rest: rest.clone(),
                notes: Arc::clone(&notes),
                said: 0,
                ticket: None,
            };
            spawn(move || person.work())
        });
        Self {
            at_work: at_work.collect(),
            notes,
        }
    }

    /// They end what they are at, and do nothing more.
    pub fn stop(&mut self) {
        self.notes.has_ended.store(true, Ordering::SeqCst);
        for person in self.at_work.drain(..) {
            person.join().expect("a person works without panicking");
        }
    }

    /// What they have done so far.
    pub fn actions(&self) -> Vec<Action> {
        self.notes.actions().clone()
    }
}

impl Drop for People {
    fn drop(&mut self) {
        self.notes.has_ended.store(true, Ordering::SeqCst);
    }
}

struct Person {
    name: &'static str,
    tickets: String,
    dice: Dice,
    rest: RangeInclusive<Duration>,
    notes: Arc<Notes>,
    said: usize,
    /// The ticket that they work at, and which step of its life is next.
    ticket: Option<(String, usize)>,
}

impl Person {
    fn work(&mut self) {
        while !self.notes.have_ended() {
            self.act();
            sleep(self.dice.between(*self.rest.start(), *self.rest.end()));
        }
    }

    fn act(&mut self) {
        let next = self
            .ticket
            .take()
            .and_then(|(id, next)| Some((LIFE.get(next)?, id, next)));
        let (deed, ticket) = match next {
            Some((deed, id, next)) => (deed, Some((id, next))),
            None => (&OPENING, None),
        };
        let words = format!("{}-{}", self.name, self.said);
        let begun = Instant::now();
        let id = ticket.as_ref().map(|(id, _)| id.as_str());
        let answer = deed.ask(&self.tickets, id, self.name, &words);
        if matches!(&answer, Err(error) if error.kind() == ErrorKind::ConnectionRefused) {
            // Nobody heard it.
            self.ticket = ticket;
            sleep(LOOK);
            return;
        }
        self.said += 1;
        let outcome = match &answer {
            Ok(answer) if answer.status == deed.status => Outcome::Confirmed,
            Ok(answer) => Outcome::Refused(answer.status),
            Err(_) => Outcome::Unanswered,
        };
        let known = ticket.as_ref().map(|(id, _)| id.clone());
        self.notes.actions().push(Action {
            ticket: known.or_else(|| answer.as_ref().ok().and_then(opened)),
            what: deed.what,
            words: words.clone(),
            begun,
            outcome,
        });
        self.ticket = match (outcome, ticket) {
            (Outcome::Confirmed, Some((id, next))) => Some((id, next + 1)),
            (Outcome::Confirmed, None) => answer.ok().as_ref().and_then(opened).map(|id| (id, 0)),
            (Outcome::Unanswered, Some((id, next))) => self
                .is_there(&id, &words)
                .map(|done| (id, next + usize::from(done))),
            // Whoever was refused, or does not know their ticket's id, begins another.
            (Outcome::Refused(_), _) | (Outcome::Unanswered, None) => None,
        };
    }

    /// Looks whether a step that nobody answered is on its ticket; none where there is no such ticket, or work is over.
    fn is_there(&self, id: &str, words: &str) -> Option<bool> {
        while !self.notes.have_ended() {
            match get(&format!("{}/{id}", self.tickets)) {
                Ok(answer) if answer.status == 200 => {
                    let ticket = answer.json();
                    let mut steps = ticket["steps"].as_array()?.iter();
                    return Some(steps.any(|step| words_of(step) == Some(words)));
                }
                Ok(answer) if answer.status == 404 => return None,
                _ => sleep(LOOK),
            }
        }
        None
    }
}

/// The id of the ticket that an answer shows.
fn opened(answer: &Answer) -> Option<String> {
    let is_shown = answer.status == OPENING.status;
    is_shown.then(|| answer.json()["id"].as_str().map(str::to_owned))?
}
