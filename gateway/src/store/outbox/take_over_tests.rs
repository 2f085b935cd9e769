//! What can be read of a spoiled outbox is delivered, whatever ends the gateway while it is taken over.

use std::collections::BTreeSet;

use super::take_over::{Recovered, TakenOver};
use super::*;

/// So many bodies that they are more than one piece.
const BODIES: u32 = 700;

fn open(folder: &Path) -> (OutboxWriter, Option<PathBuf>) {
    OutboxWriter::open(folder, &["influx".to_owned()], Timestamp::UNIX_EPOCH).unwrap()
}

/// A body of half a page that says which one it is.
fn body(number: u32) -> Vec<u8> {
    number.to_be_bytes().repeat(500)
}

fn put(writer: &mut OutboxWriter, number: u32) {
    let at = Timestamp::from_second(1_795_000_000).unwrap();
    writer.put(&body(number), 3, at, &BTreeMap::new()).unwrap();
}

fn fill(folder: &Path) {
    let (mut writer, _) = open(folder);
    (0..BODIES).for_each(|number| put(&mut writer, number));
}

/// Writes over a part of the file, from a share of it on.
fn spoil(path: &Path, share: f64, bytes: usize) {
    let mut content = std::fs::read(path).unwrap();
    let begin = (content.len() as f64 * share) as usize / 4096 * 4096;
    content[begin..begin + bytes].fill(0xA5);
    std::fs::write(path, content).unwrap();
}

/// Which bodies are there, each once and as it was.
fn there(writer: &OutboxWriter) -> BTreeSet<u32> {
    let bodies = writer.reader().unwrap().after(0, usize::MAX, usize::MAX).unwrap();
    let numbers = bodies.iter().map(|one| {
        let number = u32::from_be_bytes(*one.bytes.first_chunk().unwrap());
        assert_eq!(one.bytes, body(number));
        number
    });
    let there: BTreeSet<u32> = numbers.collect();
    assert_eq!(there.len(), bodies.len(), "each once");
    there
}

/// Takes over all that is to be taken over.
fn take_over(writer: &mut OutboxWriter) -> Vec<Recovered> {
    let mut whole = Vec::new();
    while let Some(taken) = writer.take_over(None, true).unwrap() {
        if let TakenOver::Whole(recovered) = taken {
            whole.push(recovered);
        }
    }
    assert!(!writer.has_spoiled());
    whole
}

fn names(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".db")).collect();
    names.sort();
    names
}

/// An outbox of which a stretch is spoiled, moved aside.
fn spoiled(folder: &Path) -> OutboxWriter {
    fill(folder);
    spoil(&folder.join("outbox.db"), 0.5, 8192);
    let (mut writer, at_the_start) = open(folder);
    if at_the_start.is_none() {
        let read = writer.reader().unwrap().after(0, usize::MAX, usize::MAX);
        assert!(is_spoiled(&read.unwrap_err()));
        assert!(writer.recover(Timestamp::UNIX_EPOCH).unwrap().is_some());
    }
    assert!(writer.has_spoiled());
    writer
}

#[test]
fn what_can_be_read_of_a_spoiled_outbox_is_delivered_among_what_comes_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = spoiled(folder.path());
    assert_eq!(writer.take_over(None, true).unwrap(), Some(TakenOver::Piece));
    put(&mut writer, 100_000);
    let recovered = take_over(&mut writer);
    let [recovered] = recovered.as_slice() else {
        panic!("{recovered:?}")
    };
    assert!((650..700).contains(&recovered.bodies), "{recovered:?}");
    assert!(recovered.unreadable > 0, "{recovered:?}");
    let there = there(&writer);
    assert_eq!(there.len() as u64, recovered.bodies + 1);
    assert!(there.contains(&100_000));
    let pending = writer.reader().unwrap().pending("influx").unwrap();
    assert_eq!(pending.bodies, recovered.bodies + 1);
    assert_eq!(pending.samples, 3 * (recovered.bodies + 1));
    assert_eq!(names(folder.path()), ["outbox.db", "outbox.taken-over-0.db"]);
}

#[test]
fn a_take_over_that_was_killed_goes_on_at_the_next_start_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = spoiled(folder.path());
    let mut starts = 1;
    while writer.take_over(None, true).unwrap() == Some(TakenOver::Piece) {
        put(&mut writer, 100_000 + starts);
        drop(writer);
        let (again, aside) = open(folder.path());
        assert_eq!(aside, None, "the new one is sound");
        writer = again;
        starts += 1;
    }
    assert!(starts > 2, "{starts}");
    assert!(there(&writer).len() >= 650 + starts as usize - 1);
    drop(writer);
    assert!(!open(folder.path()).0.has_spoiled(), "it is done with");
}

#[test]
fn a_gateway_that_was_killed_before_it_took_anything_over_takes_all_of_it_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let (from, to) = (
        folder.path().join("outbox.db"),
        folder.path().join("outbox.spoiled-7.db"),
    );
    std::fs::rename(from, to).unwrap();
    let (mut writer, _) = open(folder.path());
    let recovered = take_over(&mut writer);
    assert_eq!(recovered.first().unwrap().bodies, u64::from(BODIES));
    assert_eq!(there(&writer), (0..BODIES).collect());
}

#[test]
fn a_write_ahead_log_that_was_left_behind_in_the_move_is_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(folder.path());
    put(&mut writer, 1);
    // Killed: what was committed last is in the log only, and the log has the old name still.
    let at = |name: &str| folder.path().join(name);
    std::fs::copy(at("outbox.db-wal"), at("log")).unwrap();
    std::fs::copy(at("outbox.db"), at("outbox.spoiled-7.db")).unwrap();
    drop(writer);
    std::fs::remove_file(at("outbox.db")).unwrap();
    std::fs::rename(at("log"), at("outbox.db-wal")).unwrap();
    let (mut writer, _) = open(folder.path());
    take_over(&mut writer);
    assert_eq!(there(&writer), BTreeSet::from([1]));
}

#[test]
fn what_is_no_database_at_all_is_moved_aside_and_nothing_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("outbox.db"), [0xA5; 5000]).unwrap();
    let (mut writer, aside) = open(folder.path());
    assert!(aside.unwrap().exists());
    put(&mut writer, 1);
    assert_eq!(take_over(&mut writer).first().unwrap().bodies, 0);
    put(&mut writer, 2);
    assert_eq!(there(&writer), BTreeSet::from([1, 2]));
}

#[test]
fn an_outbox_whose_beginning_is_spoiled_still_gives_its_end() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let path = folder.path().join("outbox.db");
    // The head of the page that has the first two.
    let mut content = std::fs::read(&path).unwrap();
    let second = body(1);
    let page = content
        .chunks(4096)
        .position(|page| page.windows(2000).any(|part| part == second));
    let begin = page.unwrap() * 4096;
    content[begin..begin + 64].fill(0xA5);
    std::fs::write(&path, content).unwrap();
    let (mut writer, at_the_start) = open(folder.path());
    if at_the_start.is_none() {
        writer.recover(Timestamp::UNIX_EPOCH).unwrap();
    }
    take_over(&mut writer);
    assert_eq!(there(&writer), (2..BODIES).collect());
}

#[test]
fn of_the_files_that_were_taken_over_the_newest_stay() {
    let folder = tempfile::tempdir().unwrap();
    for seconds in [30, 4, 200, 1000] {
        let name = format!("outbox.spoiled-{seconds}.db");
        std::fs::write(folder.path().join(name), [0xA5; 5000]).unwrap();
    }
    let (mut writer, _) = open(folder.path());
    assert_eq!(take_over(&mut writer).len(), 4);
    assert_eq!(
        names(folder.path()),
        [
            "outbox.db",
            "outbox.taken-over-1000.db",
            "outbox.taken-over-200.db"
        ]
    );
}

#[test]
fn nothing_is_written_to_a_file_that_was_moved_aside_where_no_new_one_can_be_made() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(folder.path());
    put(&mut writer, 1);
    // A folder stands where the log of the new file would be.
    let blocks = folder.path().join("outbox.db-journal");
    std::fs::create_dir(&blocks).unwrap();
    assert!(writer.recover(Timestamp::UNIX_EPOCH).unwrap().is_some());
    let at = Timestamp::from_second(1000).unwrap();
    assert!(writer.put(&body(2), 3, at, &BTreeMap::new()).is_err());
    std::fs::remove_dir(&blocks).unwrap();
    put(&mut writer, 3);
    take_over(&mut writer);
    assert_eq!(there(&writer), BTreeSet::from([1, 3]));
}

/// Brings an outbox's tables back to what an earlier version of the gateway made, with or without a destination that it has.
fn of_an_earlier_version(folder: &Path, destination: Option<&str>) {
    let steps = STEPS.get(..2).unwrap();
    let outbox = Database::open(&folder.join("outbox.db"), Durability::Full, steps).unwrap();
    if let Some(name) = destination {
        let added = outbox.run(|connection| {
            connection.execute(
                "INSERT INTO destinations (name, delivered) VALUES (?1, 0)",
                params![name],
            )
        });
        added.unwrap();
    }
}

#[test]
fn what_an_earlier_version_had_moved_aside_and_taken_over_is_not_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fill(folder.path());
    for seconds in [3, 7, 9] {
        std::fs::copy(at("outbox.db"), at(&format!("outbox.spoiled-{seconds}.db"))).unwrap();
    }
    std::fs::remove_file(at("outbox.db")).unwrap();
    of_an_earlier_version(folder.path(), Some("influx"));
    let (mut writer, _) = open(folder.path());
    assert!(!writer.has_spoiled());
    take_over(&mut writer);
    assert_eq!(there(&writer), BTreeSet::new());
    let stay = ["outbox.db", "outbox.taken-over-7.db", "outbox.taken-over-9.db"];
    assert_eq!(names(folder.path()), stay);
}

#[test]
fn a_gateway_that_was_killed_while_it_made_the_new_tables_takes_all_of_the_old_outbox_over() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fill(folder.path());
    std::fs::rename(at("outbox.db"), at("outbox.spoiled-7.db")).unwrap();
    of_an_earlier_version(folder.path(), None);
    let (mut writer, _) = open(folder.path());
    take_over(&mut writer);
    assert_eq!(there(&writer), (0..BODIES).collect());
}

/// A spoiled outbox of an earlier run, whose first bodies are from one time and whose rest is from another.
fn of_two_times(folder: &Path) -> (OutboxWriter, Timestamp) {
    let (early, late) = (1_795_000_000, 1_795_500_000);
    let (mut writer, _) = open(folder);
    for number in 0..600 {
        let at = Timestamp::from_second(if number < 500 { early } else { late }).unwrap();
        writer.put(&body(number), 3, at, &BTreeMap::new()).unwrap();
    }
    drop(writer);
    std::fs::rename(folder.join("outbox.db"), folder.join("outbox.spoiled-7.db")).unwrap();
    (open(folder).0, Timestamp::from_second(late).unwrap())
}

#[test]
fn while_the_new_outbox_has_no_room_a_take_over_waits() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, _) = of_two_times(folder.path());
    assert_eq!(writer.take_over(None, false).unwrap(), Some(TakenOver::Waits));
    assert_eq!(there(&writer), BTreeSet::new());
    assert_eq!(take_over(&mut writer)[0].bodies, 600);
    assert_eq!(there(&writer), (0..600).collect());
}

#[test]
fn what_is_too_old_of_a_spoiled_outbox_is_gone_through_and_counted_also_without_room() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, late) = of_two_times(folder.path());
    let too_old = Some(TooOld {
        before: late,
        of_this_run: false,
    });
    let pieces: Vec<_> = std::iter::from_fn(|| writer.take_over(too_old, false).unwrap())
        .take_while(|taken| *taken == TakenOver::Piece)
        .collect();
    assert_eq!(
        pieces.len(),
        1,
        "and a second, at whose end there is something to wait for"
    );
    assert_eq!((writer.take_lost(), writer.take_lost()), (500 * 3, 0));
    let recovered = take_over(&mut writer);
    assert_eq!((recovered[0].bodies, recovered[0].too_old), (100, 500));
    assert_eq!(there(&writer), (500..600).collect());
}

#[test]
fn a_spoiled_outbox_that_is_too_old_as_a_whole_comes_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, late) = of_two_times(folder.path());
    let too_old = Some(TooOld {
        before: late + std::time::Duration::from_secs(1),
        of_this_run: false,
    });
    while writer.take_over(too_old, false).unwrap().is_some() {}
    assert_eq!(writer.take_lost(), 600 * 3);
    assert_eq!(names(folder.path()), ["outbox.db", "outbox.taken-over-7.db"]);
}

#[test]
fn what_this_run_has_put_is_taken_over_whatever_the_clock_said_then() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(folder.path());
    put(&mut writer, 1);
    writer.recover(Timestamp::UNIX_EPOCH).unwrap();
    let too_old = |of_this_run| {
        Some(TooOld {
            before: Timestamp::MAX,
            of_this_run,
        })
    };
    while writer.take_over(too_old(false), true).unwrap().is_some() {}
    assert_eq!(there(&writer), BTreeSet::from([1]));
}
