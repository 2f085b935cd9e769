//! Delivers the outbox to InfluxDB: `/api/v2/write` through the influxdb2 crate, `/write` of 1.x by ourselves.
//!
//! Over https we speak `/api/v2/write` by ourselves, too: the crate would bring an outdated TLS stack with it.

use std::time::Duration;

use crate::failure::chain;
use model::{InfluxDb, InfluxVersion};
use reqwest011::header::{CONTENT_ENCODING, HeaderMap, HeaderValue};

/// How long a write may take; connecting a third of it.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A server that takes line protocol.
pub enum Influx {
    /// 2.x and those who speak its write API.
    V2 {
        /// The crate's client; its underlying one has the timeouts and says that bodies are gzip.
        client: influxdb2::Client,
        /// The organisation.
        org: String,
        /// The bucket.
        bucket: String,
    },
    /// 2.x over https.
    V2OverTls {
        /// The client.
        client: reqwest::Client,
        /// `…/api/v2/write?org=…&bucket=…&precision=ns`
        url: reqwest::Url,
        /// The token.
        token: Option<model::Secret>,
    },
    /// 1.x.
    V1 {
        /// The client.
        client: reqwest::Client,
        /// `…/write?db=…&precision=ns`
        url: reqwest::Url,
        /// Who we are, and the proof of it.
        credentials: Option<(String, model::Secret)>,
    },
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is in the database.
    Done,
    /// The server will not take it as it is, now or later: 400 or 422, some or all lines refused.
    Refused(String),
    /// The request was too large for the server.
    TooLarge,
    /// Try again later: the server is away or busy.
    Later(String),
    /// The server does not know us, or what we write to; that is mended by people, and then it goes on.
    Denied(String),
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
        match &settings.version {
            InfluxVersion::V2 { org, bucket, token } if settings.url.starts_with("https://") => {
                let mut url = endpoint(settings, "api/v2/write").map_err(failed)?;
                url.query_pairs_mut()
                    .append_pair("org", org)
                    .append_pair("bucket", bucket)
                    .append_pair("precision", "ns");
                Ok(Self::V2OverTls {
                    client: client(settings).map_err(failed)?,
                    url,
                    token: token.clone(),
                })
            }
            InfluxVersion::V2 { org, bucket, token } => {
                let headers = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static("gzip"))]);
                let http = reqwest011::ClientBuilder::new()
                    .timeout(TIMEOUT)
                    .connect_timeout(TIMEOUT / 3)
                    .default_headers(headers);
                let token = token.as_ref().map_or("", |token| token.reveal());
                let client = influxdb2::ClientBuilder::with_builder(http, &settings.url, org, token)
                    .build()
                    .map_err(|error| failed(error.to_string()))?;
                Ok(Self::V2 {
                    client,
                    org: org.clone(),
                    bucket: bucket.clone(),
                })
            }
            InfluxVersion::V1 {
                database,
                retention_policy,
                user,
                password,
            } => {
                let client = client(settings).map_err(failed)?;
                let mut url = endpoint(settings, "write").map_err(failed)?;
                url.query_pairs_mut()
                    .append_pair("db", database)
                    .append_pair("precision", "ns");
                if let Some(policy) = retention_policy {
                    url.query_pairs_mut().append_pair("rp", policy);
                }
                let credentials = user.clone().zip(password.clone());
                Ok(Self::V1 {
                    client,
                    url,
                    credentials,
                })
            }
        }
    }

    /// Writes gzip of lines.
    pub async fn write(&self, body: Vec<u8>) -> Written {
        match self {
            Self::V2 { client, org, bucket } => match client.write_line_protocol(org, bucket, body).await {
                Ok(()) => Written::Done,
                Err(influxdb2::RequestError::Http { status, text }) => of_status(status.as_u16(), &text),
                Err(error) => Written::Later(chain(&error)),
            },
            Self::V2OverTls { client, url, token } => {
                let request = client.post(url.clone());
                send(
                    match token {
                        Some(token) => request.header("authorization", format!("Token {}", token.reveal())),
                        None => request,
                    },
                    body,
                )
                .await
            }
            Self::V1 {
                client,
                url,
                credentials,
            } => {
                let request = client.post(url.clone());
                send(
                    match credentials {
                        Some((user, password)) => request.basic_auth(user, Some(password.reveal())),
                        None => request,
                    },
                    body,
                )
                .await
            }
        }
    }
}

/// A client of our own, with the timeouts and the site's authorities.
fn client(settings: &InfluxDb) -> Result<reqwest::Client, String> {
    let mut builder = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .connect_timeout(TIMEOUT / 3);
    if let Some(pem) = &settings.ca_pem {
        let authorities =
            reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(|error| chain(&error))?;
        builder = builder.tls_certs_merge(authorities);
    }
    builder.build().map_err(|error| chain(&error))
}

fn endpoint(settings: &InfluxDb, path: &str) -> Result<reqwest::Url, String> {
    let whole = format!("{}/{path}", settings.url.trim_end_matches('/'));
    reqwest::Url::parse(&whole).map_err(|error| error.to_string())
}

async fn send(request: reqwest::RequestBuilder, body: Vec<u8>) -> Written {
    match request.header("content-encoding", "gzip").body(body).send().await {
        Ok(response) if response.status().as_u16() == 204 => Written::Done,
        Ok(response) => {
            let status = response.status().as_u16();
            of_status(status, &response.text().await.unwrap_or_default())
        }
        Err(error) => Written::Later(chain(&error.without_url())),
    }
}

/// What an answer other than 204 means. A 400 is a partial success: it is never repeated blindly.
fn of_status(status: u16, text: &str) -> Written {
    let said: String = text.chars().take(500).collect();
    match status {
        200..=299 => Written::Done,
        400 | 422 => Written::Refused(format!("{status} {said}")),
        413 => Written::TooLarge,
        401 | 403 => Written::Denied(format!("{status} {said}: renew the token or the password")),
        404 => Written::Denied(format!(
            "{status} {said}: create the bucket or database, or correct `version` and `url`"
        )),
        _ => Written::Later(format!("{status} {said}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_write_is_refused_and_everything_that_may_pass_is_tried_again() {
        assert!(matches!(of_status(400, "partial write"), Written::Refused(_)));
        assert_eq!(of_status(413, ""), Written::TooLarge);
        for status in [429, 500, 503] {
            assert!(matches!(of_status(status, ""), Written::Later(_)), "{status}");
        }
        for status in [401, 403, 404] {
            assert!(matches!(of_status(status, ""), Written::Denied(_)), "{status}");
        }
    }
}
