//! What waits in the outbox is neither lost nor mixed up.

use super::*;

fn open(folder: &Path, destinations: &[&str]) -> (OutboxWriter, Option<PathBuf>) {
    let destinations: Vec<String> = destinations.iter().map(|name| (*name).to_owned()).collect();
    OutboxWriter::open(folder, &destinations, Timestamp::UNIX_EPOCH).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + seconds).unwrap()
}

fn put(writer: &mut OutboxWriter, body: &[u8]) -> i64 {
    writer.put(body, 3, at(0), &BTreeMap::new()).unwrap()
}

fn up_to(destination: &str, number: i64) -> BTreeMap<Arc<str>, i64> {
    BTreeMap::from([(Arc::from(destination), number)])
}

#[test]
fn what_is_put_waits_in_order_until_it_is_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(folder.path(), &["influx"]);
    let reader = writer.reader().unwrap();
    for text in ["one", "two", "three"] {
        put(&mut writer, text.as_bytes());
    }
    let bodies = reader.after(0, 2, usize::MAX).unwrap();
    assert_eq!(
        bodies
            .iter()
            .map(|body| body.bytes.as_slice())
            .collect::<Vec<_>>(),
        [&b"one"[..], b"two"]
    );
    writer.delivered(&up_to("influx", 2)).unwrap();
    assert_eq!(reader.after(0, 9, usize::MAX).unwrap().len(), 1);
    assert_eq!(reader.delivered("influx").unwrap(), 2);
    assert_eq!(
        reader.pending("influx").unwrap(),
        Pending {
            bodies: 1,
            bytes: 5,
            samples: 3
        }
    );
}

#[test]
fn no_more_is_read_than_one_request_can_have() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(folder.path(), &["influx"]);
    for _ in 0..5 {
        put(&mut writer, &[7; 100]);
    }
    let reader = writer.reader().unwrap();
    assert_eq!(reader.after(0, 9, 200).unwrap().len(), 2);
    assert_eq!(reader.after(0, 9, 1).unwrap().len(), 1, "one is always read");
}

#[test]
fn a_body_is_kept_until_every_destination_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(folder.path(), &["near", "far"]);
    put(&mut writer, b"one");
    put(&mut writer, b"two");
    writer.delivered(&up_to("near", 2)).unwrap();
    assert_eq!(writer.reader().unwrap().after(0, 9, usize::MAX).unwrap().len(), 2);
    writer.delivered(&up_to("far", 1)).unwrap();
    assert_eq!(writer.reader().unwrap().after(0, 9, usize::MAX).unwrap().len(), 1);
    assert_eq!(writer.reader().unwrap().pending("near").unwrap().bodies, 0);
    drop(writer);
    let (mut writer, _) = open(folder.path(), &["near"]);
    writer.delivered(&up_to("near", 2)).unwrap();
    assert_eq!(
        writer.reader().unwrap().after(0, 9, usize::MAX).unwrap().len(),
        0,
        "one that is gone holds nothing back"
    );
}

#[test]
fn a_number_is_never_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(folder.path(), &["influx"]);
    assert_eq!(put(&mut writer, b"one"), 1);
    writer.delivered(&up_to("influx", 1)).unwrap();
    drop(writer);
    let (mut again, _) = open(folder.path(), &["influx"]);
    assert_eq!(put(&mut again, b"two"), 2);
}

#[test]
fn at_its_bounds_the_oldest_are_dropped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(folder.path(), &["influx"]);
    for _ in 0..200 {
        put(&mut writer, &[0; 100]);
    }
    assert_eq!(bound(&mut writer, 10_000, None), 128 * 3);
    let reader = writer.reader().unwrap();
    assert_eq!(reader.after(0, 1, usize::MAX).unwrap()[0].number, 129);
    assert_eq!(bound(&mut writer, u64::MAX, too_old(0, true)), 0);
    assert_eq!(bound(&mut writer, u64::MAX, too_old(1, true)), 72 * 3);
}

/// Removes all that is to be removed; returns how many samples were lost.
fn bound(writer: &mut OutboxWriter, bytes: u64, too_old: Option<TooOld>) -> u64 {
    std::iter::from_fn(|| writer.bound(bytes, too_old).unwrap()).sum()
}

fn too_old(before: i64, of_this_run: bool) -> Option<TooOld> {
    Some(TooOld {
        before: at(before),
        of_this_run,
    })
}

#[test]
fn what_all_have_already_is_no_loss_at_the_bound() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(folder.path(), &["near", "far"]);
    for _ in 0..64 {
        put(&mut writer, &[0; 100]);
    }
    // More than one commit removes at once is left: as if all of it were still there.
    writer
        .database
        .run(|connection| {
            connection.execute(
                "UPDATE destinations SET delivered = iif(name = 'far', 40, 60)",
                [],
            )
        })
        .unwrap();
    assert_eq!(bound(&mut writer, 1, None), 24 * 3, "far has none of these");
}

#[test]
fn what_a_clock_that_was_behind_has_put_does_not_go_for_its_age_once_the_clock_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(folder.path(), &["influx"]);
    put(&mut writer, b"before");
    drop(writer);
    let (mut writer, _) = open(folder.path(), &["influx"]);
    // A day behind, and without any time at all.
    let dead: Timestamp = "2000-01-01T00:00:00Z".parse().unwrap();
    for at in [at(-86_400), dead] {
        writer.put(b"now", 3, at, &BTreeMap::new()).unwrap();
    }
    assert_eq!(
        bound(&mut writer, u64::MAX, too_old(1, false)),
        3,
        "the first run's"
    );
    assert_eq!(
        bound(&mut writer, u64::MAX, too_old(1, true)),
        3,
        "once this run has lasted as long"
    );
    drop(writer);
    let (mut writer, _) = open(folder.path(), &["influx"]);
    assert_eq!(
        bound(&mut writer, u64::MAX, too_old(1, true)),
        0,
        "nobody knows how old it is"
    );
    assert_eq!(bound(&mut writer, 1, too_old(1, true)), 3, "it goes for its size");
}

#[test]
fn however_much_waits_a_look_at_what_is_to_be_removed_sees_a_few_rows() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(folder.path(), &["influx"]);
    writer
        .database
        .transact(|transaction| {
            let bodies: i64 = 5_000;
            for number in 1..=bodies {
                let (samples, body) = (number, number.to_be_bytes());
                let counted = Counted::default().and(samples, &body);
                insert(transaction, nanoseconds(at(0)), counted, samples, &body)?;
            }
            transaction.execute("UPDATE destinations SET delivered = ?1", [bodies])
        })
        .unwrap();
    let steps = |sql: &str, values: &[i64]| {
        let run = |connection: &rusqlite::Connection| {
            let mut statement = connection.prepare(sql)?;
            let mut rows = statement.query(rusqlite::params_from_iter(values))?;
            while rows.next()?.is_some() {}
            drop(rows);
            Ok(statement.get_status(rusqlite::StatementStatus::VmStep))
        };
        writer.database.run(run).unwrap()
    };
    let nothing_is_old = [64, 0, nanoseconds(at(0)), i64::MAX];
    assert!((64..2_000).contains(&steps(rows::REMOVE_TOO_OLD, &nothing_is_old)));
    assert!((64..2_000).contains(&steps(rows::REMOVE_DELIVERED, &[64])));
}

#[test]
fn a_file_is_opened_without_reading_what_is_between_its_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    let (mut writer, _) = open(folder.path(), &["influx"]);
    for _ in 0..1_000 {
        put(&mut writer, &[7; 500]);
    }
    drop(writer);
    let mut content = std::fs::read(&path).unwrap();
    let middle = content.len() / 2 / 4096 * 4096;
    content[middle..middle + 8192].fill(0xA5);
    std::fs::write(&path, content).unwrap();
    let (writer, aside) = open(folder.path(), &["influx"]);
    assert_eq!(aside, None, "nobody has looked there");
    let all = writer.reader().unwrap().after(0, usize::MAX, usize::MAX);
    assert!(is_spoiled(&all.unwrap_err()));
}

#[test]
fn what_waits_for_a_destination_that_the_site_has_no_more_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(folder.path(), &["near", "far"]);
    for _ in 0..3 {
        put(&mut writer, &[7; 10]);
    }
    writer.delivered(&up_to("far", 1)).unwrap();
    drop(writer);
    let (mut writer, _) = open(folder.path(), &["near"]);
    let waited = Pending {
        bodies: 2,
        bytes: 20,
        samples: 6,
    };
    assert_eq!(writer.take_gone(), [("far".to_owned(), waited)]);
    assert_eq!(writer.take_gone(), []);
    drop(writer);
    assert_eq!(open(folder.path(), &["near"]).0.take_gone(), []);
}

/// An outbox with three bodies of which one says something else where its samples stand.
fn with_a_strange_row(folder: &Path, number: i64) {
    let (mut writer, _) = open(folder, &["influx"]);
    for _ in 0..3 {
        put(&mut writer, b"one");
    }
    let strange = format!(
        "CREATE TABLE loose (number INTEGER PRIMARY KEY AUTOINCREMENT, at, samples, total_bytes, total_samples, body);
         INSERT INTO loose SELECT number, at, iif(number = {number}, 'many', samples), total_bytes, total_samples, body FROM bodies;
         DROP TABLE bodies;
         ALTER TABLE loose RENAME TO bodies;"
    );
    writer
        .database
        .run(|connection| connection.execute_batch(&strange))
        .unwrap();
}

#[test]
fn a_row_that_is_not_what_was_written_never_stops_the_gateway_from_starting() {
    for end in [1, 3] {
        let folder = tempfile::tempdir().unwrap();
        with_a_strange_row(folder.path(), end);
        let (mut writer, aside) = open(folder.path(), &["influx"]);
        assert!(aside.is_some());
        let piece = writer.take_over(None, true).unwrap();
        let Some(TakenOver::Whole(recovered)) = piece else {
            panic!("{piece:?}")
        };
        assert_eq!((recovered.bodies, recovered.unreadable), (2, 1));
    }
}

#[test]
fn a_table_that_is_missing_never_stops_the_gateway_from_starting() {
    for (table, left) in [("destinations", 3), ("taken_over", 3), ("bodies", 0)] {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, _) = open(folder.path(), &["influx"]);
        for _ in 0..3 {
            put(&mut writer, b"one");
        }
        writer
            .database
            .run(|connection| connection.execute(&format!("DROP TABLE {table}"), []))
            .unwrap();
        drop(writer);
        let (mut writer, aside) = open(folder.path(), &["influx"]);
        assert!(aside.is_some(), "{table}");
        let piece = writer.take_over(None, true).unwrap();
        let Some(TakenOver::Whole(recovered)) = piece else {
            panic!("{table}: {piece:?}")
        };
        assert_eq!((recovered.bodies, recovered.unreadable), (left, 0), "{table}");
    }
}

#[test]
fn a_row_that_is_not_what_was_written_and_a_destination_without_one_spoil_the_file() {
    let folder = tempfile::tempdir().unwrap();
    with_a_strange_row(folder.path(), 2);
    let (mut writer, aside) = open(folder.path(), &["influx"]);
    assert_eq!(aside, None);
    let reader = writer.reader().unwrap();
    assert!(is_spoiled(&reader.after(0, 9, usize::MAX).unwrap_err()));
    assert!(is_spoiled(&writer.bound(1, None).unwrap_err()));
    writer
        .database
        .run(|connection| connection.execute("DELETE FROM destinations", []))
        .unwrap();
    assert!(is_spoiled(&reader.delivered("influx").unwrap_err()));
    assert!(is_spoiled(&writer.delivered(&up_to("influx", 1)).unwrap_err()));
    let noted = writer.put(b"next", 3, at(0), &up_to("influx", 1));
    assert!(is_spoiled(&noted.unwrap_err()));
}

#[test]
fn a_body_and_the_deliveries_before_it_are_one_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(folder.path(), &["influx"]);
    put(&mut writer, b"one");
    let at = Timestamp::from_second(1000).unwrap();
    assert_eq!(writer.put(b"two", 3, at, &up_to("influx", 1)).unwrap(), 2);
    let reader = writer.reader().unwrap();
    let numbers: Vec<_> = reader
        .after(0, 9, usize::MAX)
        .unwrap()
        .iter()
        .map(|body| body.number)
        .collect();
    assert_eq!((numbers, reader.delivered("influx").unwrap()), (vec![2], 1));
}

#[test]
fn a_new_file_has_its_destinations_as_soon_as_it_has_tables() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    let names = ["influx".to_owned(), "the owner's".to_owned()];
    let _database = open_or_make(&path, &names).unwrap();
    let reader = OutboxReader::open(&path).unwrap();
    for name in names {
        assert_eq!(reader.delivered(&name).unwrap(), 0);
    }
}

#[test]
fn what_waits_is_known_for_each_destination_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(folder.path(), &["near", "far"]);
    for bytes in [10, 20, 30] {
        put(&mut writer, &vec![7; bytes]);
    }
    writer.delivered(&up_to("near", 2)).unwrap();
    drop(writer);
    let (mut writer, _) = open(folder.path(), &["near", "far"]);
    put(&mut writer, &[7; 40]);
    let reader = writer.reader().unwrap();
    let pending = |bodies, bytes, samples| Pending {
        bodies,
        bytes,
        samples,
    };
    assert_eq!(reader.pending("near").unwrap(), pending(2, 70, 6));
    assert_eq!(reader.pending("far").unwrap(), pending(4, 100, 12));
    writer.delivered(&up_to("near", 4)).unwrap();
    assert_eq!(reader.pending("near").unwrap(), Pending::default());
}

#[test]
fn an_outbox_of_the_first_version_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    let mut first = Database::open(&path, Durability::Full, STEPS.get(..1).unwrap()).unwrap();
    first
        .transact(|transaction| {
            transaction.execute_batch(
                "INSERT INTO destinations VALUES ('influx', 2);
                 INSERT INTO bodies (number, at, samples, body) VALUES (3, 1, 5, x'010203'), (4, 2, 6, x'04050607'), (9, 3, 1, x'08');
                 DELETE FROM bodies WHERE number = 9;",
            )
        })
        .unwrap();
    drop(first);
    let (mut writer, _) = open(folder.path(), &["influx"]);
    let reader = writer.reader().unwrap();
    assert_eq!(
        reader.pending("influx").unwrap(),
        Pending {
            bodies: 2,
            bytes: 7,
            samples: 11
        }
    );
    assert_eq!(put(&mut writer, b"next"), 10, "a number is never used again");
}
