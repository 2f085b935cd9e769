//! Telemetry comes before what is kept only to be looked at, and neither a full disk nor a spoiled file ends it.

use std::path::{Path, PathBuf};
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

fn open(folder: &TempDir) -> OutboxWriter {
    let (writer, _) = OutboxWriter::open(folder.path(), &["influxdb".to_owned()], Timestamp::now()).unwrap();
    writer
}

/// An outbox of a folder on a small disk, at work.
struct AtWork {
    outbox: Outbox,
    newest: watch::Receiver<Newest>,
    trouble: Trouble,
    stop: CancellationToken,
    thread: std::thread::JoinHandle<()>,
}

impl AtWork {
    fn start(folder: &TempDir, writer: OutboxWriter, bytes: u64) -> Self {
        let (trouble, stop) = (Trouble::default(), CancellationToken::new());
        let (outbox, newest, thread) = Outbox::start(OutboxParts {
            writer,
            site: Arc::new(one_fire_main()),
            bounds: Bounds {
                bytes,
                age: SignedDuration::from_hours(1),
            },
            room: Room::of(folder.path(), small_disk),
            trouble: trouble.clone(),
            stop: stop.clone(),
        })
        .unwrap();
        Self {
            outbox,
            newest,
            trouble,
            stop,
            thread,
        }
    }

    /// Hands a sample over; what is returned hears when it is stored.
    fn take(&self) -> mpsc::Receiver<()> {
        let (committed, stored) = mpsc::channel();
        let receipt = Receipt::new(move || committed.send(()).unwrap());
        let sample = Sample {
            point: PointId(0),
            reading: Reading::Good(Value::Number(0.5)),
        };
        let batch = Batch {
            device: DeviceIndex(0),
            at: Timestamp::now(),
            order: 0,
            samples: vec![sample],
        };
        self.outbox.take(vec![(Arc::new(batch), Some(receipt))]).unwrap();
        stored
    }

    fn delivered(&self, number: i64) {
        self.outbox.delivered(&Arc::from("influxdb"), 0, number);
    }

    /// Waits until a new file was begun.
    fn begun_anew(&mut self) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let anew = self.newest.wait_for(|newest| newest.file == 1);
        runtime
            .block_on(async { tokio::time::timeout(SOON, anew).await.map(|_| ()) })
            .expect("a new outbox");
    }

    fn end(self) {
        self.stop.cancel();
        drop(self.outbox);
        self.thread.join().unwrap();
    }
}

/// Stores a sample in an outbox of a folder on a small disk.
fn store(folder: &TempDir) {
    let at_work = AtWork::start(folder, open(folder), u64::MAX);
    let stored = at_work.take().recv_timeout(SOON);
    at_work.end();
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

#[test]
fn on_a_full_disk_what_the_database_takes_makes_room_for_telemetry() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = open(&folder);
    // Of what one commit removes alone not enough would be free.
    let bodies = 900;
    for _ in 0..bodies {
        let body = [7; 12 << 10];
        writer.put(&body, 3, Timestamp::now(), &BTreeMap::new()).unwrap();
    }
    let other = std::fs::File::create(folder.path().join("something else")).unwrap();
    other.set_len(DISK_BYTES).unwrap();
    let at_work = AtWork::start(&folder, writer, u64::MAX);
    let stored = at_work.take();
    while at_work.trouble.reason().is_none() {
        std::thread::yield_now();
    }
    at_work.delivered(bodies);
    let stored = stored.recv_timeout(SOON);
    at_work.end();
    stored.expect("the sample to be stored");
}

/// An outbox of which a stretch between its ends is spoiled, and how many bodies it had.
fn spoiled(folder: &TempDir) -> (OutboxWriter, i64) {
    let bodies = 400;
    let mut writer = open(folder);
    for _ in 0..bodies {
        writer
            .put(&[7; 2000], 3, Timestamp::now(), &BTreeMap::new())
            .unwrap();
    }
    drop(writer);
    let path = folder.path().join("outbox.db");
    let mut content = std::fs::read(&path).unwrap();
    let middle = content.len() / 2 / 4096 * 4096;
    content[middle..middle + 8192].fill(0xA5);
    std::fs::write(&path, content).unwrap();
    (open(folder), bodies)
}

#[test]
fn a_spoiled_outbox_is_begun_anew_where_a_delivery_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, bodies) = spoiled(&folder);
    let mut at_work = AtWork::start(&folder, writer, u64::MAX);
    at_work.delivered(bodies);
    at_work.begun_anew();
    at_work.end();
}

#[test]
fn a_spoiled_outbox_is_begun_anew_where_its_size_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, _) = spoiled(&folder);
    let mut at_work = AtWork::start(&folder, writer, 1);
    at_work.delivered(1);
    at_work.begun_anew();
    at_work.end();
}
