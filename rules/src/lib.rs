//! Samples to verdicts: the rules that engineers write in Rhai, checked when they are loaded and judged as batches arrive.
//!
//! A pure crate: nothing here waits, reads a clock or opens a file. Read in this order: [`load`] turns scripts into [`Rules`];
//! a [`Judge`] takes batches and says, for each rule on each device, when its [`Verdict`] changes. Inside, `script` runs a file
//! and collects what it says, `reads` finds out which points a rule reads, `draft` and `load` check it, `subject` is what a
//! script sees of a device, `case` runs rules on written samples, `native` what needs no script at all, and `window` is what it sees of a point's past.

mod ask;
mod bundled;
mod case;
mod draft;
mod form;
mod judge;
mod load;
mod native;
mod nearest;
mod plan;
mod reads;
mod rule;
mod sandbox;
mod script;
mod span;
mod subject;
mod trial;
mod verdict;
mod vocabulary;
mod watched;
mod window;

#[cfg(test)]
mod testing;

pub use case::{Case, CaseFiles, Compared, Said, shipped_cases};
pub use judge::{Judge, LooksBack};
pub use load::load;
pub use model::Severity;
pub use rule::{Rule, RuleIndex, Rules};
pub use verdict::{Judgement, Verdict};
