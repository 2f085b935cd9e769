//! People who go on reporting and commenting while everything fails, and remember what was confirmed to them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::post;

const EVERY: Duration = Duration::from_millis(250);
/// One in so many actions opens a ticket; the others comment on one.
const ONE_TICKET_IN: usize = 8;

/// Something that was done once, and never tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Action {
    /// What it says; no other action says the same.
    pub(super) words: String,
    /// Whether the gateway said that it was done.
    pub(super) is_confirmed: bool,
}

/// People at work.
pub(super) struct People {
    actions: Arc<Mutex<Vec<Action>>>,
    has_ended: Arc<AtomicBool>,
}

impl People {
    /// They begin.
    pub(super) fn start(url: &str) -> Self {
        let people = Self {
            actions: Arc::default(),
            has_ended: Arc::default(),
        };
        let (actions, has_ended) = (Arc::clone(&people.actions), Arc::clone(&people.has_ended));
        let url = format!("{url}/api/v1/tickets");
        std::thread::spawn(move || {
            let mut ticket = None;
            for number in 0.. {
                if has_ended.load(Ordering::SeqCst) {
                    return;
                }
                let words = format!("chaos-{number}");
                let is_confirmed = act(&url, &mut ticket, &words, number);
                let mut actions = actions.lock().unwrap_or_else(PoisonError::into_inner);
                actions.push(Action { words, is_confirmed });
                drop(actions);
                std::thread::sleep(EVERY);
            }
        });
        people
    }

    /// They do nothing more.
    pub(super) fn stop(&self) {
        self.has_ended.store(true, Ordering::SeqCst);
    }

    /// What they have done so far.
    pub(super) fn actions(&self) -> Vec<Action> {
        self.actions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for People {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Opens a ticket or comments on the last one; whether that was confirmed.
fn act(url: &str, ticket: &mut Option<String>, words: &str, number: usize) -> bool {
    match ticket {
        Some(id) if !number.is_multiple_of(ONE_TICKET_IN) => {
            let answer = post(
                &format!("{url}/{id}/comment"),
                &json!({"by": "王工", "note": words}),
            );
            answer.is_ok_and(|answer| answer.status == 200)
        }
        _ => {
            let report = json!({"by": "王工", "standard": "repair-report", "summary": words});
            let answer = post(url, &report).ok().filter(|answer| answer.status == 201);
            let opened = answer.and_then(|answer| Some(answer.json()["id"].as_str()?.to_owned()));
            let is_confirmed = opened.is_some();
            *ticket = opened.or(ticket.take());
            is_confirmed
        }
    }
}

/// Checks that what was confirmed is there once, that nothing is there twice, and that no alarm has two tickets. Returns how many
/// actions were confirmed.
pub(super) fn judge(actions: &[Action], tickets: &[Value]) -> Result<usize, String> {
    let mut found = BTreeMap::<&str, usize>::new();
    let mut alarms = BTreeMap::<&str, usize>::new();
    for ticket in tickets {
        *found
            .entry(ticket["summary"]["en"].as_str().unwrap_or_default())
            .or_default() += 1;
        for step in ticket["steps"].as_array().into_iter().flatten() {
            if step["what"] == "comment" {
                *found
                    .entry(step["note"].as_str().unwrap_or_default())
                    .or_default() += 1;
            }
        }
        if let Some(alarm) = ticket["alarm"].as_str() {
            *alarms.entry(alarm).or_default() += 1;
        }
    }
    for action in actions {
        let times = found.get(action.words.as_str()).copied().unwrap_or(0);
        if times > 1 {
            return Err(format!("{} was done {times} times", action.words));
        }
        if action.is_confirmed && times == 0 {
            return Err(format!("{} was confirmed and is not there", action.words));
        }
    }
    if let Some((alarm, count)) = alarms.iter().find(|(_, count)| **count > 1) {
        return Err(format!("alarm {alarm} has {count} tickets"));
    }
    Ok(actions.iter().filter(|action| action.is_confirmed).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(words: &str, is_confirmed: bool) -> Action {
        Action {
            words: words.to_owned(),
            is_confirmed,
        }
    }

    fn ticket(summary: &str, alarm: Option<&str>, notes: &[&str]) -> Value {
        let steps: Vec<_> = notes
            .iter()
            .map(|note| json!({"what": "comment", "note": note}))
            .collect();
        json!({"summary": {"en": summary}, "alarm": alarm, "steps": steps})
    }

    #[test]
    fn a_lost_and_a_doubled_action_and_a_second_ticket_are_told() {
        let actions = [done("a", true), done("b", true), done("c", false)];
        assert_eq!(judge(&actions, &[ticket("a", None, &["b"])]), Ok(2));
        assert_eq!(judge(&actions, &[ticket("a", None, &["b", "c"])]), Ok(2));
        assert!(judge(&actions, &[ticket("a", None, &[])]).is_err(), "b is lost");
        assert!(
            judge(&actions, &[ticket("a", None, &["b", "c", "c"])]).is_err(),
            "c is doubled"
        );
        let two = [ticket("a", Some("7"), &["b"]), ticket("x", Some("7"), &[])];
        assert!(judge(&actions, &two).is_err(), "two tickets of an alarm");
    }
}
