//! A server, or a way to it, that is too slow for what it is sent: it gets less at a time, and all of it arrives.

use super::*;

/// A server that gives up on whatever is larger.
fn takes_in_time(bytes: usize, too_slow: &'static str) -> Answering {
    Box::new(move |seen| if seen.bytes > bytes { too_slow } else { TAKEN }.to_owned())
}

#[tokio::test]
async fn what_a_server_gives_up_on_arrives_in_smaller_requests() {
    for too_slow in [TOO_SLOW_1X, TOO_SLOW, TOO_SLOW_PROXY] {
        let server = Server::start(takes_in_time(1500, too_slow)).await;
        let way = Way::start(&v2(&server), 20).await;
        let lines = way.lines_of(1..=20);
        until("everything to arrive", || server.taken() == lines).await;
        assert!(server.seen()[0].bytes > 1500, "else nothing was too slow");
        assert_eq!(way.aside(), "");
    }
}
