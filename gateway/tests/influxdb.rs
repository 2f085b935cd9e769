//! A real InfluxDB refuses a few of many lines: all others are there once, and those are in a file that can be written again.

// Clippy takes the helpers of an integration test for production code.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use gateway::store::OutboxWriter;
use gateway::telemetry::{Bounds, Delivery, DeliveryParts, Influx, Outbox, OutboxParts, Room, Trouble};
use jiff::{SignedDuration, Timestamp};
use model::{Batch, DeviceIndex, Folder, InfluxDb, InfluxVersion, PointId, Reading, Sample, Site, Value};
use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;

const LINES: u32 = 1_000;
/// These are of the device whose field is of another type in the database.
const ODD: [u32; 3] = [3, 500, 998];

#[tokio::test]
async fn three_lines_of_a_thousand_that_are_refused_cost_no_other_line() {
    // As `main` does.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::start(folder.path()).await;
    database.ask("CREATE DATABASE facility").await;
    let planted = format!("drainage,device=other level=\"full\" {}", nanoseconds(0));
    database.write(planted.clone()).await;

    let stop = CancellationToken::new();
    let (outbox, delivery) = way(folder.path(), &database.url, stop.clone());
    let delivering = tokio::spawn(delivery.run(stop.clone()));
    let batches = (0..LINES).map(|number| (Arc::new(batch(number)), None));
    outbox.take(batches.collect()).expect("room for a thousand");

    let aside = folder.path().join("refused/influxdb.lp");
    until("the bad lines to be set aside", || aside.exists()).await;
    let text = std::fs::read_to_string(&aside).expect("the file");
    let (reasons, kept): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with('#'));
    assert!(!reasons.is_empty());
    for reason in reasons {
        assert!(
            reason.contains("400") && reason.contains("field type conflict"),
            "{reason}"
        );
    }
    let times: Vec<&str> = kept.iter().filter_map(|line| line.rsplit(' ').next()).collect();
    assert_eq!(
        times,
        ODD.map(|number| nanoseconds(number).to_string()),
        "{kept:?}"
    );
    assert!(kept.iter().all(|line| line.starts_with("drainage,")));
    assert_eq!(database.count("fire_water").await, u64::from(LINES) - 3);
    assert_eq!(database.count("drainage").await, 1, "only what was planted");

    // With the cause gone, the file is written as it is.
    database.ask("DROP MEASUREMENT drainage").await;
    database.write(text).await;
    assert_eq!(database.count("drainage").await, 3);
    assert_eq!(database.count("fire_water").await, u64::from(LINES) - 3);
    stop.cancel();
    delivering.await.expect("the delivery to end");
}

fn nanoseconds(number: u32) -> i64 {
    (1_795_000_000 + i64::from(number)) * 1_000_000_000
}

fn batch(number: u32) -> Batch {
    let device = u32::from(ODD.contains(&number));
    let value = match number {
        // As far as numbers go.
        0 => 5e-324,
        1 => f64::MAX,
        2 => -0.0,
        _ => f64::from(number) / 8.0,
    };
    Batch {
        device: DeviceIndex(device),
        at: Timestamp::from_nanosecond(i128::from(nanoseconds(number))).expect("a time"),
        order: 0,
        samples: vec![Sample {
            point: PointId(device),
            reading: Reading::Good(Value::Number(value)),
        }],
    }
}

/// A fire main and a sump.
fn site() -> Site {
    let profile = |class: &str| {
        format!(
            "class = \"{class}\"\nname = {{ zh = \"x\", en = \"x\" }}\n[[point]]\nname = \"level\"\n\
             title = {{ zh = \"x\", en = \"x\" }}\nunit = \"m\"\naddress = \"holding:0\"\ntype = \"u16\"\n"
        )
    };
    let (fine, odd) = (profile("fire_water"), profile("drainage"));
    let folder = Folder::of_texts([
        (
            "gateway.toml",
            "site = { id = \"huayuan\", name = \"花园小区\", timezone = \"Asia/Shanghai\" }\n\
             [connections.line]\nurl = \"modbus+tcp://127.0.0.1:1\"\n",
        ),
        (
            "devices.csv",
            "id,name,profile,connection,unit,building,location,interval,in_service\n\
             fine-1,一,fine,line,1,1号楼 A,,,true\nodd-1,二,odd,line,2,1号楼 A,,,true\n",
        ),
        ("profiles/fine.toml", fine.as_str()),
        ("profiles/odd.toml", odd.as_str()),
    ]);
    let loading = model::load(&folder, []);
    assert_eq!(loading.faults, []);
    loading.site
}

/// An outbox on a folder, and a delivery from it to the database.
fn way(folder: &Path, url: &str, stop: CancellationToken) -> (Outbox, Delivery) {
    let (writer, _) =
        OutboxWriter::open(folder, &["influxdb".to_owned()], Timestamp::now()).expect("an outbox");
    let reader = writer.reader().expect("a reader");
    let (outbox, newest, _) = Outbox::start(OutboxParts {
        writer,
        site: Arc::new(site()),
        bounds: Bounds {
            bytes: u64::MAX,
            age: SignedDuration::from_hours(1),
        },
        room: Room::new(folder),
        trouble: Trouble::default(),
        stop,
    })
    .expect("its thread");
    let settings = InfluxDb {
        url: url.to_owned(),
        ca_pem: None,
        version: InfluxVersion::V1 {
            database: "facility".into(),
            retention_policy: None,
            user: None,
            password: None,
        },
    };
    let delivery = Delivery::new(DeliveryParts {
        destination: "influxdb".into(),
        influx: Influx::new(&settings).expect("a client"),
        reader,
        outbox: outbox.clone(),
        newest,
        refused_folder: folder.join("refused"),
    });
    (outbox, delivery)
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waited = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(60), waited).await;
    assert!(in_time.is_ok(), "{what}: not within a minute");
}

/// A running influxd, which ends with this.
struct Database {
    url: String,
    client: reqwest::Client,
    process: Child,
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Database {
    async fn start(folder: &Path) -> Self {
        let (http, rpc) = (free_address(), free_address());
        let root = folder.join("influxdb");
        std::fs::create_dir_all(&root).expect("a folder");
        let config = format!(
            "reporting-disabled = true\nbind-address = \"{rpc}\"\n[meta]\ndir = \"{root}/meta\"\n\
             [data]\ndir = \"{root}/data\"\nwal-dir = \"{root}/wal\"\nquery-log-enabled = false\n\
             [http]\nbind-address = \"{http}\"\nlog-enabled = false\n[monitor]\nstore-enabled = false\n",
            root = root.display()
        );
        let file = root.join("influx.conf");
        std::fs::write(&file, config).expect("its configuration");
        let process = Command::new("influxd")
            .arg("-config")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("influxd: run `make test-setup` first");
        let database = Self {
            url: format!("http://{http}"),
            client: reqwest::Client::new(),
            process,
        };
        for _ in 0..600 {
            let ping = database.client.get(format!("{}/ping", database.url)).send();
            if ping.await.is_ok() {
                return database;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("influxd does not answer within a minute");
    }

    async fn ask(&self, statement: &str) -> Json {
        let mut url = reqwest::Url::parse(&format!("{}/query?db=facility", self.url)).expect("a URL");
        url.query_pairs_mut().append_pair("q", statement);
        let answer = self.client.post(url).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{statement}: {}", answer.status());
        answer.json().await.expect("JSON")
    }

    /// How many different times a measurement has.
    async fn count(&self, measurement: &str) -> u64 {
        let answer = self.ask(&format!("SELECT count(level) FROM {measurement}")).await;
        answer["results"][0]["series"][0]["values"][0][1]
            .as_u64()
            .unwrap_or(0)
    }

    async fn write(&self, lines: String) {
        let url = format!("{}/write?db=facility&precision=ns", self.url);
        let answer = self.client.post(url).body(lines).send().await.expect("an answer");
        let status = answer.status();
        assert_eq!(status, 204, "{}", answer.text().await.unwrap_or_default());
    }
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").to_string()
}
