//! A delivery beside a file that cannot be read, a disk that takes its time and a server that never stops talking.

use std::os::unix::fs::FileTypeExt;
use std::sync::mpsc::channel;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// Calls a column otherwise, so that bodies cannot be read, or as it is called, so that they can; what was delivered is noted all the same.
fn rename_column(way: &Way, from: &str, to: &str) {
    let database = rusqlite::Connection::open(way.folder.path().join("outbox.db")).unwrap();
    let rename = format!("ALTER TABLE bodies RENAME COLUMN {from} TO {to}");
    database.execute(&rename, []).unwrap();
}

#[tokio::test]
async fn what_was_written_is_not_sent_again_because_what_comes_next_cannot_be_read() {
    let server = Server::start(always(DENIED)).await;
    let mut way = Way::start(&v2(&server), 1).await;
    until("the first body to be refused", || way.stand().denied).await;
    way.commit_each(2..=3).await;
    rename_column(&way, "body", "hidden");
    server.answer_with(always(TAKEN));
    until("it to be told that nothing can be read", || {
        let stand = way.stand();
        let is_told = |error: &String| error.starts_with("the outbox cannot be read: ");
        stand.error.as_ref().is_some_and(is_told) && stand.failing_since.is_some() && !stand.denied
    })
    .await;
    assert_eq!(server.taken(), way.lines_of(1..=1));
    rename_column(&way, "hidden", "body");
    until("the others to arrive", || server.taken().len() >= 3).await;
    until("the trouble to be over", || way.stand().error.is_none()).await;
    assert_eq!(server.taken(), way.lines_of(1..=3), "each once");
}

#[tokio::test]
async fn of_a_server_that_never_stops_talking_no_more_is_read_than_tells_what_it_means() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let talking = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = client.read(&mut request).await.unwrap();
        let head = "HTTP/1.1 400 Bad Request\r\n\r\n{\"error\":\"";
        client.write_all(head.as_bytes()).await.unwrap();
        let mut said = 0;
        while client.write_all(&[b'a'; 4096]).await.is_ok() {
            said += 4096;
        }
        said
    });
    // As `main` does; another test may have done so.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = InfluxDb {
        url: format!("http://{address}"),
        ca_pem: None,
        version: InfluxVersion::V1 {
            database: "facility".into(),
            retention_policy: None,
            user: None,
            password: None,
        },
    };
    let influx = Influx::new(&settings).unwrap();
    let written = influx.write(compressed("pump a=1 5\n")).await;
    let Written::Refused(refusal) = written else {
        panic!("{written:?}");
    };
    assert!(refusal.reason.starts_with("400 {\"error\":\"aaa"));
    let said: usize = talking.await.unwrap();
    assert!(
        said < 32 << 20,
        "{said} bytes were taken from it, buffers included"
    );
}

#[tokio::test]
async fn while_the_disk_takes_its_time_to_keep_refused_lines_everything_else_goes_on() {
    let server = Server::start(always(PARTIAL_UNCOUNTED)).await;
    let mut way = Way::prepare();
    // A pipe is opened only once somebody reads of it: a disk that takes its time.
    let refused = way.folder.path().join("refused");
    std::fs::create_dir(&refused).unwrap();
    let pipe = refused.join("influxdb.lp");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert!(std::fs::metadata(&pipe).unwrap().file_type().is_fifo());
    let (go_on, told) = channel();
    let disk = std::thread::spawn(move || {
        let is_told = told.recv_timeout(Duration::from_secs(10)).is_ok();
        (is_told, std::fs::read_to_string(pipe).unwrap())
    });
    way.commit_each(1..=1).await;
    way.deliver(&v2(&server));
    until("the refusal", || !server.seen().is_empty()).await;
    // This runs on the thread that the delivery runs on, and what keeps it from going on has no event that could be awaited.
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    go_on.send(()).unwrap();
    let (is_told, kept) = tokio::task::spawn_blocking(|| disk.join().unwrap())
        .await
        .unwrap();
    assert!(is_told, "nothing went on until the disk did");
    assert!(kept.contains(&way.lines_of([1])[0]));
}

#[tokio::test]
async fn after_a_spoiled_outbox_was_begun_anew_what_is_committed_then_arrives() {
    let server = Server::start(always(TAKEN)).await;
    let mut way = Way::start(&v2(&server), 5).await;
    until("everything to arrive", || server.taken().len() == 5).await;
    way.outbox.spoiled(0);
    way.newest.wait_for(|newest| newest.file == 1).await.unwrap();
    // What was noted of the old file means nothing in the new one, whose numbers begin again.
    way.outbox.delivered(&"influxdb".into(), 0, 5);
    let begun = Instant::now();
    way.commit_each(6..=8).await;
    let lines: BTreeSet<String> = way.lines_of(1..=8).into_iter().collect();
    // What was not noted as delivered comes again, which does no harm.
    until("everything to arrive", || {
        server.taken().into_iter().collect::<BTreeSet<_>>() == lines
    })
    .await;
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_delivery_that_begins_after_its_file_was_begun_anew_counts_nothing_of_the_old_one_as_delivered() {
    let server = Server::start(always(TAKEN)).await;
    let mut way = Way::prepare();
    way.commit_each(1..=10).await;
    // Noted with the body that follows, so that few are taken over, and the new file's numbers stay below the old one's.
    way.outbox.delivered(&"influxdb".into(), 0, 8);
    way.commit([11]).await;
    way.outbox.spoiled(0);
    way.newest.wait_for(|newest| newest.file == 1).await.unwrap();
    way.commit_each(12..=14).await;
    way.deliver(&v2(&server));
    let lines: BTreeSet<String> = way.lines_of(9..=14).into_iter().collect();
    until("everything to arrive", || {
        server.taken().into_iter().collect::<BTreeSet<_>>() == lines
    })
    .await;
}

#[tokio::test]
async fn what_could_not_be_read_of_a_file_that_is_no_more_spoils_no_other() {
    let server = Server::start(always(TAKEN)).await;
    let mut way = Way::prepare();
    way.commit([1]).await;
    way.outbox.spoiled(0);
    way.newest.wait_for(|newest| newest.file == 1).await.unwrap();
    let spoiled = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    let error = StoreError::Sqlite {
        path: way.folder.path().join("outbox.db"),
        source: rusqlite::Error::SqliteFailure(spoiled, None),
    };
    let mut delivery = way.delivery(&v2(&server));
    delivery.could_not_read(&error, 0).await;
    way.commit([2]).await;
    assert_eq!(way.newest.borrow().file, 1);
}
