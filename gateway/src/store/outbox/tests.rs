//! What waits in the outbox is neither lost nor mixed up.

use super::*;

fn open(folder: &Path, destinations: &[&str]) -> (OutboxWriter, Option<PathBuf>) {
    let destinations: Vec<String> = destinations.iter().map(|name| (*name).to_owned()).collect();
    OutboxWriter::open(folder, &destinations, Timestamp::UNIX_EPOCH).unwrap()
}

fn put(writer: &mut OutboxWriter, body: &[u8]) -> i64 {
    writer
        .put(body, 3, Timestamp::from_second(1000).unwrap(), &BTreeMap::new())
        .unwrap()
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
    assert_eq!(writer.bound(10_000, Timestamp::UNIX_EPOCH).unwrap(), 128 * 3);
    assert_eq!(
        writer
            .reader()
            .unwrap()
            .after(0, 1, usize::MAX)
            .unwrap()
            .first()
            .unwrap()
            .number,
        129
    );
    assert_eq!(
        writer
            .bound(u64::MAX, Timestamp::from_second(1001).unwrap())
            .unwrap(),
        72 * 3
    );
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
