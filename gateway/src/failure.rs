//! An error with all of its causes, in one line.

use std::error::Error;

/// An error's text with those of its causes: reqwest's own says only that a request failed.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}
