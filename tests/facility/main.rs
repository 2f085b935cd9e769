//! The whole facility, end to end: one module for each thing that must be seen.

mod api;
mod bad_input;
mod broker;
mod browser;
mod chaos;
mod clock;
mod command_line;
mod demo;
mod fire_main;
mod floors;
mod foreign;
mod full_disk;
mod influx_answers;
mod kills;
mod overdue;
mod planted;
mod publishing;
mod silent_unit;
mod slow_neighbours;
mod sparkplug;
mod spine;
mod spoiled_outbox;
mod zoo;
