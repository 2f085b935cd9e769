//! A spoiled history is begun anew whoever meets it, and what others see of it follows.

use std::path::PathBuf;

use metrics_exporter_prometheus::PrometheusBuilder;
use model::{Batch, PointId, Reading, Sample, Value};
use tempfile::TempDir;

use super::super::room::Space;
use super::*;
use crate::store::spoil::spoil_table;
use crate::store::{Grain, Trend};
use crate::test_site::one_fire_main;

/// Longer than it takes a slot to be packed.
const HALF_AN_HOUR: SignedDuration = SignedDuration::from_mins(30);

fn batch(at: Timestamp) -> Taken {
    let sample = Sample {
        point: PointId(0),
        reading: Reading::Good(Value::Number(0.5)),
    };
    let batch = Batch {
        device: DeviceIndex(0),
        at,
        order: 0,
        samples: vec![sample],
    };
    (Arc::new(batch), None)
}

fn thread(folder: &TempDir, room: Room) -> RecorderThread {
    let site = one_fire_main();
    let (writer, aside) = HistoryWriter::open(folder.path(), &site, true, Timestamp::now()).unwrap();
    assert_eq!(aside, None);
    let shown = Arc::new(ShownHistory::new(writer.reader().unwrap()));
    let keep = Keep {
        age: SignedDuration::from_hours(1),
        hours: SignedDuration::from_hours(1),
        bytes: u64::MAX,
    };
    RecorderThread::new(
        writer,
        shown,
        Arc::new(site),
        keep,
        None,
        room,
        Trouble::default(),
    )
}

impl RecorderThread {
    fn records(&mut self, at: Timestamp) {
        let mut group = Group::default();
        self.put(vec![batch(at)], &mut group);
        self.commit(group);
    }

    fn readings(&self) -> Result<usize, StoreError> {
        let mut count = 0;
        let trend = Trend {
            from: Timestamp::UNIX_EPOCH,
            to: Timestamp::MAX,
            grain: Grain::Readings,
        };
        let take = |_| {
            count += 1;
            true
        };
        self.shown
            .look(|history| history.each("fire-main-1", "main_pressure", trend, take))?;
        Ok(count)
    }
}

/// A recorder of a history with a packed slot in which a table is spoiled, and something that came late for that slot.
fn with_spoiled(folder: &TempDir, table: &str) -> RecorderThread {
    let long_ago = Timestamp::now() - HALF_AN_HOUR;
    let mut packing = thread(folder, Room::new(folder.path()));
    packing.records(long_ago);
    packing.pack();
    drop(packing);
    spoil_table(&folder.path().join("history.db"), table);
    let mut thread = thread(folder, Room::new(folder.path()));
    thread.records(long_ago);
    thread
}

/// How many spoiled histories stand beside the new one.
fn copies(folder: &TempDir) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder.path()).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    let is_copy = |file: &PathBuf| {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with("history.spoiled-") && name.ends_with(".db")
    };
    let mut copies: Vec<_> = files.filter(is_copy).collect();
    copies.sort();
    copies
}

/// What meets the spoiled page moves the file aside, and what comes then is recorded.
fn is_begun_anew_by(spoiled: &str, work: fn(&mut RecorderThread)) {
    let folder = tempfile::tempdir().unwrap();
    let mut thread = with_spoiled(&folder, spoiled);
    work(&mut thread);
    assert_eq!(copies(&folder).len(), 1);
    thread.records(Timestamp::now());
    assert_eq!(thread.readings().unwrap(), 1);
}

#[test]
fn a_history_is_begun_anew_where_packing_finds_it_spoiled() {
    is_begun_anew_by("times", RecorderThread::pack);
}

#[test]
fn a_history_is_begun_anew_where_pruning_finds_it_spoiled() {
    is_begun_anew_by("blocks", RecorderThread::prune);
}

#[test]
fn a_history_is_begun_anew_where_a_trend_finds_it_spoiled() {
    let folder = tempfile::tempdir().unwrap();
    let mut thread = with_spoiled(&folder, "times");
    // Nothing that the writer does meets the spoiled page.
    thread.writer.prune(bound_of_nothing()).unwrap();
    thread.readings().unwrap_err();
    thread.pack();
    assert_eq!(copies(&folder).len(), 1);
    thread.records(Timestamp::now());
    assert_eq!(thread.readings().unwrap(), 1);
    thread.pack();
    assert_eq!(copies(&folder).len(), 1, "once");
}

fn bound_of_nothing() -> Bound {
    Bound {
        readings_before: Timestamp::MIN,
        hours_before: Timestamp::MIN,
        bytes: u64::MAX,
    }
}

#[test]
fn how_far_history_goes_back_is_known_without_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut thread = thread(&folder, Room::new(folder.path()));
    assert_eq!(thread.shown.oldest(), None);
    let at: Timestamp = "2026-11-24T10:13:07Z".parse().unwrap();
    thread.records(at);
    let shown = Arc::clone(&thread.shown);
    // Somebody reads a trend all the while.
    shown
        .look(|_| {
            assert_eq!(shown.oldest().unwrap().to_string(), "2026-11-24T10:10:00Z");
            Ok(())
        })
        .unwrap();
}

#[test]
fn how_many_slots_wait_to_be_packed_is_a_metric() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let shown = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        let folder = tempfile::tempdir().unwrap();
        let mut thread = thread(&folder, Room::new(folder.path()));
        let long_ago = Timestamp::now() - HALF_AN_HOUR;
        for slot in 0..3 {
            thread.records(long_ago - SignedDuration::from_mins(10) * slot);
        }
        for waiting in [2, 1, 0] {
            thread.pack();
            let line = format!("facility_history_unpacked_slots {waiting}\n");
            assert!(shown.render().contains(&line), "{}", shown.render());
        }
    });
}

fn make_copies(folder: &TempDir) -> Vec<PathBuf> {
    let copy = |seconds| folder.path().join(format!("history.spoiled-{seconds}.db"));
    let made: Vec<_> = [8, 9, 10].map(copy).into();
    for file in &made {
        std::fs::write(file, [0xA5; 9000]).unwrap();
    }
    made
}

#[test]
fn of_spoiled_histories_the_newest_two_stay() {
    let folder = tempfile::tempdir().unwrap();
    let made = make_copies(&folder);
    let other = folder.path().join("outbox.spoiled-7.db");
    std::fs::write(&other, [0xA5; 9000]).unwrap();
    let mut thread = thread(&folder, Room::new(folder.path()));
    let mut there = copies(&folder);
    there.sort_by_key(|file| made.iter().position(|one| one == file));
    assert_eq!(there, made[1..]);
    thread.begin_anew();
    assert_eq!(
        (copies(&folder).len(), made[2].exists(), made[1].exists()),
        (2, true, false)
    );
    assert!(other.exists(), "nobody has taken that one over yet");
}

#[test]
fn where_no_new_history_can_be_made_the_spoiled_one_stays_and_nothing_is_written_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut thread = thread(&folder, Room::new(folder.path()));
    thread.records(Timestamp::now());
    // SQLite cannot make a file whose journal cannot be one.
    let in_the_way = folder.path().join("history.db-journal");
    std::fs::create_dir(&in_the_way).unwrap();
    thread.begin_anew();
    let spoiled = copies(&folder);
    for _ in 0..3 {
        thread.records(Timestamp::now());
        assert!(thread.trouble.reason().is_some());
    }
    assert_eq!((spoiled.len(), copies(&folder)), (1, spoiled));
    std::fs::remove_dir(&in_the_way).unwrap();
    // The first is dropped and counted with the old file, and makes the new one.
    thread.records(Timestamp::now());
    thread.records(Timestamp::now());
    assert_eq!((thread.trouble.reason(), thread.readings().unwrap()), (None, 1));
    assert_eq!(copies(&folder).len(), 1);
}

#[test]
fn on_a_full_disk_the_copies_of_spoiled_histories_go_before_history_waits() {
    let folder = tempfile::tempdir().unwrap();
    make_copies(&folder);
    // Full as long as there is a copy.
    let look = |folder: &Path| {
        let files = std::fs::read_dir(folder).ok()?;
        let mut names = files.filter_map(|entry| Some(entry.ok()?.file_name()));
        let is_full = names.any(|name| name.to_string_lossy().contains("spoiled"));
        Some(Space {
            total: 100 << 20,
            free: if is_full { 0 } else { 50 << 20 },
        })
    };
    let mut thread = thread(&folder, Room::of(folder.path(), look));
    thread.records(Timestamp::now());
    assert_eq!(copies(&folder).len(), 0);
    assert_eq!((thread.trouble.reason(), thread.readings().unwrap()), (None, 1));
}
