//! A server that takes line protocol: `/api/v2/write` through the influxdb2 crate, `/write` of 1.x by ourselves.
//!
//! Two things of 2.x we do by ourselves, too: https, since the crate would bring an outdated TLS stack with it, and what follows on a
//! 429 or 503, since the crate hides `Retry-After`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use model::{InfluxDb, InfluxVersion, Secret};
use reqwest011::header::{CONTENT_ENCODING, HeaderMap, HeaderValue};

use super::answer::{Written, of_status};
use super::patience::{Again, asked};
use crate::failure::chain;

/// How long a write may take; connecting a third of it.
const TIMEOUT: Duration = Duration::from_secs(15);

/// So much of an answer is read, in bytes: InfluxDB 3 lists every bad line.
const ANSWER_BYTES: usize = 64 << 10;

/// A server that takes line protocol.
pub struct Influx {
    by_hand: ByHand,
    crate_client: Option<CrateClient>,
}

/// 2.x over http, and those who speak its write API.
struct CrateClient {
    /// Its underlying client has the timeouts and says that bodies are gzip.
    client: influxdb2::Client,
    org: String,
    bucket: String,
    /// The server was too busy at the last write: until it takes something again, we must see when it wants to be asked.
    busy: AtomicBool,
}

/// Writes by ourselves.
struct ByHand {
    client: reqwest::Client,
    /// With what it needs to know: database or bucket, and that times are nanoseconds.
    url: reqwest::Url,
    who: Who,
}

/// Who we are there.
enum Who {
    Nobody,
    Token(Secret),
    User(String, Option<Secret>),
}

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
#[error("influxdb {url}: {reason}")]
pub struct ClientError {
    url: String,
    reason: String,
}

impl Influx {
    /// A client for a site's database; dials nothing.
    ///
    /// # Errors
    /// The address or the credentials cannot be used.
    pub fn new(settings: &InfluxDb) -> Result<Self, ClientError> {
        let failed = |reason: String| ClientError {
            url: settings.url.clone(),
            reason,
        };
        let crate_client = match &settings.version {
            InfluxVersion::V2 { org, bucket, token } if !is_tls(settings) => {
                Some(CrateClient::new(&settings.url, org, bucket, token.as_ref()).map_err(failed)?)
            }
            _ => None,
        };
        Ok(Self {
            by_hand: ByHand::new(settings).map_err(failed)?,
            crate_client,
        })
    }

    /// Writes gzip of lines.
    pub async fn write(&self, body: Vec<u8>) -> Written {
        let Some(through) = &self.crate_client else {
            return self.by_hand.write(body).await;
        };
        let written = if through.busy.load(Ordering::Relaxed) {
            self.by_hand.write(body).await
        } else {
            through.write(body).await
        };
        let busy = matches!(
            &written,
            Written::Later(_, Again::Busy | Again::After(_))
                | Written::Slow(_, Again::Busy | Again::After(_))
        );
        through.busy.store(busy, Ordering::Relaxed);
        written
    }
}

impl CrateClient {
    fn new(url: &str, org: &str, bucket: &str, token: Option<&Secret>) -> Result<Self, String> {
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static("gzip"))]);
        let http = reqwest011::ClientBuilder::new()
            .timeout(TIMEOUT)
            .connect_timeout(TIMEOUT / 3)
            // Followed, a redirection turns a write into the reading of some page.
            .redirect(reqwest011::redirect::Policy::none())
            .default_headers(headers);
        let token = token.map_or("", |token| token.reveal());
        let client = influxdb2::ClientBuilder::with_builder(http, url, org, token).build();
        Ok(Self {
            client: client.map_err(|error| error.to_string())?,
            org: org.to_owned(),
            bucket: bucket.to_owned(),
            busy: AtomicBool::new(false),
        })
    }

    async fn write(&self, body: Vec<u8>) -> Written {
        match self
            .client
            .write_line_protocol(&self.org, &self.bucket, body)
            .await
        {
            Ok(()) => Written::Done,
            Err(influxdb2::RequestError::Http { status, text }) => of_status(status.as_u16(), &text, None),
            Err(influxdb2::RequestError::ReqwestProcessing { source }) if is_slow(&source) => {
                Written::Slow(chain(&source.without_url()), Again::Soon)
            }
            Err(error) => Written::Later(chain(&error), Again::Soon),
        }
    }
}

impl ByHand {
    fn new(settings: &InfluxDb) -> Result<Self, String> {
        let path = match settings.version {
            InfluxVersion::V1 { .. } => "write",
            InfluxVersion::V2 { .. } => "api/v2/write",
        };
        let whole = format!("{}/{path}", settings.url.trim_end_matches('/'));
        let mut url = reqwest::Url::parse(&whole).map_err(|error| error.to_string())?;
        let mut query = url.query_pairs_mut();
        query.append_pair("precision", "ns");
        let who = match &settings.version {
            InfluxVersion::V1 {
                database,
                retention_policy,
                user,
                password,
            } => {
                query.append_pair("db", database);
                if let Some(policy) = retention_policy {
                    query.append_pair("rp", policy);
                }
                match user {
                    Some(user) => Who::User(user.clone(), password.clone()),
                    None => Who::Nobody,
                }
            }
            InfluxVersion::V2 { org, bucket, token } => {
                query.append_pair("org", org).append_pair("bucket", bucket);
                token.clone().map_or(Who::Nobody, Who::Token)
            }
        };
        drop(query);
        Ok(Self {
            client: client(settings)?,
            url,
            who,
        })
    }

    async fn write(&self, body: Vec<u8>) -> Written {
        let request = self
            .client
            .post(self.url.clone())
            .header("content-encoding", "gzip");
        let request = match &self.who {
            Who::Nobody => request,
            Who::Token(token) => request.header("authorization", format!("Token {}", token.reveal())),
            Who::User(user, password) => request.basic_auth(user, password.as_ref().map(Secret::reveal)),
        };
        match request.body(body).send().await {
            Ok(response) => {
                let status = response.status().as_u16();
                let header = |name| response.headers().get(name)?.to_str().ok();
                let after = header("retry-after").and_then(|after| asked(after, header("date")));
                of_status(status, &beginning(response).await, after)
            }
            Err(error) if error.is_timeout() && !error.is_connect() => {
                Written::Slow(chain(&error.without_url()), Again::Soon)
            }
            Err(error) => Written::Later(chain(&error.without_url()), Again::Soon),
        }
    }
}

/// The beginning of what a server says, of which no more is kept, however long it goes on.
async fn beginning(mut response: reqwest::Response) -> String {
    let mut said = Vec::new();
    while said.len() < ANSWER_BYTES
        && let Ok(Some(piece)) = response.chunk().await
    {
        said.extend(piece.iter().take(ANSWER_BYTES - said.len()));
    }
    String::from_utf8_lossy(&said).into_owned()
}

fn is_slow(error: &reqwest011::Error) -> bool {
    error.is_timeout() && !error.is_connect()
}

/// A client of our own, with the timeouts and the site's authorities.
fn client(settings: &InfluxDb) -> Result<reqwest::Client, String> {
    let mut builder = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .connect_timeout(TIMEOUT / 3)
        .redirect(reqwest::redirect::Policy::none());
    if let Some(pem) = &settings.ca_pem {
        let authorities =
            reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(|error| chain(&error))?;
        builder = builder.tls_certs_merge(authorities);
    } else if !is_tls(settings) {
        // The system's authorities are a megabyte that nobody would look at.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| chain(&error))
}

fn is_tls(settings: &InfluxDb) -> bool {
    settings.url.starts_with("https://")
}
