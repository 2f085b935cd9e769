//! What people do to a ticket from its opening to its end.

use serde_json::{Value, json};

use crate::http::{Answer, post, upload};

/// One thing that is asked of the gateway.
pub(super) struct Deed {
    /// The last part of its address; none opens a ticket.
    path: Option<&'static str>,
    /// The word of the ticket's step.
    pub(super) what: &'static str,
    /// What the gateway answers when it is done.
    pub(super) status: u16,
    /// The state that the ticket is in then; none leaves it as it was.
    state: Option<&'static str>,
}

/// Reports a complaint: its row has all three clocks, so that every step below changes one.
pub(super) const OPENING: Deed = Deed {
    path: None,
    what: "opened",
    status: 201,
    state: Some("open"),
};

const fn step(path: &'static str, what: &'static str, state: Option<&'static str>) -> Deed {
    Deed {
        path: Some(path),
        what,
        status: 200,
        state,
    }
}

/// Every step that a reported ticket can take, some of them twice.
pub(super) const LIFE: [Deed; 18] = [
    step("comment", "comment", None),
    step("accept", "accepted", Some("accepted")),
    step("arrive", "arrived", Some("on_site")),
    step("wait", "waiting", Some("waiting")),
    step("comment", "comment", None),
    step("resume", "resumed", Some("on_site")),
    step("attachments", "attached", None),
    step("resolve", "resolved", Some("resolved")),
    step("close", "closed", Some("closed")),
    step("comment", "comment", None),
    step("reopen", "reopened", Some("open")),
    step("assign", "assigned", None),
    step("arrive", "arrived", Some("on_site")),
    step("resolve", "resolved", Some("resolved")),
    step("reopen", "reopened", Some("open")),
    step("accept", "accepted", Some("accepted")),
    step("cancel", "cancelled", Some("cancelled")),
    step("comment", "comment", None),
];

impl Deed {
    /// Asks for it once.
    pub(super) fn ask(
        &self,
        tickets: &str,
        ticket: Option<&str>,
        by: &str,
        words: &str,
    ) -> std::io::Result<Answer> {
        let (Some(path), Some(ticket)) = (self.path, ticket) else {
            return post(tickets, &opening(by, words));
        };
        let url = format!("{tickets}/{ticket}/{path}");
        match path {
            "attachments" => upload(&format!("{url}?name={words}&by={by}"), words),
            _ => post(&url, &said(path, by, words)),
        }
    }
}

fn opening(by: &str, words: &str) -> Value {
    json!({"by": by, "standard": "complaint", "summary": words, "reporter": "张女士 13800000000"})
}

/// Each action has its own field for what becomes the note of its step.
fn said(path: &str, by: &str, words: &str) -> Value {
    match path {
        "wait" => {
            let told =
                json!({"whom": "张女士", "what": "要等配件", "at": jiff::Timestamp::now().to_string()});
            json!({"by": by, "parts": words, "told": told})
        }
        "resolve" | "cancel" => json!({"by": by, "reason": words}),
        "assign" => json!({"by": by, "to": words}),
        _ => json!({"by": by, "note": words}),
    }
}

/// What a person said with a step: a file's step names the file and goes on with its hash.
pub(super) fn words_of(step: &Value) -> Option<&str> {
    step["note"].as_str()?.split(" sha256:").next()
}

/// The state that a ticket is in after its steps.
pub(super) fn state_after(steps: &[Value]) -> Option<&'static str> {
    let state_of = |step: &Value| {
        let mut deeds = [&OPENING].into_iter().chain(&LIFE);
        deeds.find(|deed| step["what"] == deed.what)?.state
    };
    steps.iter().rev().find_map(state_of)
}
