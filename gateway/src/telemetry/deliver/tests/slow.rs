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

#[tokio::test]
async fn a_body_that_is_too_slow_by_itself_arrives_in_pieces_each_line_once_and_the_next_is_not_tried_whole()
{
    let most = 20 << 10;
    let server = Server::start(takes_in_time(most, TOO_SLOW_PROXY)).await;
    let mut way = Way::prepare();
    way.commit(1..=8000).await;
    way.commit(8001..=16_000).await;
    way.deliver(&v2(&server));
    let lines: BTreeSet<String> = way.lines_of(1..=16_000).into_iter().collect();
    until("everything to arrive", || server.taken().len() >= 16_000).await;
    let taken = server.taken();
    assert_eq!(taken.len(), 16_000, "each once");
    assert_eq!(taken.into_iter().collect::<BTreeSet<_>>(), lines);
    until("the trouble to be over", || way.stand().error.is_none()).await;
    let too_slow = server.seen().iter().filter(|seen| seen.bytes > most).count();
    assert!(
        (2..=4).contains(&too_slow),
        "{too_slow} requests that were too slow"
    );
    assert_eq!(way.aside(), "");
}

#[tokio::test]
async fn where_everything_is_refused_a_body_that_is_too_slow_is_kept_as_any_other() {
    let most = 20 << 10;
    let server = Server::start(always(PARTIAL_UNCOUNTED)).await;
    let mut way = Way::start(&v2(&server), 8).await;
    until("nothing to pass", || {
        way.stand().refused.is_some_and(|refused| refused.lines == 8)
    })
    .await;
    server.answer_with(Box::new(move |seen| {
        let too_slow = seen.bytes > most;
        if too_slow {
            TOO_SLOW_PROXY
        } else {
            PARTIAL_UNCOUNTED
        }
        .to_owned()
    }));
    way.commit(9..=8000).await;
    until("it to be told that all is refused", || way.stand().denied).await;
    assert_eq!(kept(&way), way.lines_of(1..=8));
    server.answer_with(always(TAKEN));
    let lines = way.lines_of(9..=8000);
    until("everything else to arrive", || {
        server.taken().into_iter().collect::<BTreeSet<_>>() == lines.iter().cloned().collect()
    })
    .await;
    assert_eq!(kept(&way), way.lines_of(1..=8));
}
