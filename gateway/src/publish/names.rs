//! How topics are called, and what a topic is about.

/// How the topics of a site are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    prefix: String,
    discovery: Option<String>,
}

/// What a topic is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'topic> {
    /// Whether the gateway is there.
    Status,
    /// The gateway: how many of what.
    Gateway,
    /// A device, by its id.
    Device(&'topic str),
    /// An alarm, by its id.
    Alarm(&'topic str),
    /// A ticket, by its id.
    Ticket(&'topic str),
    /// Something for Home Assistant, or a topic of an earlier prefix.
    Other,
}

impl Names {
    /// Topics below a prefix, and below another for Home Assistant's discovery.
    pub fn new(prefix: &str, discovery: Option<&str>) -> Self {
        Self {
            prefix: prefix.to_owned(),
            discovery: discovery.map(str::to_owned),
        }
    }

    /// `PREFIX/status`: `online`, or `offline` as the last will.
    pub fn status(&self) -> String {
        self.below("status")
    }

    /// `PREFIX/gateway`.
    pub fn gateway(&self) -> String {
        self.below("gateway")
    }

    /// `PREFIX/devices/ID`.
    pub fn device(&self, id: &str) -> String {
        self.below(&format!("devices/{id}"))
    }

    /// `PREFIX/alarms/ID`.
    pub fn alarm(&self, id: &str) -> String {
        self.below(&format!("alarms/{id}"))
    }

    /// `PREFIX/tickets/ID`.
    pub fn ticket(&self, id: &str) -> String {
        self.below(&format!("tickets/{id}"))
    }

    /// `DISCOVERY/COMPONENT/NODE/OBJECT/config`, if Home Assistant is told.
    pub fn config(&self, component: &str, node: &str, object: &str) -> Option<String> {
        let discovery = self.discovery.as_ref()?;
        Some(format!("{discovery}/{component}/{node}/{object}/config"))
    }

    /// What a topic is about.
    pub fn subject<'topic>(&self, topic: &'topic str) -> Subject<'topic> {
        let below = topic
            .strip_prefix(self.prefix.as_str())
            .and_then(|rest| rest.strip_prefix('/'));
        let Some(below) = below else { return Subject::Other };
        match below.split_once('/') {
            None if below == "status" => Subject::Status,
            None if below == "gateway" => Subject::Gateway,
            Some(("devices", id)) => Subject::Device(id),
            Some(("alarms", id)) => Subject::Alarm(id),
            Some(("tickets", id)) => Subject::Ticket(id),
            _ => Subject::Other,
        }
    }

    fn below(&self, rest: &str) -> String {
        format!("{}/{rest}", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_is_known_again_and_one_of_another_prefix_is_not() {
        let names = Names::new("facility/yard", Some("homeassistant"));
        for (topic, subject) in [
            (names.status(), Subject::Status),
            (names.gateway(), Subject::Gateway),
            (names.device("pump-1"), Subject::Device("pump-1")),
            (names.alarm("pump-1.low"), Subject::Alarm("pump-1.low")),
            (names.ticket("T-2026-000001"), Subject::Ticket("T-2026-000001")),
        ] {
            assert_eq!(names.subject(&topic), subject, "{topic}");
        }
        for other in [
            "facility/yard2/status",
            "facility/yard",
            "homeassistant/sensor/yard/open_tickets/config",
        ] {
            assert_eq!(names.subject(other), Subject::Other, "{other}");
        }
    }
}
