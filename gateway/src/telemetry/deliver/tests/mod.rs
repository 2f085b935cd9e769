//! What a server's answers do to a delivery: nothing is lost, nothing holds up what follows, and what the server asks for is done.

mod bounds;
mod busy;
mod refusing;
mod server;
mod slow;
mod spoiled;

use std::collections::BTreeSet;
use std::time::Instant;

use jiff::SignedDuration;
use model::{Batch, DeviceIndex, InfluxDb, InfluxVersion, PointId, Reading, Sample, Secret, Site, Value};
use tempfile::TempDir;

use super::*;
use crate::store::OutboxWriter;
use crate::telemetry::{Bounds, OutboxParts, Room, Trouble};
use crate::test_site::one_fire_main;
use server::{Answering, Seen, Server};

const TAKEN: &str = include_str!("../answers/204.http");
const NO_ORGANIZATION: &str = include_str!("../answers/400-organization.http");
const BAD_DATABASE_NAME: &str = include_str!("../answers/400-database-name.http");
const NOT_OVER_TLS: &str = include_str!("../answers/400-go-tls.http");
const NOT_OVER_TLS_NGINX: &str = include_str!("../answers/400-nginx-tls.http");
const NO_ROUTE: &str = include_str!("../answers/400-route.http");
const PARTIAL_UNCOUNTED: &str = include_str!("../answers/400-partial.http");
const DENIED: &str = include_str!("../answers/401.http");
const DENIED_SILENTLY: &str = include_str!("../answers/401-empty.http");
const NO_BUCKET: &str = include_str!("../answers/404-bucket.http");
const TOO_LARGE_CLOUD: &str = include_str!("../answers/413-cloud.http");
const TOO_LARGE: &str = include_str!("../answers/413-oss.http");
const PARTIAL: &str = include_str!("../answers/422.http");
const NO_ROOM: &str = include_str!("../answers/422-limit.http");
const TOO_MANY: &str = include_str!("../answers/429.http");
const TOO_MANY_SERIES: &str = include_str!("../answers/429-cardinality.http");
const TOO_SLOW_1X: &str = include_str!("../answers/500-timeout-1x.http");
const TOO_SLOW: &str = include_str!("../answers/500-timeout.http");
const UNAVAILABLE: &str = include_str!("../answers/503.http");
const UNAVAILABLE_SERIES: &str = include_str!("../answers/503-cardinality.http");
const TOO_SLOW_PROXY: &str = include_str!("../answers/504.http");

/// An outbox and a delivery from it, on a folder of their own.
struct Way {
    folder: TempDir,
    site: Arc<Site>,
    outbox: Outbox,
    newest: watch::Receiver<Newest>,
    reader: Option<OutboxReader>,
    stand: Arc<Mutex<DeliveryStand>>,
    stop: CancellationToken,
}

impl Drop for Way {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Way {
    /// Starts both; bodies already wait when `waiting` batches are committed, one in each body, before the delivery begins.
    async fn start(settings: &InfluxDb, waiting: u32) -> Self {
        let mut way = Self::prepare();
        way.commit_each(1..=waiting).await;
        way.deliver(settings);
        way
    }

    /// The outbox alone.
    fn prepare() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let site = Arc::new(one_fire_main());
        let stop = CancellationToken::new();
        let (writer, _) =
            OutboxWriter::open(folder.path(), &["influxdb".to_owned()], Timestamp::now()).unwrap();
        let reader = writer.reader().unwrap();
        let bounds = Bounds {
            bytes: u64::MAX,
            age: SignedDuration::from_hours(1),
        };
        let (outbox, newest, _) = Outbox::start(OutboxParts {
            writer,
            site: Arc::clone(&site),
            bounds,
            room: Room::new(folder.path()),
            trouble: Trouble::default(),
            stop: stop.clone(),
        })
        .unwrap();
        Self {
            folder,
            site,
            outbox,
            newest,
            reader: Some(reader),
            stand: Arc::default(),
            stop,
        }
    }

    /// Begins the delivery.
    fn deliver(&mut self, settings: &InfluxDb) {
        let delivery = self.delivery(settings);
        self.stand = delivery.stand();
        tokio::spawn(delivery.run(self.stop.clone()));
    }

    /// A delivery that is not begun yet.
    fn delivery(&mut self, settings: &InfluxDb) -> Delivery {
        Delivery::new(DeliveryParts {
            destination: "influxdb".into(),
            influx: Influx::new(settings).unwrap(),
            reader: self.reader.take().unwrap(),
            outbox: self.outbox.clone(),
            newest: self.newest.clone(),
            refused_folder: self.folder.path().join("refused"),
        })
    }

    /// Commits batches of these seconds, each in a body of its own.
    async fn commit_each(&mut self, seconds: impl IntoIterator<Item = u32>) {
        for second in seconds {
            self.commit([second]).await;
        }
    }

    /// Commits batches of these seconds in one body.
    async fn commit(&mut self, seconds: impl IntoIterator<Item = u32>) {
        let before = self.newest.borrow_and_update().number;
        let file = self.newest.borrow().file;
        let batches = seconds.into_iter().map(|second| (Arc::new(batch(second)), None));
        self.outbox.take(batches.collect()).unwrap();
        self.newest
            .wait_for(|newest| newest.number != before || newest.file != file)
            .await
            .unwrap();
    }

    fn stand(&self) -> DeliveryStand {
        self.stand.lock().unwrap().clone()
    }

    /// What was set aside.
    fn aside(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("refused/influxdb.lp")).unwrap_or_default()
    }

    fn lines_of(&self, seconds: impl IntoIterator<Item = u32>) -> Vec<String> {
        let renderer = crate::telemetry::LineRenderer::new(&self.site);
        let mut lines = String::new();
        for second in seconds {
            renderer.render(&mut lines, &batch(second));
        }
        lines.lines().map(str::to_owned).collect()
    }
}

fn batch(second: u32) -> Batch {
    let sample = |point, value| Sample {
        point: PointId(point),
        reading: Reading::Good(value),
    };
    Batch {
        device: DeviceIndex(0),
        at: Timestamp::from_second(1_795_000_000 + i64::from(second)).unwrap(),
        order: 0,
        samples: vec![
            sample(0, Value::Number(f64::from(second) / 1000.0)),
            sample(1, Value::Bool(true)),
        ],
    }
}

/// The lines that were set aside.
fn kept(way: &Way) -> Vec<String> {
    let aside = way.aside();
    let lines = aside.lines().filter(|line| !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

/// 2.x.
fn v2(server: &Server) -> InfluxDb {
    // As `main` does; another test may have done so.
    let _ = rustls::crypto::ring::default_provider().install_default();
    InfluxDb {
        url: format!("http://{}", server.address),
        ca_pem: None,
        version: InfluxVersion::V2 {
            org: "property".into(),
            bucket: "facility".into(),
            token: Some(Secret::new("0123".to_owned())),
        },
    }
}

/// 2.x over https, where `Retry-After` is seen at the first answer.
async fn v2_over_tls(answering: Answering) -> (Server, InfluxDb) {
    let (server, authority) = Server::start_tls(answering).await;
    let settings = InfluxDb {
        url: format!("https://{}", server.address),
        ca_pem: Some(authority),
        ..v2(&server)
    };
    (server, settings)
}

fn always(answer: &'static str) -> Answering {
    Box::new(move |_| answer.to_owned())
}

/// The first so many requests get one answer, the others are taken.
fn at_first(times: usize, answer: &'static str) -> Answering {
    let mut left = times;
    Box::new(move |_| {
        let answer = if left > 0 { answer } else { TAKEN };
        left = left.saturating_sub(1);
        answer.to_owned()
    })
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waited = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), waited).await;
    assert!(in_time.is_ok(), "{what}: not within 20 s");
}

#[tokio::test]
async fn with_an_expired_token_telemetry_waits_it_is_told_at_once_and_goes_on_with_a_new_one() {
    let server = Server::start(always(DENIED)).await;
    let way = Way::start(&v2(&server), 3).await;
    until("the refusal to be seen", || way.stand().denied).await;
    let error = way.stand().error.unwrap();
    assert!(
        error.starts_with("401")
            && error.contains("unauthorized access")
            && error.contains("renew the token"),
        "{error}"
    );
    assert_eq!(server.seen()[0].authorization.as_deref(), Some("Token 0123"));
    server.answer_with(always(TAKEN));
    let lines = way.lines_of(1..=3);
    until("everything to arrive", || server.taken() == lines).await;
    until("the trouble to be over", || {
        !way.stand().denied && way.stand().error.is_none()
    })
    .await;
    assert_eq!(way.aside(), "");
}

/// What a write becomes at each answer, over http through the crate and over https by ourselves.
async fn written(answer: &'static str) -> [Written; 2] {
    let http = Server::start(always(answer)).await;
    let (_https, over_tls) = v2_over_tls(always(answer)).await;
    let mut written = Vec::new();
    for settings in [v2(&http), over_tls] {
        written.push(
            Influx::new(&settings)
                .unwrap()
                .write(compressed("pump a=1 5\n"))
                .await,
        );
    }
    written.try_into().unwrap()
}

#[tokio::test]
async fn whom_a_server_does_not_know_and_what_it_does_not_have_is_for_people_and_no_line_is_refused_for_it() {
    for (answer, said) in [
        (DENIED, "unauthorized access"),
        (DENIED_SILENTLY, "401"),
        (NO_BUCKET, "bucket \\\"air_sensor\\\" not found"),
        (NO_ORGANIZATION, "organization not found"),
        (BAD_DATABASE_NAME, "correct `bucket`"),
        (NOT_OVER_TLS, "correct `url`"),
        (NOT_OVER_TLS_NGINX, "correct `url`"),
        (NO_ROUTE, "correct `url`"),
        (NO_ROOM, "raise its limit"),
    ] {
        for written in written(answer).await {
            let Written::Denied(reason) = written else {
                panic!("{written:?}")
            };
            assert!(reason.contains(said), "{reason}");
        }
    }
}

#[tokio::test]
async fn what_is_too_large_for_a_server_arrives_in_smaller_pieces_and_nothing_is_set_aside() {
    let takes_at_most = |bytes: usize, too_large: &'static str| -> Answering {
        Box::new(move |seen| if seen.bytes > bytes { too_large } else { TAKEN }.to_owned())
    };
    for too_large in [TOO_LARGE, TOO_LARGE_CLOUD] {
        let server = Server::start(takes_at_most(400, too_large)).await;
        let mut way = Way::start(&v2(&server), 20).await;
        // Too large by itself: its lines are parted.
        way.commit(21..=200).await;
        let lines: BTreeSet<String> = way.lines_of(1..=200).into_iter().collect();
        until("everything to arrive", || {
            server.taken().into_iter().collect::<BTreeSet<_>>() == lines
        })
        .await;
        assert_eq!(server.taken().len(), 200, "each once");
        assert_eq!(way.aside(), "");
    }
}

#[tokio::test]
async fn over_https_a_server_is_believed_only_with_the_sites_own_authority() {
    let (server, settings) = v2_over_tls(always(TAKEN)).await;
    let stranger = InfluxDb {
        ca_pem: None,
        ..settings.clone()
    };
    let refused = Influx::new(&stranger)
        .unwrap()
        .write(compressed("pump a=1 5\n"))
        .await;
    let Written::Later(reason, Again::Soon) = refused else {
        panic!("{refused:?}");
    };
    assert!(reason.contains("certificate"), "{reason}");
    assert_eq!(server.seen().len(), 0);
    let way = Way::start(&settings, 2).await;
    let lines = way.lines_of(1..=2);
    until("everything to arrive", || server.taken() == lines).await;
    assert_eq!(server.seen()[0].authorization.as_deref(), Some("Token 0123"));
}

#[tokio::test]
async fn refused_lines_are_set_aside_with_the_servers_reason_and_all_others_arrive() {
    for (partial, reason) in [
        (
            PARTIAL,
            ": 422 {\"code\":\"unprocessable entity\",\"message\":\"failure writing points",
        ),
        (
            PARTIAL_UNCOUNTED,
            ": 400 { \"code\": \"invalid\", \"message\": \"partial write error",
        ),
    ] {
        let refuses = move |seen: &Seen| {
            let bad = seen
                .lines
                .iter()
                .filter(|line| line.contains("main_pressure=0.05"))
                .count();
            let partial = || partial.replace("dropped=4", &format!("dropped={bad}"));
            if bad == 0 { TAKEN.to_owned() } else { partial() }
        };
        let server = Server::start(Box::new(refuses)).await;
        let mut way = Way::start(&v2(&server), 10).await;
        // 50 to 59 are refused: 0.05 and 0.051 to 0.059.
        way.commit(11..=100).await;
        way.commit(101..=110).await;
        let lines = way.lines_of((1..=49).chain(60..=110));
        until("what was not refused to arrive", || {
            server.taken().into_iter().collect::<BTreeSet<_>>() == lines.iter().cloned().collect()
        })
        .await;
        until("the bad lines to be set aside", || !way.aside().is_empty()).await;
        let aside = way.aside();
        let kept: Vec<&str> = aside.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(kept, way.lines_of(50..=59));
        assert!(aside.starts_with("# ") && aside.contains(reason), "{aside}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_while_a_body_is_taken_apart_is_asked_on_where_it_was() {
    let mut asked = 0;
    let answering = move |seen: &Seen| {
        asked += 1;
        let bad = seen.lines.iter().any(|line| line.contains("main_pressure=0.007"));
        match (asked % 3, bad) {
            (0, _) => UNAVAILABLE.replace("Retry-After: 1", "Retry-After: 0"),
            (_, true) => PARTIAL.replace("dropped=4", "dropped=1"),
            (_, false) => TAKEN.to_owned(),
        }
    };
    let (server, settings) = v2_over_tls(Box::new(answering)).await;
    let mut way = Way::start(&settings, 0).await;
    way.commit(1..=64).await;
    until("the bad line to be set aside", || {
        way.aside().lines().count() == 2
    })
    .await;
    let taken = server.taken();
    assert_eq!(
        taken.len(),
        63,
        "each once, although the server was away five times"
    );
    assert_eq!(taken.into_iter().collect::<BTreeSet<_>>().len(), 63);
}
