//! Says once, when a device's condition changes, what is wrong with it and what happens next.

use std::fmt;

/// How a device answers, as far as its log is concerned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Condition {
    /// All that was asked for came.
    #[default]
    Answering,
    /// No answer in time, although its connection is up.
    Silent,
    /// Over MQTT: it has said nothing for three of its intervals.
    Quiet,
    /// Over MQTT: for three of its intervals it has told only of times before those that it had told of.
    Past,
    /// It refused a request with this Modbus exception code.
    Refusing(u8),
    /// What came was not of the form that was asked for.
    Malformed,
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answering => formatter.write_str("answers"),
            Self::Silent => formatter
                .write_str("does not answer in time; it is tried again, ever more seldom, up to every 30 s"),
            Self::Quiet => formatter.write_str(
                "has published nothing for three of its intervals; look at its power, network and topic",
            ),
            Self::Past => formatter.write_str(
                "says only what is older than what it said before; its clock was set back, so what it says from now on counts as new; see to its clock and time zone",
            ),
            Self::Refusing(code) => {
                write!(
                    formatter,
                    "refused a request with exception {code}; compare its profile's addresses with its manual"
                )
            }
            Self::Malformed => formatter
                .write_str("sent something that is not of the form its profile describes; compare the two"),
        }
    }
}

/// Whether a connection is of use, as far as its log is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkState {
    /// Something has been heard on it.
    Works,
    /// It could not be made, or it broke.
    Down,
}

/// A device's condition as it was last told.
#[derive(Debug, Default)]
pub(crate) struct Health {
    told: Condition,
}

impl Health {
    /// The condition is `now`; returns it if it is news.
    pub(crate) fn news(&mut self, now: Condition) -> Option<Condition> {
        (self.told != now).then(|| {
            self.told = now;
            now
        })
    }

    /// Logs the condition if it is news. `device` and `connection` say who and where.
    pub(crate) fn tell(&mut self, now: Condition, device: &str, connection: &str) {
        match self.news(now) {
            Some(Condition::Answering) => tracing::info!(device, connection, "device answers again"),
            Some(condition) => tracing::warn!(device, connection, "device {condition}"),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_stays_silent_is_told_of_once() {
        let mut health = Health::default();
        assert_eq!(health.news(Condition::Answering), None);
        assert_eq!(health.news(Condition::Silent), Some(Condition::Silent));
        assert_eq!(health.news(Condition::Silent), None);
        assert_eq!(health.news(Condition::Refusing(2)), Some(Condition::Refusing(2)));
        assert_eq!(health.news(Condition::Answering), Some(Condition::Answering));
    }
}
