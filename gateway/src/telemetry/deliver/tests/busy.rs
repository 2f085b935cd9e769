//! A server that is too busy: left alone for as long as it asks, or longer each time.

use super::*;

#[tokio::test]
async fn a_server_that_is_busy_and_does_not_say_for_how_long_is_left_alone_longer_each_time() {
    for answer in [TOO_MANY_SERIES, UNAVAILABLE_SERIES] {
        for written in written(answer).await {
            let Written::Later(reason, Again::Busy) = written else {
                panic!("{written:?}")
            };
            assert!(reason.contains("Series cardinality"), "{reason}");
        }
    }
}

#[tokio::test]
async fn a_server_that_is_too_busy_is_left_alone_for_as_long_as_it_asks() {
    for busy in [TOO_MANY, UNAVAILABLE] {
        let (server, settings) = v2_over_tls(at_first(2, busy)).await;
        let way = Way::start(&settings, 2).await;
        let lines = way.lines_of(1..=2);
        until("everything to arrive", || server.taken() == lines).await;
        let seen = server.seen();
        for pair in seen.windows(2).take(2) {
            let waited = seconds_between(&pair[0], &pair[1]);
            assert!((1.0..1.9).contains(&waited), "{waited} s instead of 1 s");
        }
        assert!(!way.stand().denied);
    }
}

#[tokio::test]
async fn over_http_a_busy_server_is_asked_by_hand_where_its_retry_after_is_seen() {
    let server = Server::start(at_first(2, TOO_MANY)).await;
    let influx = Influx::new(&v2(&server)).unwrap();
    let body = || compressed("pump a=1 5\n");
    let again = |written| match written {
        Written::Later(_, again) => again,
        other => panic!("{other:?}"),
    };
    // The crate hides it, so the wait is the longer one.
    assert_eq!(again(influx.write(body()).await), Again::Busy);
    assert_eq!(
        again(influx.write(body()).await),
        Again::After(Duration::from_secs(1))
    );
    assert_eq!(influx.write(body()).await, Written::Done);
    assert_eq!(influx.write(body()).await, Written::Done);
    let first = server.seen()[0].clone();
    for seen in server.seen() {
        let query: BTreeSet<&str> = seen.uri.split(['?', '&']).collect();
        let wanted = BTreeSet::from(["/api/v2/write", "org=property", "bucket=facility", "precision=ns"]);
        assert_eq!((query, &seen.authorization), (wanted, &first.authorization));
    }
}

#[tokio::test]
async fn a_moment_that_a_server_asks_for_is_one_of_its_own_clock() {
    let answer = "HTTP/1.1 503 Service Unavailable\nDate: Sat, 07 Nov 2099 23:59:00 GMT\nRetry-After: Sat, 07 Nov 2099 23:59:20 GMT\n\n";
    let (_server, settings) = v2_over_tls(always(answer)).await;
    let influx = Influx::new(&settings).unwrap();
    let written = influx.write(compressed("pump a=1 5\n")).await;
    assert!(
        matches!(&written, Written::Later(_, Again::After(after)) if after.as_secs() == 20),
        "{written:?}"
    );
}

fn seconds_between(one: &Seen, other: &Seen) -> f64 {
    other.at.duration_since(one.at).as_secs_f64()
}
