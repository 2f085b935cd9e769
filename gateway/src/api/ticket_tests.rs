//! Tickets over HTTP, at a gateway that runs in this process: what people send, what they are answered, and what they never see.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::testing::Gateway;
use crate::journal::Hash;

fn clocks(ticket: &Value) -> Vec<(String, String, String)> {
    let clocks = ticket["clocks"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    clocks
        .map(|clock| {
            (
                text(&clock["clock"]),
                text(&clock["target"]),
                text(&clock["state"]),
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reported_it_is_on_the_tickets_own_page_and_nowhere_else() {
    let gateway = Gateway::start().await;
    let id = gateway.reports("elevator", Some("张女士 13800000000")).await;
    let told = json!({"whom": "张女士 13800000000", "what": "马上到", "at": "2026-11-24T10:00:00+08:00"});
    let (status, ticket) = gateway
        .post(
            &format!("/tickets/{id}/accept"),
            &json!({"by": "Li", "told": told}),
        )
        .await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(clocks(&ticket)[0], ("respond".into(), "4h".into(), "met".into()));
    let everywhere = [ticket, gateway.get("/tickets").await];
    for shown in everywhere.map(|shown| shown.to_string()) {
        assert!(!shown.contains("1380000"), "{shown}");
    }
    let own = gateway.get(&format!("/tickets/{id}")).await;
    assert_eq!(own["reporter"], "张女士 13800000000");
    assert_eq!(own["steps"][1]["told"]["whom"], "张女士 13800000000");
    gateway.stops().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reporters_clock_waits_for_the_first_step_that_tells_somebody() {
    let gateway = Gateway::start().await;
    let id = gateway.reports("repair-report", Some("Zhang")).await;
    let act = |action: &str| format!("/tickets/{id}/{action}");
    let (_, ticket) = gateway.post(&act("accept"), &json!({"by": "Li"})).await;
    assert_eq!(clocks(&ticket)[0].2, "running");
    let half = json!({"by": "Li", "note": "x", "told": {"whom": "Zhang", "what": "soon", "at": "noon"}});
    let (status, problem) = gateway.post(&act("comment"), &half).await;
    assert_eq!(
        (status, &problem["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("at"))
    );
    let whole = json!({"by": "Li", "note": "x", "told": {"whom": "Zhang", "what": "soon", "at": "2026-11-24T10:00:00+08:00"}});
    let (_, ticket) = gateway.post(&act("comment"), &whole).await;
    assert_eq!(clocks(&ticket)[0].2, "met");
    gateway.stops().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_raised_as_the_standard_says_and_no_other_way() {
    let gateway = Gateway::start().await;
    let id = gateway.reports("lighting", None).await;
    let raise = format!("/tickets/{id}/raise");
    let to = |row: &str| json!({"by": "Li", "standard": row});
    let (status, ticket) = gateway.post(&raise, &to("lighting-complex")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        clocks(&ticket),
        [("resolve".into(), "48h".into(), "running".into())]
    );
    let (status, problem) = gateway.post(&raise, &to("lighting")).await;
    assert_eq!(
        (status, &problem["state"]),
        (StatusCode::CONFLICT, &json!("open"))
    );
    let (status, problem) = gateway.post(&raise, &to("nothing")).await;
    assert_eq!(
        (status, &problem["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("standard"))
    );
    let (_, ticket) = gateway.post(&raise, &to("urgent-repair")).await;
    assert_eq!(
        (&ticket["severity"], clocks(&ticket).len()),
        (&json!("critical"), 2)
    );
    gateway.stops().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journals_head_is_shown_and_found_again_when_the_gateway_has_stopped() {
    let gateway = Gateway::start().await;
    let id = gateway.reports("elevator", None).await;
    let shown = gateway.get("/gateway").await["journal"].clone();
    assert_eq!(shown["records"], 1);
    gateway
        .post(&format!("/tickets/{id}/accept"), &json!({"by": "Li"}))
        .await;
    let data = gateway.stops().await;
    let reader = crate::store::RecordsReader::open(data.path()).unwrap();
    let head: Hash = shown["head"].as_str().unwrap().parse().unwrap();
    let verified = reader.verify_journal(Some(head)).unwrap();
    assert_eq!((verified.head.records, verified.kept_at), (2, Some(1)));
}
