//! A body taken apart by lines. Of a refused one it is found by halves which of them the server refuses, and the others are written; one
//! that is too much to be there in time is written in pieces.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use super::answer::Refusal;
use crate::telemetry::gzip::unpacked;

/// A body is asked about so many times at most: enough for two thousand bad lines. Beyond it, the lines that were not judged yet are
/// set aside with the bad ones.
const ASKED_MOST: usize = 4096;
/// Series that are remembered as bad. Beyond it they are forgotten and found again by halves.
const SUSPECTS_MOST: usize = 4096;

/// The series (measurement and tags) of which lines were refused lately. Their lines are asked about apart from the others, so that a
/// device whose every line is refused costs a body two or three requests instead of twenty.
#[derive(Debug, Default)]
pub struct Suspects(HashSet<Box<str>>);

impl Suspects {
    pub fn note(&mut self, line: &str) {
        if self.0.len() >= SUSPECTS_MOST {
            self.0.clear();
        }
        self.0.insert(series(line).into());
    }

    pub fn has(&self, line: &str) -> bool {
        self.0.contains(series(line))
    }
}

/// A line that is set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// The line, without its end.
    pub line: String,
    /// What the server said.
    pub reason: Arc<str>,
}

/// A body on its way through the halves.
#[derive(Debug)]
pub struct Apart {
    lines: Vec<String>,
    /// Pieces that are still to be asked about, the next one last.
    pieces: Vec<Range<usize>>,
    asked: usize,
    bad: Vec<BadLine>,
    /// Why the body is not what was packed.
    spoiled: Option<String>,
}

/// A body of which no line was asked about yet.
enum Begun {
    /// It is one piece, of these lines.
    Whole(Apart, Range<usize>),
    /// Its pieces are known: suspected lines stand apart from the others, and of a spoiled one none is written.
    Parted(Apart),
}

/// What became of a body that was taken apart.
#[derive(Debug)]
pub struct Judged {
    /// The lines to be set aside.
    pub bad: Arc<[BadLine]>,
    /// How many samples were not written …
    pub refused: u64,
    /// … and how many of these cannot be set aside, either.
    pub unreadable: u64,
    /// Whether lines of it were written.
    pub is_written: bool,
    /// Why the body is not what was packed.
    pub spoiled: Option<String>,
}

impl Apart {
    /// Takes a body apart that was refused as a whole.
    pub fn of(gzip: &[u8], refusal: Refusal, suspects: &Suspects) -> Self {
        match Self::begun(gzip, &refusal.reason, suspects) {
            Begun::Whole(mut apart, whole) => {
                apart.divide(whole, refusal);
                apart
            }
            Begun::Parted(apart) => apart,
        }
    }

    /// Takes a body apart that is too slow as a whole: no line of it is to blame.
    pub fn of_slow(gzip: &[u8], suspects: &Suspects) -> Self {
        match Self::begun(gzip, "it was too slow", suspects) {
            Begun::Whole(mut apart, whole) => {
                apart.pieces.push(whole);
                apart
            }
            Begun::Parted(apart) => apart,
        }
    }

    fn begun(gzip: &[u8], reason: &str, suspects: &Suspects) -> Begun {
        let (text, spoiled) = unpacked(gzip);
        let lines = text.lines().filter(|line| !line.is_empty()).map(str::to_owned);
        if let Some(spoiled) = spoiled {
            return Begun::Parted(Self::spoiled(lines.collect(), reason, spoiled));
        }
        let (mut lines, suspected): (Vec<String>, Vec<String>) = lines.partition(|line| !suspects.has(line));
        let innocent = lines.len();
        lines.extend(suspected);
        let whole = 0..lines.len();
        let mut apart = Self::not_begun(lines, None);
        if innocent > 0 && innocent < whole.end {
            apart.pieces.extend([innocent..whole.end, 0..innocent]);
            Begun::Parted(apart)
        } else {
            Begun::Whole(apart, whole)
        }
    }

    fn not_begun(lines: Vec<String>, spoiled: Option<String>) -> Self {
        Self {
            lines,
            pieces: Vec::new(),
            asked: 0,
            bad: Vec::new(),
            spoiled,
        }
    }

    /// A body that is not what was packed: its lines may be wrong, so that none of them is written.
    fn spoiled(lines: Vec<String>, refusal: &str, spoiled: String) -> Self {
        let reason = format!("not written, since the body was spoiled on the disk ({spoiled}): {refusal}");
        let whole = 0..lines.len();
        let mut apart = Self::not_begun(lines, Some(spoiled));
        apart.set_aside(whole, reason.into());
        apart
    }

    /// The lines that are to be written next; none once every line has been judged.
    pub fn next(&self) -> Option<String> {
        let piece = self.pieces.last()?;
        let mut text = String::new();
        for line in self.lines.get(piece.clone()).unwrap_or_default() {
            text.push_str(line);
            text.push('\n');
        }
        Some(text)
    }

    /// The server has taken the piece.
    pub fn taken(&mut self) {
        self.pieces.pop();
        self.count();
    }

    /// The server has refused the piece.
    pub fn refused(&mut self, refusal: Refusal) {
        if let Some(piece) = self.pieces.pop() {
            self.divide(piece, refusal);
        }
        self.count();
    }

    /// The piece is too much to be there in time: the next is half of it. Whether there is a half, which of a single line there is not.
    pub fn halve(&mut self) -> bool {
        match self.pieces.pop_if(|piece| piece.len() > 1) {
            Some(piece) => {
                self.push_halves(&piece);
                true
            }
            None => false,
        }
    }

    fn count(&mut self) {
        self.asked += 1;
        if self.asked >= ASKED_MOST {
            let reason =
                format!("not asked about: {ASKED_MOST} requests have not found all bad lines of this body");
            while let Some(piece) = self.pieces.pop() {
                self.set_aside(piece, reason.as_str().into());
            }
        }
    }

    /// What became of it, once every line is judged: the body had so many samples. What is suspected from now on.
    pub fn finish(self, samples_of_body: u64, suspects: &mut Suspects) -> Judged {
        let in_bad: u64 = self.bad.iter().map(|bad| samples(&bad.line)).sum();
        if self.spoiled.is_none() {
            for bad in &self.bad {
                suspects.note(&bad.line);
            }
        }
        let unreadable = match self.spoiled {
            Some(_) => samples_of_body.saturating_sub(in_bad),
            None => 0,
        };
        Judged {
            is_written: self.spoiled.is_none() && self.bad.len() < self.lines.len(),
            refused: in_bad + unreadable,
            unreadable,
            bad: self.bad.into(),
            spoiled: self.spoiled,
        }
    }

    fn divide(&mut self, piece: Range<usize>, refusal: Refusal) {
        // The server may count too few of them (one shard's), never too many.
        let all = refusal.dropped.is_some_and(|dropped| dropped >= piece.len());
        if piece.len() <= 1 || all {
            self.set_aside(piece, refusal.reason.into());
        } else {
            self.push_halves(&piece);
        }
    }

    fn push_halves(&mut self, piece: &Range<usize>) {
        let middle = piece.start + piece.len() / 2;
        self.pieces.extend([middle..piece.end, piece.start..middle]);
    }

    fn set_aside(&mut self, piece: Range<usize>, reason: Arc<str>) {
        let lines = self.lines.get(piece).unwrap_or_default();
        self.bad.extend(lines.iter().map(|line| BadLine {
            line: line.clone(),
            reason: Arc::clone(&reason),
        }));
    }
}

/// How many samples a line has: one for each field.
pub fn samples(line: &str) -> u64 {
    let Some(fields) = line.get(series(line).len() + 1..) else {
        return 0;
    };
    let (mut count, mut quoted, mut escaped) = (1, false, false);
    for character in fields.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => count += 1,
            ' ' if !quoted => break,
            _ => {}
        }
    }
    count
}

/// A line's measurement and tags: all before the first space that is not escaped.
pub fn series(line: &str) -> &str {
    let mut escaped = false;
    let end = line.find(|character| {
        let ends = character == ' ' && !escaped;
        escaped = character == '\\' && !escaped;
        ends
    });
    end.and_then(|end| line.get(..end)).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::gzip::compressed;
    use proptest::prelude::*;

    fn refusal(reason: &str, dropped: Option<usize>) -> Refusal {
        Refusal {
            reason: reason.into(),
            dropped,
        }
    }

    fn line(number: usize) -> String {
        format!("pump,device=pump-{number} pressure=0.5,speed=1450.0 {number}000")
    }

    /// A server that refuses these lines and writes the others, as InfluxDB 1.x does; whether it says how many it refused.
    struct Server {
        refuses: HashSet<String>,
        counts: bool,
        asked: usize,
    }

    impl Server {
        fn new(refuses: impl IntoIterator<Item = usize>, counts: bool) -> Self {
            Self {
                refuses: refuses.into_iter().map(line).collect(),
                counts,
                asked: 0,
            }
        }

        /// Takes a body of so many lines apart; gives the numbers of those that were written by an accepted request, and those aside.
        fn take_apart(&mut self, lines: usize, suspects: &mut Suspects) -> (HashSet<String>, Vec<String>) {
            let text: String = (0..lines).map(|number| line(number) + "\n").collect();
            let whole = self.answer(&text).unwrap_err();
            let mut apart = Apart::of(&compressed(&text), whole, suspects);
            let mut written = HashSet::new();
            while let Some(piece) = apart.next() {
                match self.answer(&piece) {
                    Ok(()) => {
                        written.extend(piece.lines().map(str::to_owned));
                        apart.taken();
                    }
                    Err(refusal) => apart.refused(refusal),
                }
            }
            let judged = apart.finish(lines as u64 * 2, suspects);
            assert_eq!(
                (judged.unreadable, judged.refused),
                (0, judged.bad.len() as u64 * 2)
            );
            (written, judged.bad.iter().map(|bad| bad.line.clone()).collect())
        }

        fn answer(&mut self, text: &str) -> Result<(), Refusal> {
            self.asked += 1;
            let bad = text.lines().filter(|line| self.refuses.contains(*line)).count();
            if bad == 0 {
                return Ok(());
            }
            Err(refusal("field type conflict", self.counts.then_some(bad)))
        }
    }

    proptest! {
        #[test]
        fn exactly_the_bad_lines_are_set_aside_and_every_other_is_written(
            lines in 1..200_usize,
            bad in proptest::collection::hash_set(0..200_usize, 1..20),
            counts: bool,
        ) {
            let bad: HashSet<usize> = bad.into_iter().map(|number| number % lines).collect();
            let mut server = Server::new(bad.iter().copied(), counts);
            let mut suspects = Suspects::default();
            // The second body has the same bad devices, which are suspected by then.
            for _ in 0..2 {
                let (written, aside) = server.take_apart(lines, &mut suspects);
                prop_assert_eq!(written.len(), lines - bad.len());
                prop_assert_eq!(aside.len(), bad.len());
                prop_assert!(aside.iter().all(|line| server.refuses.contains(line)));
            }
        }
    }

    #[test]
    fn three_bad_lines_of_a_thousand_take_twenty_requests_each_at_most_and_three_in_all_the_next_time() {
        let mut server = Server::new([3, 500, 998], true);
        let mut suspects = Suspects::default();
        server.take_apart(1000, &mut suspects);
        assert!(server.asked <= 1 + 3 * 20, "{} requests", server.asked);
        server.asked = 0;
        server.take_apart(1000, &mut suspects);
        assert_eq!(server.asked, 3, "the whole, the innocent, the suspected");
    }

    #[test]
    fn a_body_that_is_too_slow_goes_in_pieces_each_line_once_and_none_is_set_aside() {
        for count in [1, 2, 100] {
            let text: String = (0..count).map(|number| line(number) + "\n").collect();
            let mut apart = Apart::of_slow(&compressed(&text), &Suspects::default());
            let mut written = String::new();
            while let Some(piece) = apart.next() {
                if piece.lines().count() > 9 {
                    assert!(apart.halve());
                } else {
                    written.push_str(&piece);
                    apart.taken();
                }
            }
            assert_eq!(written, text);
            let judged = apart.finish(count as u64 * 2, &mut Suspects::default());
            assert_eq!(
                (judged.bad.len(), judged.refused, judged.is_written),
                (0, 0, true)
            );
        }
        let mut one = Apart::of_slow(&compressed("pump a=1 5\n"), &Suspects::default());
        assert!(!one.halve(), "there is no half of a line");
        assert_eq!(one.next().unwrap(), "pump a=1 5\n");
    }

    #[test]
    fn where_the_server_says_that_it_refuses_all_of_them_it_is_asked_no_more() {
        let mut server = Server::new(0..1000, true);
        let (written, aside) = server.take_apart(1000, &mut Suspects::default());
        assert_eq!((written.len(), aside.len(), server.asked), (0, 1000, 1));
    }

    #[test]
    fn at_the_bound_of_requests_what_is_not_judged_is_set_aside_and_nothing_is_lost() {
        // Every second line, and no word of how many.
        let mut server = Server::new((0..6000).step_by(2), false);
        let (written, aside) = server.take_apart(6000, &mut Suspects::default());
        assert_eq!(server.asked, 1 + ASKED_MOST);
        assert_eq!(written.len() + aside.len(), 6000);
        assert!(aside.len() > 3000);
    }

    #[test]
    fn nothing_is_written_of_a_spoiled_body_and_what_cannot_be_read_of_it_is_counted() {
        let text: String = (0..100).map(|number| line(number) + "\n").collect();
        let mut body = compressed(&text);
        body.truncate(body.len() / 2);
        let apart = Apart::of(&body, refusal("unexpected EOF", None), &Suspects::default());
        assert_eq!(apart.next(), None, "the server is asked about none");
        let mut suspects = Suspects::default();
        let judged = apart.finish(200, &mut suspects);
        let kept = judged.bad.len();
        assert!(0 < kept && kept < 100);
        for (number, bad) in judged.bad.iter().enumerate() {
            assert_eq!(bad.line, line(number), "whole, and in order");
            assert!(bad.reason.contains("spoiled") && bad.reason.contains("unexpected EOF"));
            assert!(!suspects.has(&bad.line), "its device is not to blame");
        }
        assert_eq!((judged.refused, judged.unreadable), (200, 200 - 2 * kept as u64));
        assert!(judged.spoiled.is_some() && !judged.is_written);
    }

    #[test]
    fn a_line_has_as_many_samples_as_fields_whatever_is_in_its_texts_and_tags() {
        assert_eq!(samples("pump,building=1号楼\\ A\\,B a=1,b=true 5"), 2);
        assert_eq!(samples(r#"pump,device=x text="a, b \" c",b=2.5 5"#), 2);
        assert_eq!(samples("pump,device=x a=1 5"), 1);
        assert_eq!(samples("garbage"), 0);
    }
}
