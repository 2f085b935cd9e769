//! Whether a server refuses everything that it is sent: then it is not the lines, and they wait instead of being set aside.

use std::collections::HashSet;
use std::sync::Arc;

use super::apart::{Suspects, series};
use crate::store::Body;
use crate::telemetry::gzip::unpacked;

/// So many bodies in a row that lost every line, with nothing written between them, may be the lines' fault.
const LOST_MOST: u32 = 8;
/// So many lines are tried one by one before it is said that nothing passes.
const TRIED_MOST: usize = 16;
/// So much of what was read ahead is unpacked to find them.
const LOOKED_AT_BYTES: usize = 256 << 10;

/// Bodies in a row of which every line was refused, while nothing passed.
#[derive(Debug, Default)]
pub struct Lost {
    bodies: u32,
    /// How often it was found that nothing passes: other lines are tried each time.
    times: usize,
}

impl Lost {
    /// A body was done with; whether any of it was written.
    pub fn body(&mut self, is_written: bool) {
        if is_written {
            self.passed();
        } else {
            self.bodies = self.bodies.saturating_add(1);
        }
    }

    /// The server has taken something.
    pub fn passed(&mut self) {
        *self = Self::default();
    }

    /// Whether no further body may be set aside before something passes.
    pub fn is_everything(&self) -> bool {
        self.bodies >= LOST_MOST
    }

    /// Lines to try one by one, whether the server takes any: of the newest body, which is too old for no database; of series of
    /// which nothing was refused; and of the first body, since a device may have been mended.
    pub fn next_to_try(
        &mut self,
        newest: Option<Arc<Body>>,
        bodies: &[Arc<Body>],
        suspects: &Suspects,
    ) -> Vec<String> {
        self.times = self.times.wrapping_add(1);
        let lines_of = |body: &Arc<Body>| -> Vec<String> {
            // Nothing is written of a body that is not what was packed.
            let (text, None) = unpacked(&body.bytes) else {
                return Vec::new();
            };
            text.lines()
                .filter(|line| !line.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let one_of = |body: &Arc<Body>| {
            let lines = lines_of(body);
            let number = self.times.checked_rem(lines.len())?;
            lines.into_iter().nth(number)
        };
        let mut tried: Vec<String> = newest.iter().chain(bodies.first()).filter_map(one_of).collect();
        let mut known: HashSet<String> = tried.iter().map(|line| series(line).to_owned()).collect();
        let mut looked_at = 0;
        let looked_at = bodies.iter().take_while(|body| {
            let is_looked_at = looked_at < LOOKED_AT_BYTES;
            looked_at += body.bytes.len();
            is_looked_at
        });
        for line in looked_at.flat_map(lines_of) {
            if tried.len() >= TRIED_MOST {
                break;
            }
            if !suspects.has(&line) && known.insert(series(&line).to_owned()) {
                tried.push(line);
            }
        }
        tried
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::gzip::compressed;

    fn body(number: i64, lines: &str) -> Arc<Body> {
        Arc::new(Body {
            number,
            samples: 1,
            bytes: compressed(lines),
        })
    }

    #[test]
    fn eight_bodies_in_a_row_without_a_line_written_are_everything_and_one_line_written_is_not() {
        let mut lost = Lost::default();
        for _ in 0..7 {
            lost.body(false);
        }
        assert!(!lost.is_everything());
        lost.body(true);
        for _ in 0..7 {
            lost.body(false);
        }
        assert!(!lost.is_everything());
        lost.body(false);
        assert!(lost.is_everything());
        lost.passed();
        assert!(!lost.is_everything());
    }

    #[test]
    fn a_line_of_the_newest_and_of_the_first_body_are_tried_and_one_of_each_series_that_was_not_refused() {
        let (mut lost, mut suspects) = (Lost::default(), Suspects::default());
        suspects.note("pump a=1 1");
        suspects.note("fan a=1 1");
        let bodies = [
            body(1, "pump a=1 1\nfan a=1 1\n"),
            body(2, "sump a=1 2\npump a=2 2\n"),
            body(3, "sump a=1 3\n"),
        ];
        let newest = || Some(body(9, "pump a=9 9\n"));
        let first = lost.next_to_try(newest(), &bodies, &suspects);
        assert_eq!(first, ["pump a=9 9", "fan a=1 1", "sump a=1 2"]);
        let second = lost.next_to_try(newest(), &bodies, &suspects);
        assert_eq!(second, ["pump a=9 9", "pump a=1 1", "sump a=1 2"]);
        assert!(lost.next_to_try(None, &[body(1, "")], &suspects).is_empty());
    }

    #[test]
    fn no_more_than_sixteen_lines_are_tried() {
        let lines: String = (0..100).map(|number| format!("p{number} a=1 1\n")).collect();
        let tried = Lost::default().next_to_try(None, &[body(1, &lines)], &Suspects::default());
        assert_eq!(tried.len(), TRIED_MOST);
    }
}
