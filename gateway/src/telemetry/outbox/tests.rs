//! Telemetry comes before what is kept only to be looked at.

use std::path::PathBuf;
use std::sync::mpsc;

use drivers::Receipt;
use model::{Batch, DeviceIndex, PointId, Reading, Sample, Value};
use tempfile::TempDir;

use super::super::room::Space;
use super::*;
use crate::test_site::one_fire_main;

/// Of a disk of so much a twentieth is kept.
const DISK_BYTES: u64 = 100 << 20;
const SOON: Duration = Duration::from_secs(60);

/// A disk that has nothing but a folder.
fn small_disk(folder: &Path) -> Option<Space> {
    let files = std::fs::read_dir(folder).ok()?;
    let bytes: u64 = files
        .filter_map(|file| Some(file.ok()?.metadata().ok()?.len()))
        .sum();
    Some(Space {
        total: DISK_BYTES,
        free: DISK_BYTES.saturating_sub(bytes),
    })
}

/// The copy of a spoiled outbox that was taken over.
fn copy(folder: &TempDir, bytes: u64) -> PathBuf {
    let path = folder.path().join("outbox.taken-over-7.db");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(bytes).unwrap();
    path
}

/// Stores a sample in an outbox of a folder on a small disk.
fn store(folder: &TempDir) {
    let (writer, _) = OutboxWriter::open(folder.path(), &["influxdb".to_owned()], Timestamp::now()).unwrap();
    let stop = CancellationToken::new();
    let (outbox, _newest, thread) = Outbox::start(OutboxParts {
        writer,
        site: Arc::new(one_fire_main()),
        bounds: Bounds {
            bytes: u64::MAX,
            age: SignedDuration::from_hours(1),
        },
        room: Room::of(folder.path(), small_disk),
        trouble: Trouble::default(),
        stop: stop.clone(),
    })
    .unwrap();
    let (committed, stored) = mpsc::channel();
    let receipt = Receipt::new(move || committed.send(()).unwrap());
    let sample = Sample {
        point: PointId(0),
        reading: Reading::Good(Value::Number(0.5)),
    };
    let batch = Batch {
        device: DeviceIndex(0),
        at: Timestamp::now(),
        samples: vec![sample],
    };
    outbox.take(vec![(Arc::new(batch), Some(receipt))]).unwrap();
    let stored = stored.recv_timeout(SOON);
    stop.cancel();
    drop(outbox);
    thread.join().unwrap();
    stored.expect("the sample to be stored");
}

#[test]
fn on_a_full_disk_the_copy_of_a_spoiled_outbox_makes_room_for_telemetry() {
    let folder = tempfile::tempdir().unwrap();
    let copy = copy(&folder, 98 << 20);
    store(&folder);
    assert!(!copy.exists());
}

#[test]
fn while_there_is_room_the_copy_of_a_spoiled_outbox_stays() {
    let folder = tempfile::tempdir().unwrap();
    let copy = copy(&folder, 50 << 20);
    store(&folder);
    assert!(copy.exists());
}
