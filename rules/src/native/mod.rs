//! Conditions that only compare, reckon and decide, worked out without Rhai: much faster, and never otherwise than Rhai would.
//!
//! `compile` reads Rhai's own syntax tree and gives up at whatever it does not know; `scalar` reckons as Rhai does. Whatever Rhai would
//! fail at (a state compared with a number, a sum that overflows) is not decided here either: then Rhai is asked, and says what is wrong.

mod compile;
mod scalar;
#[cfg(test)]
mod tests;

use model::{Reading, Value};

pub(crate) use compile::compile;
use scalar::{Operator, Scalar};

/// Variables that a condition may have at once.
const MOST_VARIABLES: usize = 16;

/// A compiled condition.
#[derive(Clone, Debug)]
pub(crate) struct Native {
    body: Block,
}

#[derive(Clone, Debug)]
struct Block(Vec<Step>);

#[derive(Clone, Debug)]
enum Step {
    /// Gives a variable its value.
    Let(usize, Term),
    /// A value, which is the block's if it stands last.
    Say(Term),
    If(Box<(Term, Block, Block)>),
    Return(Term),
    Nothing,
}

#[derive(Clone, Debug)]
enum Term {
    Constant(Scalar),
    /// A point, by its place among those that the rule reads.
    Point(usize),
    Variable(usize),
    Silent,
    Faulty,
    Not(Box<Term>),
    Negative(Box<Term>),
    Both(Operator, Box<(Term, Term)>),
    All(Vec<Term>),
    Any(Vec<Term>),
    Block(Block),
}

/// What a condition may look at.
pub(crate) trait Facts {
    /// The newest reading of a point, by its place among those that the rule reads.
    fn point(&self, place: usize) -> Option<&Reading>;
    /// Whether the device does not answer.
    fn silent(&self) -> bool;
    /// How many of its points are not good.
    fn faulty(&self) -> i64;
}

/// Why a value is not there.
enum Stop {
    /// The condition has said this.
    Said(Scalar),
    /// Only Rhai can say.
    Unsaid,
}

impl Native {
    /// What the condition says; `None` where only Rhai can.
    pub(crate) fn says(&self, facts: &impl Facts) -> Option<bool> {
        let mut reckoning = Reckoning {
            facts,
            variables: [Scalar::Nothing; MOST_VARIABLES],
        };
        match reckoning.block(&self.body) {
            Ok(Scalar::State(said)) | Err(Stop::Said(Scalar::State(said))) => Some(said),
            _ => None,
        }
    }
}

struct Reckoning<'facts, F> {
    facts: &'facts F,
    variables: [Scalar; MOST_VARIABLES],
}

impl<F: Facts> Reckoning<'_, F> {
    fn block(&mut self, block: &Block) -> Result<Scalar, Stop> {
        let mut last = Scalar::Nothing;
        for step in &block.0 {
            last = self.step(step)?;
        }
        Ok(last)
    }

    fn step(&mut self, step: &Step) -> Result<Scalar, Stop> {
        match step {
            Step::Say(term) => self.term(term),
            Step::Let(place, term) => {
                let value = self.term(term)?;
                *self.variables.get_mut(*place).ok_or(Stop::Unsaid)? = value;
                Ok(Scalar::Nothing)
            }
            Step::If(parts) => {
                let (condition, yes, no) = &**parts;
                let branch = if self.state(condition)? { yes } else { no };
                self.block(branch)
            }
            Step::Return(term) => Err(Stop::Said(self.term(term)?)),
            Step::Nothing => Ok(Scalar::Nothing),
        }
    }

    fn term(&mut self, term: &Term) -> Result<Scalar, Stop> {
        Ok(match term {
            Term::Constant(scalar) => *scalar,
            Term::Point(place) => match self.facts.point(*place).and_then(Reading::good) {
                Some(Value::Number(number)) => Scalar::Number(*number),
                Some(Value::Bool(state)) => Scalar::State(*state),
                Some(Value::Text(_)) | None => return Err(Stop::Unsaid),
            },
            Term::Variable(place) => self.variables.get(*place).copied().ok_or(Stop::Unsaid)?,
            Term::Silent => Scalar::State(self.facts.silent()),
            Term::Faulty => Scalar::Whole(self.facts.faulty()),
            Term::Not(term) => Scalar::State(!self.state(term)?),
            Term::Negative(term) => self.term(term)?.negative().ok_or(Stop::Unsaid)?,
            Term::Both(operator, terms) => {
                let (left, right) = (self.term(&terms.0)?, self.term(&terms.1)?);
                operator.of(left, right).ok_or(Stop::Unsaid)?
            }
            Term::All(terms) => Scalar::State(self.first(terms, false)?.is_none()),
            Term::Any(terms) => Scalar::State(self.first(terms, true)?.is_some()),
            Term::Block(block) => self.block(block)?,
        })
    }

    /// The first of several states that is so; those after it are not looked at.
    fn first(&mut self, terms: &[Term], wanted: bool) -> Result<Option<usize>, Stop> {
        for (place, term) in terms.iter().enumerate() {
            if self.state(term)? == wanted {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    fn state(&mut self, term: &Term) -> Result<bool, Stop> {
        match self.term(term)? {
            Scalar::State(state) => Ok(state),
            _ => Err(Stop::Unsaid),
        }
    }
}
