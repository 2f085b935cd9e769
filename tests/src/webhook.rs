//! A webhook receiver that records what it is told, and refuses when a test says so.

use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::read_request;
use crate::wait::until_ok;

/// A receiver on a port of its own.
#[derive(Clone, Debug)]
pub struct Webhook {
    url: String,
    alerts: Arc<Mutex<Vec<(Instant, Value)>>>,
    refusals: Arc<AtomicU32>,
}

impl Webhook {
    /// Starts it; it lives as long as the test process.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port for the webhook");
        let url = format!("http://{}/alerts", listener.local_addr().expect("its address"));
        let webhook = Self {
            url,
            alerts: Arc::default(),
            refusals: Arc::default(),
        };
        let receiver = webhook.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let receiver = receiver.clone();
                std::thread::spawn(move || receiver.serve(stream));
            }
        });
        webhook
    }

    /// Where to POST alerts.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Answers 500 to the next so many alerts, without recording them.
    pub fn refuse_next(&self, count: u32) {
        self.refusals.store(count, Ordering::SeqCst);
    }

    /// How many refusals are still to be given.
    pub fn refusals_left(&self) -> u32 {
        self.refusals.load(Ordering::SeqCst)
    }

    /// The alerts so far, in the order of their arrival.
    pub fn alerts(&self) -> Vec<(Instant, Value)> {
        self.alerts.lock().expect("the alerts").clone()
    }

    /// The alerts of one event (`ticket.opened`) so far.
    pub fn alerts_of(&self, event: &str) -> Vec<Value> {
        let alerts = self.alerts().into_iter().map(|(_, alert)| alert);
        alerts.filter(|alert| alert["event"] == event).collect()
    }

    /// Waits for the first alert that is as wanted, and says when it came.
    #[track_caller]
    pub fn wait_for(&self, what: &str, limit: Duration, wanted: impl Fn(&Value) -> bool) -> (Instant, Value) {
        until_ok(what, limit, || {
            let alerts = self.alerts();
            alerts
                .iter()
                .find(|(_, alert)| wanted(alert))
                .cloned()
                .ok_or_else(|| format!("the webhook got {} alerts: {alerts:#?}", alerts.len()))
        })
    }

    fn serve(&self, stream: TcpStream) {
        let Ok(mut answer_to) = stream.try_clone() else {
            return;
        };
        let mut reader = BufReader::new(stream);
        while let Some((_, body)) = read_request(&mut reader) {
            let refuse = self
                .refusals
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
                .is_ok();
            if !refuse {
                let alert = serde_json::from_slice(&body).unwrap_or(Value::Null);
                self.alerts
                    .lock()
                    .expect("the alerts")
                    .push((Instant::now(), alert));
            }
            let status = if refuse {
                "500 Internal Server Error"
            } else {
                "200 OK"
            };
            if write!(answer_to, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").is_err() {
                return;
            }
        }
    }
}
