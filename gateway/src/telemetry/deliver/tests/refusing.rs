//! What a server refuses, and whether it is the lines or everything: nothing that may pass later is given up.

use super::*;

/// A refusal in the form of 1.x, for a reason that nobody has heard of.
const REFUSED: &str = "HTTP/1.1 400 Bad Request\n\n{\"error\":\"no\"}";

/// Refuses requests with lines of seconds that are refused.
fn refuses(is_refused: impl Fn(u32) -> bool + Send + 'static) -> Answering {
    Box::new(move |seen| {
        let refused = seen.lines.iter().any(|line| is_refused(second(line)));
        if refused { REFUSED } else { TAKEN }.to_owned()
    })
}

/// The second of a line of [`batch`].
fn second(line: &str) -> u32 {
    let nanoseconds = line.rsplit(' ').next().unwrap();
    (nanoseconds.parse::<i64>().unwrap() / 1_000_000_000 - 1_795_000_000)
        .try_into()
        .unwrap()
}

#[tokio::test]
async fn a_server_that_refuses_everything_gets_eight_bodies_and_the_others_wait_until_something_passes() {
    let server = Server::start(always(REFUSED)).await;
    let way = Way::start(&v2(&server), 30).await;
    until("the alarm", || way.stand().denied).await;
    let stand = way.stand();
    let error = stand.error.unwrap();
    assert!(error.contains("every line that is sent is refused"), "{error}");
    assert!(stand.last_written_at.is_none());
    assert_eq!(stand.refused.unwrap().lines, 8);
    let asked = server.seen().len();
    until("it to be asked again", || server.seen().len() > asked).await;
    assert_eq!(kept(&way), way.lines_of(1..=8), "it has lost nothing more");
    server.answer_with(always(TAKEN));
    until("the others to arrive", || {
        let taken: BTreeSet<String> = server.taken().into_iter().collect();
        taken == way.lines_of(9..=30).into_iter().collect()
    })
    .await;
    until("the trouble to be over", || {
        !way.stand().denied && way.stand().error.is_none()
    })
    .await;
    assert_eq!(kept(&way).len(), 8);
}

#[tokio::test]
async fn however_many_old_bodies_are_refused_they_hold_up_nothing_where_the_newest_passes() {
    let server = Server::start(refuses(|second| second <= 30)).await;
    let way = Way::start(&v2(&server), 40).await;
    until("what is not refused to arrive", || {
        let taken: BTreeSet<String> = server.taken().into_iter().collect();
        taken == way.lines_of(31..=40).into_iter().collect()
    })
    .await;
    until("the others to be set aside", || {
        kept(&way) == way.lines_of(1..=30)
    })
    .await;
}

#[tokio::test]
async fn a_body_of_which_nothing_was_written_ends_no_alarm_and_what_is_refused_is_shown() {
    let server = Server::start(always(DENIED)).await;
    let mut way = Way::start(&v2(&server), 1).await;
    until("the refusal to be seen", || way.stand().denied).await;
    server.answer_with(refuses(|second| second < 3));
    until("the line to be set aside", || {
        way.stand().refused.is_some_and(|refused| refused.lines == 1)
    })
    .await;
    way.commit([2]).await;
    until("the next line to be set aside", || {
        way.stand().refused.is_some_and(|refused| refused.lines == 2)
    })
    .await;
    let stand = way.stand();
    assert!(stand.denied && stand.error.is_some() && stand.last_written_at.is_none());
    assert!(stand.refused.unwrap().reason.contains("\"no\""));
    way.commit([3]).await;
    until("the alarm to be over", || {
        let stand = way.stand();
        !stand.denied && stand.last_written_at.is_some()
    })
    .await;
}

#[tokio::test]
async fn what_was_refused_just_before_the_cause_was_removed_is_asked_about_again() {
    let mut is_mended = false;
    let server = Server::start(Box::new(move |seen| {
        // The newest body's line is the first that is asked about by itself, once eight bodies have lost every line.
        is_mended |= seen.lines.len() == 1 && second(&seen.lines[0]) == 30;
        if is_mended { TAKEN } else { REFUSED }.to_owned()
    }))
    .await;
    let way = Way::start(&v2(&server), 30).await;
    until("the others to arrive", || {
        let taken: BTreeSet<String> = server.taken().into_iter().collect();
        taken == way.lines_of(9..=30).into_iter().collect()
    })
    .await;
    assert_eq!(kept(&way), way.lines_of(1..=8));
}
