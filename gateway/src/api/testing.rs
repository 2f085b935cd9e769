//! A gateway that runs in this process, for tests of the HTTP side.

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusBuilder;
use model::Site;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::daemon::Daemon;
use crate::test_site::one_fire_main;

/// A gateway on a free port, with a data folder of its own.
pub struct Gateway {
    pub url: String,
    pub client: reqwest::Client,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
    data: tempfile::TempDir,
}

impl Gateway {
    pub async fn start() -> Self {
        Self::of(one_fire_main()).await
    }

    /// A gateway of a site.
    pub async fn of(mut site: Site) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
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

    pub async fn get(&self, path: &str) -> Value {
        let answer = self
            .client
            .get(format!("{}{path}", self.url))
            .send()
            .await
            .unwrap();
        answer.json().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = self.client.post(format!("{}{path}", self.url)).json(body);
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    /// Sends a body as it is.
    pub async fn send(&self, path: &str, kind: &str, body: Vec<u8>) -> (StatusCode, Value) {
        let url = format!("{}{path}", self.url);
        let request = self.client.post(url).header("content-type", kind).body(body);
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    /// Reports a fault and gives back the ticket's id.
    pub async fn reports(&self, standard: &str, reporter: Option<&str>) -> String {
        let report = json!({"standard": standard, "summary": "门不关", "by": "Wang", "reporter": reporter});
        let (status, ticket) = self.post("/tickets", &report).await;
        assert_eq!(status, StatusCode::CREATED, "{ticket}");
        ticket["id"].as_str().unwrap().to_owned()
    }

    pub async fn stops(self) -> tempfile::TempDir {
        self.stop.cancel();
        self.running.await.unwrap();
        self.data
    }
}
