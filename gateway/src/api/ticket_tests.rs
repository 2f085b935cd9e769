//! Tickets over HTTP, at a gateway that runs in this process: what people send, what they are answered, and what they never see.

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusBuilder;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::attachments::LARGEST_BYTES;
use crate::daemon::Daemon;
use crate::journal::Hash;
use crate::test_site::one_fire_main;

/// A gateway on a free port, with a data folder of its own.
struct Gateway {
    url: String,
    client: reqwest::Client,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
    data: tempfile::TempDir,
}

impl Gateway {
    async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut site = one_fire_main();
        site.listen = "127.0.0.1:0".parse().unwrap();
        let (rules, _) = rules::load(&site);
        let data = tempfile::tempdir().unwrap();
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let stop = CancellationToken::new();
        let daemon = Daemon::start(
            Arc::new(site),
            Arc::new(rules),
            data.path(),
            metrics,
            stop.clone(),
        );
        let daemon = daemon.await.unwrap();
        Self {
            url: format!("http://{}/api/v1", daemon.address),
            client: reqwest::Client::new(),
            stop,
            running: tokio::spawn(daemon.run()),
            data,
        }
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self
            .client
            .get(format!("{}{path}", self.url))
            .send()
            .await
            .unwrap();
        answer.json().await.unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = self.client.post(format!("{}{path}", self.url)).json(body);
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    async fn attach(&self, ticket: &str, query: &str, kind: &str, body: Vec<u8>) -> (StatusCode, Value) {
        let url = format!("{}/tickets/{ticket}/attachments{query}", self.url);
        let request = self.client.post(url).header("content-type", kind).body(body);
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    /// Reports a fault and gives back the ticket's id.
    async fn reports(&self, standard: &str, reporter: Option<&str>) -> String {
        let report = json!({"standard": standard, "summary": "门不关", "by": "Wang", "reporter": reporter});
        let (status, ticket) = self.post("/tickets", &report).await;
        assert_eq!(status, StatusCode::CREATED, "{ticket}");
        ticket["id"].as_str().unwrap().to_owned()
    }

    async fn stops(self) -> tempfile::TempDir {
        self.stop.cancel();
        self.running.await.unwrap();
        self.data
    }
}

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
async fn an_attached_file_comes_back_with_its_hash_and_what_is_no_file_is_refused() {
    let gateway = Gateway::start().await;
    let id = gateway.reports("elevator", None).await;
    let file = b"%PDF-1.7 a test report".to_vec();
    let sha256 = Hash::of(&file).to_string();
    let raw = "application/octet-stream";
    let (status, ticket) = gateway
        .attach(&id, "?name=report.pdf&by=Li", raw, file.clone())
        .await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(ticket["attachments"][0]["sha256"], sha256.as_str());
    let url = format!("{}/tickets/{id}/attachments/{sha256}", gateway.url);
    let answer = gateway.client.get(&url).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/pdf");
    assert_eq!(answer.bytes().await.unwrap(), file);

    let mut refused = Vec::new();
    for (ticket, query, kind, bytes) in [
        (id.as_str(), "?name=x&by=Li", raw, vec![0; LARGEST_BYTES + 1]),
        (
            id.as_str(),
            "?name=x&by=Li",
            "multipart/form-data; boundary=x",
            file.clone(),
        ),
        (id.as_str(), "?name=x&by=Li", raw, Vec::new()),
        (id.as_str(), "?by=Li", raw, file.clone()),
        (id.as_str(), "?name=x", raw, file.clone()),
        ("T-2026-000099", "?name=x&by=Li", raw, file.clone()),
    ] {
        let (status, problem) = gateway.attach(ticket, query, kind, bytes).await;
        assert_eq!(problem["status"], status.as_u16(), "{problem}");
        refused.push(status.as_u16());
    }
    assert_eq!(refused, [413, 415, 422, 422, 422, 404]);
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
