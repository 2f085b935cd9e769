//! Whether what people did is there: all that was confirmed once, nothing twice, each ticket's steps in their order.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::action::{Action, Outcome};
use super::life::{OPENING, state_after, words_of};

/// How many actions came to what, when nothing was wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Confirmed, and there.
    pub confirmed: usize,
    /// Unanswered, and there all the same.
    pub done_unanswered: usize,
    /// Unanswered, and not there.
    pub not_done: usize,
    /// Refused.
    pub refused: usize,
}

/// Where some words stand: the ticket's id, and the step's word.
type Place<'tickets> = (&'tickets str, &'tickets str);

/// Compares what people did with every ticket; also, no alarm may have two. What was done after `actions` were read is let be.
pub fn judge(actions: &[Action], tickets: &[Value]) -> Result<Tally, String> {
    let mut places = HashMap::<&str, Vec<Place>>::new();
    let mut alarms = BTreeMap::<&str, usize>::new();
    for ticket in tickets {
        let id = ticket["id"].as_str().unwrap_or_default();
        if let Some(summary) = ticket["summary"]["en"].as_str() {
            places.entry(summary).or_default().push((id, OPENING.what));
        }
        for step in steps(ticket) {
            if let (Some(words), Some(what)) = (words_of(step), step["what"].as_str()) {
                places.entry(words).or_default().push((id, what));
            }
        }
        if let Some(alarm) = ticket["alarm"].as_str() {
            *alarms.entry(alarm).or_default() += 1;
        }
    }
    if let Some((alarm, count)) = alarms.iter().find(|(_, count)| **count > 1) {
        return Err(format!("alarm {alarm} has {count} tickets"));
    }
    let mut tally = Tally::default();
    for action in actions {
        let found = places.get(action.words.as_str()).map_or(&[][..], Vec::as_slice);
        tally.count(action, found)?;
    }
    let order: HashMap<&str, usize> = actions
        .iter()
        .enumerate()
        .map(|(position, action)| (action.words.as_str(), position))
        .collect();
    for ticket in tickets {
        let summary = ticket["summary"]["en"].as_str().unwrap_or_default();
        if order.contains_key(summary) {
            is_whole(ticket, &order)?;
        }
    }
    Ok(tally)
}

impl Tally {
    /// Counts an action that is found at some places.
    fn count(&mut self, action: &Action, found: &[Place]) -> Result<(), String> {
        let Action { words, what, .. } = action;
        let is_its =
            |(id, step): &Place| step == what && action.ticket.as_deref().is_none_or(|ticket| ticket == *id);
        if found.len() > 1 {
            return Err(format!(
                "{words} ({what}) was done {} times: {found:?}",
                found.len()
            ));
        }
        if let Some(place) = found.first().filter(|place| !is_its(place)) {
            return Err(format!("{action:?} stands at {place:?}"));
        }
        match (action.outcome, found.is_empty()) {
            (Outcome::Confirmed, true) => {
                return Err(format!(
                    "{words} ({what}) was confirmed and is not there: {action:?}"
                ));
            }
            (Outcome::Refused(status), false) if status < 500 => {
                return Err(format!("{words} ({what}) was refused with {status} and is there"));
            }
            (Outcome::Confirmed, false) => self.confirmed += 1,
            (Outcome::Refused(_), _) => self.refused += 1,
            (Outcome::Unanswered, false) => self.done_unanswered += 1,
            (Outcome::Unanswered, true) => self.not_done += 1,
        }
        Ok(())
    }
}

/// Checks that a person's ticket has its steps in the order in which they were asked for, their files, and the state that follows.
fn is_whole(ticket: &Value, order: &HashMap<&str, usize>) -> Result<(), String> {
    let id = &ticket["id"];
    let known = steps(ticket).iter().filter_map(|step| order.get(words_of(step)?));
    if !known.is_sorted_by(|before, after| before < after) {
        return Err(format!("the steps of {id} are out of order: {ticket:#}"));
    }
    let attached = steps(ticket).iter().filter(|step| step["what"] == "attached");
    let named: Vec<_> = attached.filter_map(words_of).collect();
    let files = ticket["attachments"].as_array().into_iter().flatten();
    let files: Vec<_> = files.filter_map(|file| file["name"].as_str()).collect();
    if named != files {
        return Err(format!(
            "the steps of {id} attached {named:?}, and its files are {files:?}"
        ));
    }
    match state_after(steps(ticket)) {
        Some(state) if ticket["state"] == state => Ok(()),
        state => Err(format!("{id} should be {state:?} after its steps: {ticket:#}")),
    }
}

fn steps(ticket: &Value) -> &[Value] {
    ticket["steps"].as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use serde_json::json;

    use super::*;

    fn action(what: &'static str, words: &str, outcome: Outcome) -> Action {
        Action {
            ticket: Some("T-1".to_owned()),
            what,
            words: words.to_owned(),
            begun: Instant::now(),
            outcome,
        }
    }

    /// Opened and accepted, and a comment that nobody confirmed.
    fn actions() -> [Action; 3] {
        [
            action("opened", "a", Outcome::Confirmed),
            action("accepted", "b", Outcome::Confirmed),
            action("comment", "c", Outcome::Unanswered),
        ]
    }

    fn ticket(state: &str, steps: &[(&str, &str)]) -> Value {
        let opened = [json!({"what": "opened", "note": null})].into_iter();
        let steps = steps
            .iter()
            .map(|(what, words)| json!({"what": what, "note": words}));
        json!({
            "id": "T-1", "summary": {"en": "a"}, "alarm": null, "state": state,
            "steps": opened.chain(steps).collect::<Vec<_>>(), "attachments": [],
        })
    }

    #[track_caller]
    fn is_told(why: &str, tickets: &[Value]) {
        let told = judge(&actions(), tickets).expect_err(why);
        assert!(told.contains(why), "{told}");
    }

    #[test]
    fn what_was_confirmed_is_there_once_and_what_was_not_may_be() {
        let without = judge(&actions(), &[ticket("accepted", &[("accepted", "b")])]).unwrap();
        assert_eq!((without.confirmed, without.not_done), (2, 1));
        let steps = [("accepted", "b"), ("comment", "c")];
        let with = judge(&actions(), &[ticket("accepted", &steps)]).unwrap();
        assert_eq!((with.confirmed, with.done_unanswered), (2, 1));
    }

    #[test]
    fn a_lost_step_and_a_lost_ticket_are_told() {
        is_told(
            "b (accepted) was confirmed and is not there",
            &[ticket("open", &[])],
        );
        is_told("a (opened) was confirmed and is not there", &[]);
    }

    #[test]
    fn a_doubled_step_and_a_doubled_ticket_are_told() {
        let steps = [("accepted", "b"), ("comment", "c"), ("comment", "c")];
        is_told("c (comment) was done 2 times", &[ticket("accepted", &steps)]);
        let whole = ticket("accepted", &[("accepted", "b")]);
        is_told("a (opened) was done 2 times", &[whole.clone(), whole]);
    }

    #[test]
    fn steps_out_of_order_and_a_state_that_does_not_follow_are_told() {
        let steps = [("comment", "c"), ("accepted", "b")];
        is_told("out of order", &[ticket("accepted", &steps)]);
        is_told("after its steps", &[ticket("open", &[("accepted", "b")])]);
    }

    #[test]
    fn a_file_without_its_step_is_told() {
        let mut whole = ticket("accepted", &[("accepted", "b")]);
        whole["attachments"] = json!([{"name": "x"}]);
        is_told("its files are", &[whole]);
    }

    #[test]
    fn a_second_ticket_of_an_alarm_is_told() {
        let of_alarm = |id: &str| json!({"id": id, "summary": {"en": "leak"}, "alarm": "7", "steps": []});
        is_told("alarm 7 has 2 tickets", &[of_alarm("T-2"), of_alarm("T-3")]);
    }
}
