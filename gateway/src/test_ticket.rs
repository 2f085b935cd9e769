//! Tickets for unit tests.

use jiff::Timestamp;
use model::{Deadlines, Severity, Target, Text};

use crate::tickets::{GATEWAY, Opening, Origin, Said, Ticket, Told};

/// Who reported, with a number that must not get about.
pub const REPORTER: &str = "Zhang 13800000000";

/// A row of the standard without any clock.
pub fn row(id: &str) -> Deadlines {
    Deadlines {
        id: id.into(),
        covers: Text::default(),
        respond: None,
        arrive: None,
        resolve: None,
        quote: String::new(),
        class: None,
    }
}

/// Half an hour to arrive, half an hour to resolve.
pub fn fire_water() -> Deadlines {
    Deadlines {
        arrive: Some(Target::Minutes(30)),
        resolve: Some(Target::Minutes(30)),
        ..row("fire-water")
    }
}

/// A fire-water ticket that a rule opened.
pub fn opened_by_rule(number: u64, at: Timestamp) -> Ticket {
    let opening = Opening {
        number,
        year: 2026,
        device: Some("fire-main-1".into()),
        alarm: Some("fire-main-1.low".into()),
        origin: Origin::Rule,
        severity: Severity::Critical,
        summary: Text::new("压力低", "Pressure low"),
        reporter: None,
        previous: None,
        by: GATEWAY.into(),
    };
    Ticket::open(opening, &fire_water(), at)
}

/// A ticket for an elevator that somebody reported, who is to hear of it within four hours.
pub fn reported(at: Timestamp) -> Ticket {
    let elevator = Deadlines {
        respond: Some(Target::Hours(4)),
        ..row("elevator")
    };
    let opening = Opening {
        number: 7,
        year: 2026,
        device: None,
        alarm: None,
        origin: Origin::Person,
        severity: Severity::High,
        summary: Text::default(),
        reporter: Some(REPORTER.into()),
        previous: None,
        by: "Wang".into(),
    };
    Ticket::open(opening, &elevator, at)
}

/// Li has told somebody that help is on the way.
pub fn told(whom: &str, at: Timestamp) -> Said {
    Said {
        told: Some(Told {
            whom: whom.into(),
            what: "on the way".into(),
            at,
        }),
        ..Said::by("Li")
    }
}
