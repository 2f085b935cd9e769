//! `run`: the daemon.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gateway::daemon::Daemon;
use jiff::Timestamp;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use model::Site;
use rules::Rules;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{not_started, site};

/// Runs the gateway for a site until it is asked to end.
pub async fn run(path: PathBuf, data: Option<PathBuf>, stop: CancellationToken) -> u8 {
    let (site, rules) = match read(&path) {
        Ok(read) => read,
        Err(reason) => return not_started(&reason),
    };
    let metrics = match recorder() {
        Ok(metrics) => metrics,
        Err(reason) => return not_started(&reason),
    };
    let data = data.unwrap_or_else(|| path.join("data"));
    let (devices, points) = (site.devices.len(), site.point_count());
    let daemon = Daemon::start(Arc::new(site), Arc::new(rules), &data, metrics, stop).await;
    match daemon {
        Ok(daemon) => {
            // The one line on standard output: a parent that gave port 0 reads the address from it.
            println!("listening on http://{}", daemon.address);
            info!(devices, points, address = %daemon.address, data = %data.display(), "the gateway runs");
            daemon.run().await;
            0
        }
        Err(error) => not_started(&error.to_string()),
    }
}

/// The site and its rules, without the files that they were read from: those are not needed any more, and a campus has long ones.
fn read(path: &Path) -> Result<(Site, Rules), String> {
    let checked = site::read(path, site::environment())?;
    if !checked.faults.is_empty() {
        site::print_faults(&checked.faults);
        return Err(format!(
            "{}: {} faults in the site",
            path.display(),
            checked.faults.len()
        ));
    }
    if let Some(gap) = site::roster_gap(&checked.site, Timestamp::now()) {
        warn!("{gap}");
    }
    Ok((checked.site, checked.rules))
}

/// The recorder of metrics, before anything registers one.
fn recorder() -> Result<PrometheusHandle, String> {
    let seconds = [
        0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0,
    ];
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &seconds)
        .and_then(|builder| builder.install_recorder())
        .map_err(|error| format!("metrics: {error}"))
}
