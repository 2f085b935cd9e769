//! The gateway: the rooms of the daemon, and how they are joined.
//!
//! One direction, left to right: drivers deliver to [`intake`], which keeps [`live`] up to date and hands each batch to [`telemetry`] and
//! to the [`desk`]; the desk turns rules' verdicts into [`alarms`], [`tickets`] and [`notices`]; [`publish`] tells a broker of them; [`api`] looks at all of it and
//! shows it in the shapes of [`view`]; [`report`] reckons up a month of it. [`daemon`] opens the rooms and joins them.

pub mod alarms;
pub mod api;
pub mod attachments;
pub mod daemon;
pub mod desk;
pub mod device_record;
mod failure;
pub mod handover;
mod intake;
pub mod journal;
pub mod live;
pub mod meters;
pub mod notices;
#[cfg(feature = "planted-faults")]
mod planted;
pub mod publish;
mod recall;
pub mod replay;
pub mod report;
mod reserve;
mod settled_clock;
mod sight;
mod step_clock;
pub mod store;
pub mod telemetry;
#[cfg(test)]
mod test_site;
#[cfg(test)]
mod test_ticket;
pub mod tickets;
pub mod view;
