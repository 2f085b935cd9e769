//! What the end-to-end tests stand on: they start real processes, talk HTTP to them, and read what they wrote.
//!
//! Nothing here knows the other crates. Every port is free, every folder temporary, every wait has a deadline,
//! and every process ends with the test that started it, telling the end of its log if the test failed.

mod answers;
mod chaos;
mod compare;
mod demo;
mod dice;
mod disk;
mod gateway;
mod http;
mod influx;
mod libmodbus;
mod metrics;
mod mosquitto;
mod people;
mod port;
mod process;
mod pymodbus;
mod scene;
mod served;
mod simulator;
mod site;
mod sparkplug;
mod victoria;
mod wait;
mod webhook;
mod zoo;

pub use answers::{Answers, Written};
pub use chaos::{Event, Figures, Target, What, World, plan};
pub use compare::{Difference, Keeping, Leeway, Stored, StoredValue, all_are_stored, compare};
pub use demo::Demo;
pub use dice::Dice;
pub use disk::SmallDisk;
pub use gateway::{Build, Gateway, binary, run_command, verify_journal};
pub use http::{Answer, Events, delete, get, post, upload};
pub use influx::Influx;
pub use libmodbus::Libmodbus;
pub use metrics::Metrics;
pub use mosquitto::Mosquitto;
pub use people::{Action, Outcome, People, Tally, judge};
pub use port::Port;
pub use process::{Finished, Process};
pub use pymodbus::Pymodbus;
pub use scene::Scene;
pub use served::{Served, intervals, served_in};
pub use simulator::Simulator;
pub use site::{SiteDraft, repository};
pub use sparkplug::SparkplugNode;
pub use victoria::Victoria;
pub use wait::{so, until, until_ok};
pub use webhook::Webhook;
pub use zoo::Zoo;
