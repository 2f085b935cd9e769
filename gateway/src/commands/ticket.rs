//! `ticket open`: opens a ticket at a running gateway, over HTTP.

use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value};

use super::{NOT_STARTED, WRONG};

/// How long the gateway is waited for.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What is reported.
#[derive(Args)]
pub struct Open {
    /// Where the gateway listens.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The row of the service standard: repair-report, complaint, elevator, …
    #[arg(long, value_name = "ROW")]
    standard: String,
    /// What is wrong.
    #[arg(long, value_name = "TEXT")]
    summary: String,
    /// Who writes it down.
    #[arg(long, value_name = "NAME")]
    by: String,
    /// About which device.
    #[arg(long, value_name = "ID")]
    device: Option<String>,
    /// Who reported it and how to reach them; kept confidential.
    #[arg(long, value_name = "CONTACT")]
    reporter: Option<String>,
}

/// Opens the ticket and prints its id.
pub async fn open(open: Open) -> u8 {
    let url = format!("{}/api/v1/tickets", open.url.trim_end_matches('/'));
    match ask(&url, &open.fields()).await {
        Ok((true, ticket)) => {
            println!("{}", ticket.get("id").and_then(Value::as_str).unwrap_or_default());
            0
        }
        Ok((false, problem)) => {
            let detail = problem.get("detail").and_then(Value::as_str);
            eprintln!(
                "facility-gateway: {url}: {}",
                detail.unwrap_or("the gateway did not take it")
            );
            WRONG
        }
        Err(error) => {
            eprintln!(
                "facility-gateway: {url}: {}: is the gateway running? give its address with --url",
                chain(&error)
            );
            NOT_STARTED
        }
    }
}

impl Open {
    fn fields(&self) -> Map<String, Value> {
        let given = [
            ("standard", Some(&self.standard)),
            ("summary", Some(&self.summary)),
            ("by", Some(&self.by)),
            ("device", self.device.as_ref()),
            ("reporter", self.reporter.as_ref()),
        ];
        let given = given.into_iter().filter_map(|(name, value)| Some((name, value?)));
        given
            .map(|(name, value)| (name.to_owned(), Value::from(value.clone())))
            .collect()
    }
}

/// Whether it was taken, and the ticket or the problem.
async fn ask(url: &str, fields: &Map<String, Value>) -> Result<(bool, Value), reqwest::Error> {
    let client = reqwest::Client::builder().timeout(TIMEOUT).build()?;
    let answer = client.post(url).json(fields).send().await?;
    let taken = answer.status().is_success();
    Ok((taken, answer.json().await.unwrap_or_default()))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
