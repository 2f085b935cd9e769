//! What `[influxdb]` has: where telemetry is written, in one of the two dialects.

use url::Url;

use super::field::Given;
use super::folder::Folder;
use super::link::http_url;
use super::names::said;
use super::secret::secret;
use super::table::Table;
use crate::{InfluxDb, InfluxVersion};

/// Reads where telemetry goes; `None` when there is a mistake.
pub(super) fn read(table: &Table<'_>, folder: &Folder) -> Option<InfluxDb> {
    let faults_before = table.fault_count();
    let version = table.whole("version", 1..=2).map_or(2, |given| given.value);
    let url = table.parsed("url", |text| {
        let url = http_url(text)?;
        check_url(&url, version).map(|()| url.to_string().trim_end_matches('/').to_owned())
    });
    let url = table.needed("url", "`http://host:port`", url);
    let bucket = table.parsed("bucket", said);
    let right = "where to write: with version 1, `database` or `database/retention-policy`";
    let bucket = table.needed("bucket", right, bucket);
    let version = if version == 1 {
        version_1(table, folder, bucket)
    } else {
        version_2(table, folder, bucket)
    };
    let ca_pem = authorities(table, folder, url.as_ref().map(|url| url.value.as_str()));
    let url = url?.value;
    (table.fault_count() == faults_before).then_some(InfluxDb { url, ca_pem, version })
}

/// The certificates of `ca_file`, for a server whose authority the system does not know.
fn authorities(table: &Table<'_>, folder: &Folder, url: Option<&str>) -> Option<String> {
    let file = table.parsed("ca_file", said)?;
    if !url?.starts_with("https://") {
        table.fault_of("ca_file", file.spot, "only an `https://` url has certificates");
        return None;
    }
    let read =
        folder
            .secret(file.value)
            .and_then(|text| match text.contains("-----BEGIN CERTIFICATE-----") {
                true => Ok(text.into_owned()),
                false => Err(format!("`{}` has no certificate in PEM form", file.value)),
            });
    read.map_err(|why| table.fault_of("ca_file", file.spot, why)).ok()
}

fn version_1(table: &Table<'_>, folder: &Folder, bucket: Option<Given<'_, &str>>) -> InfluxVersion {
    for key in ["token", "token_file"] {
        table.fault_if_given(key, "version 1 has no token: write `user` and `password`");
    }
    // An organisation means nothing to version 1, and stays where it is when a site goes over to it.
    table.field("org");
    let bucket_said = bucket.map_or("database", |bucket| bucket.value);
    let (database, retention_policy) = match bucket_said.split_once('/') {
        Some((database, policy)) => (database, Some(policy)),
        None => (bucket_said, None),
    };
    if let (Some(bucket), true) = (bucket, database.is_empty() || retention_policy == Some("")) {
        table.fault_of(
            "bucket",
            bucket.spot,
            "write `database` or `database/retention-policy`",
        );
    }
    let user = table.parsed("user", said).map(|given| given.value.to_owned());
    let password = secret(table, folder, "password");
    if let (Some(field), false) = (
        table.field("password").or(table.field("password_file")),
        table.has("user"),
    ) {
        table.fault_of("user", field.spot, "there is a password but no user: write both");
    }
    InfluxVersion::V1 {
        database: database.to_owned(),
        retention_policy: retention_policy.map(str::to_owned),
        user,
        password,
    }
}

fn version_2(table: &Table<'_>, folder: &Folder, bucket: Option<Given<'_, &str>>) -> InfluxVersion {
    for key in ["user", "password", "password_file"] {
        table.fault_if_given(key, "version 2 has no users: write `token`, or `version = 1`");
    }
    let org = table.parsed("org", said);
    let org = table.needed("org", "the organisation that the bucket belongs to", org);
    InfluxVersion::V2 {
        org: org.map_or("", |given| given.value).to_owned(),
        bucket: bucket.map_or("", |given| given.value).to_owned(),
        token: secret(table, folder, "token"),
    }
}

fn check_url(url: &Url, version: i64) -> Result<(), String> {
    let wrong = if url.query().is_some() {
        "nothing may follow a `?` here: database and bucket are keys of their own"
    } else if version == 2 && url.scheme() == "http" && url.path() != "/" {
        "a path may follow host and port with version 1 or `https://` only: write `http://host:port`"
    } else {
        return Ok(());
    };
    Err(wrong.to_owned())
}
