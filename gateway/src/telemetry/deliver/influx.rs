//! A server that takes line protocol: `/api/v2/write` through the influxdb2 crate, `/write` of 1.x by ourselves.
//!
//! Two things of 2.x we do by ourselves, too: https, since the crate would bring an outdated TLS stack with it, and what follows on a
//! 429 or 503, since the crate hides `Retry-After`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use model::{InfluxDb, InfluxVersion, Secret};
use reqwest011::header::{CONTENT_ENCODING, HeaderMap, HeaderValue};

use super::patience::{Again, asked};
use crate::failure::chain;

/// How long a write may take; connecting a third of it.
const TIMEOUT: Duration = Duration::from_secs(15);
/// So much of what a server says is told to people.
const SAID_CHARACTERS: usize = 500;

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

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is in the database.
    Done,
    /// The server will not take it as it is, now or later: 400 or 422, some or all lines refused.
    Refused(Refusal),
    /// The request was too large for the server; what it said.
    TooLarge(String),
    /// Try again later: the server is away or busy.
    Later(String, Again),
    /// There was no answer in time; a smaller request may pass where the way or the server is slow.
    Slow(String),
    /// The server does not know us, or what we write to; that is mended by people, and then it goes on.
    Denied(String),
}

/// Why lines were refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What the server said.
    pub reason: String,
    /// How many it refused, where it says so; the others are written.
    pub dropped: Option<usize>,
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
        let busy = matches!(&written, Written::Later(_, Again::Busy | Again::After(_)));
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
                Written::Slow(chain(&source.without_url()))
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
                let header = response.headers().get("retry-after");
                let after = header
                    .and_then(|header| header.to_str().ok())
                    .and_then(|header| asked(header, Timestamp::now()));
                of_status(status, &response.text().await.unwrap_or_default(), after)
            }
            Err(error) if error.is_timeout() && !error.is_connect() => {
                Written::Slow(chain(&error.without_url()))
            }
            Err(error) => Written::Later(chain(&error.without_url()), Again::Soon),
        }
    }
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

/// What an answer means. A 400 is a partial success: it is never repeated blindly. Only a 204 says that lines are written: a 200 comes
/// from whatever else may stand at that address, such as a page to log in at.
fn of_status(status: u16, text: &str, after: Option<Duration>) -> Written {
    let said: String = text.chars().take(SAID_CHARACTERS).collect();
    // A page of several lines is one in a log.
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let reason = format!("{status} {said}");
    match status {
        204 => Written::Done,
        200..=399 => Written::Denied(format!(
            "{reason}: this is not the answer of a database that has written something (204): correct `url`"
        )),
        // No line is at fault: with the right organization all of them pass.
        400 if text.contains("organization not found") => {
            Written::Denied(format!("{reason}: correct `org`, or create the organization"))
        }
        400 | 422 => Written::Refused(Refusal {
            reason,
            dropped: dropped(text),
        }),
        413 => Written::TooLarge(reason),
        401 | 403 => Written::Denied(format!("{reason}: renew the token or the password")),
        404 => Written::Denied(format!(
            "{reason}: create the bucket or database, or correct `version` and `url`"
        )),
        _ => Written::Later(
            reason,
            match (after, status) {
                (Some(after), _) => Again::After(after),
                (None, 429 | 503) => Again::Busy,
                (None, _) => Again::Soon,
            },
        ),
    }
}

/// The number in `partial write: … dropped=4 …`.
fn dropped(text: &str) -> Option<usize> {
    let (_, number) = text.rsplit_once("dropped=")?;
    let end = number
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(number.len());
    number.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_write_is_refused_and_everything_that_may_pass_is_tried_again() {
        for status in [400, 422] {
            assert!(
                matches!(of_status(status, "partial write", None), Written::Refused(_)),
                "{status}"
            );
        }
        assert!(matches!(of_status(413, "", None), Written::TooLarge(_)));
        for (status, again) in [
            (429, Again::Busy),
            (500, Again::Soon),
            (502, Again::Soon),
            (503, Again::Busy),
        ] {
            assert_eq!(
                of_status(status, "", None),
                Written::Later(format!("{status} "), again)
            );
        }
        let asked = Duration::from_secs(7);
        for status in [429, 503] {
            assert_eq!(
                of_status(status, "", Some(asked)),
                Written::Later(format!("{status} "), Again::After(asked))
            );
        }
        assert_eq!(of_status(204, "", None), Written::Done);
        for status in [200, 301, 302, 307, 401, 403, 404] {
            assert!(
                matches!(of_status(status, "", None), Written::Denied(_)),
                "{status}"
            );
        }
    }

    #[test]
    fn how_many_lines_were_dropped_is_taken_from_what_the_server_says() {
        let of_1x = r#"{"error":"partial write: field type conflict: input field \"a\" on measurement \"b\" is type float, already exists as type string dropped=3"}"#;
        assert_eq!(dropped(of_1x), Some(3));
        let of_2x = "failure writing points to database: partial write: dropped 4 points outside retention policy \
            dropped=4 for database: 9f282d63c7d3a5c0 for retention policy: autogen";
        assert_eq!(dropped(of_2x), Some(4));
        assert_eq!(dropped("unable to parse"), None);
    }
}
