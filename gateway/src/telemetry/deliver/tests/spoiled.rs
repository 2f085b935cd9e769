//! A body in which a bit has turned on the disk: nothing of it is written, and everything else is.

use rusqlite::params;

use super::*;

/// What a server says that cannot unpack a request, in other ways than 2.x.
const OF_1X: &str = "HTTP/1.1 400 Bad Request\n\n{\"error\":\"gzip: invalid checksum\"}";
const IN_PLAIN_TEXT: &str = "HTTP/1.1 400 Bad Request\n\ncannot read the request: gzip: invalid checksum";

/// Turns a bit near the end of a body.
fn spoil(way: &Way, number: i64) {
    let database = rusqlite::Connection::open(way.folder.path().join("outbox.db")).unwrap();
    let select = "SELECT body FROM bodies WHERE number = ?1";
    let mut body: Vec<u8> = database
        .query_row(select, params![number], |row| row.get(0))
        .unwrap();
    let at = body.len() - 60;
    body[at] ^= 8;
    let update = "UPDATE bodies SET body = ?1 WHERE number = ?2";
    assert_eq!(database.execute(update, params![body, number]).unwrap(), 1);
}

#[tokio::test]
async fn a_body_that_was_spoiled_on_the_disk_holds_up_nothing_and_none_of_it_is_written() {
    for answer in [None, Some(OF_1X), Some(IN_PLAIN_TEXT), Some(TOO_SLOW_PROXY)] {
        let server = Server::start(always(TAKEN)).await;
        if let Some(answer) = answer {
            server.answer_what_it_cannot_read_with(answer);
        }
        let mut way = Way::prepare();
        way.commit_each(1..=2).await;
        way.commit(3..=400).await;
        way.commit_each(401..=403).await;
        spoil(&way, 3);
        way.deliver(&v2(&server));
        let others: BTreeSet<String> = way.lines_of((1..=2).chain(401..=403)).into_iter().collect();
        until("the others to arrive", || {
            server.taken().into_iter().collect::<BTreeSet<_>>() == others
        })
        .await;
        until("the trouble to be over", || way.stand().error.is_none()).await;
        let kept = kept(&way);
        assert!(!kept.is_empty() && kept.len() <= 398, "{}", kept.len());
        assert_eq!(kept[0], way.lines_of([3])[0]);
        let aside = way.aside();
        assert!(aside.contains("body 3: not written, since the body was spoiled on the disk"));
        let refused = server.seen().iter().filter(|seen| seen.status >= 400).count();
        assert!(refused <= 4, "{refused} requests for it");
    }
}
