//! What is measured: one file a part.

mod capacity;
mod driver;
mod latency;
mod line;
mod load;
mod mqtt;
mod outage;
mod poller;
mod profile;
mod rule;
mod scale;
mod slow;
mod stay;
mod tickets;

use clap::ValueEnum;

use crate::figures::Figures;
use crate::setting::Setting;
use crate::trouble::Outcome;

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// What judging a rule costs.
    Rules,
    /// Our driver's best rate beside a bare socket loop's.
    Driver,
    /// 1,000 devices polled each second, beside a minimal poller.
    Load,
    /// Ten and twenty times that.
    Capacity,
    /// From a device's answer to the database.
    Latency,
    /// Devices that are slow, or silent.
    Slow,
    /// A serial line with dead units on it.
    Line,
    /// 5,000 devices beside 100.
    Scale,
    /// How fast the outbox is emptied after an outage.
    Outage,
    /// Messages of an MQTT broker, beside a bare consumer.
    Mqtt,
    /// How long people wait with 100,000 tickets and ten years of journal.
    Tickets,
    /// The load until a whole slot of history has been packed: 24 minutes.
    Stay,
    /// Draws where the gateway's time goes (needs `perf`).
    Profile,
}

impl Part {
    /// All but the two that take long or need more.
    pub const USUAL: [Self; 11] = [
        Self::Rules,
        Self::Driver,
        Self::Load,
        Self::Capacity,
        Self::Latency,
        Self::Slow,
        Self::Line,
        Self::Scale,
        Self::Outage,
        Self::Mqtt,
        Self::Tickets,
    ];

    /// Its name on the command line and in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Driver => "driver",
            Self::Load => "load",
            Self::Capacity => "capacity",
            Self::Latency => "latency",
            Self::Slow => "slow",
            Self::Line => "line",
            Self::Scale => "scale",
            Self::Outage => "outage",
            Self::Mqtt => "mqtt",
            Self::Tickets => "tickets",
            Self::Stay => "stay",
            Self::Profile => "profile",
        }
    }

    /// Measures it.
    ///
    /// # Errors
    /// Something that it needs does not start, or ends.
    pub fn measure(self, setting: &Setting, figures: &mut Figures) -> Outcome<()> {
        match self {
            Self::Rules => rule::measure(setting, figures),
            Self::Driver => driver::measure(setting, figures),
            Self::Load => load::measure(setting, figures),
            Self::Capacity => capacity::measure(setting, figures),
            Self::Latency => latency::measure(setting, figures),
            Self::Slow => slow::measure(setting, figures),
            Self::Line => line::measure(setting, figures),
            Self::Scale => scale::measure(setting, figures),
            Self::Outage => outage::measure(setting, figures),
            Self::Mqtt => mqtt::measure(setting, figures),
            Self::Tickets => tickets::measure(setting, figures),
            Self::Stay => stay::measure(setting, figures),
            Self::Profile => profile::draw(setting),
        }
    }
}
