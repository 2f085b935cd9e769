//! What can go wrong while measuring: one text that says who, where and what next.

use std::fmt::Display;

/// Why something could not be measured.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(String);

/// What a measurement returns.
pub type Outcome<T> = Result<T, Trouble>;

impl Trouble {
    /// A trouble with its whole text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Says what was being done when something failed.
pub trait While<T> {
    /// The same value, or a trouble that begins with what was being done.
    ///
    /// # Errors
    /// Whenever there was one before.
    fn during(self, doing: impl Display) -> Outcome<T>;
}

impl<T, E: Display> While<T> for Result<T, E> {
    fn during(self, doing: impl Display) -> Outcome<T> {
        self.map_err(|error| Trouble(format!("{doing}: {error}")))
    }
}

impl<T> While<T> for Option<T> {
    fn during(self, doing: impl Display) -> Outcome<T> {
        self.ok_or_else(|| Trouble(format!("{doing}: there is none")))
    }
}
