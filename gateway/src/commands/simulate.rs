//! `simulate`: every device of a site as a simulated one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use simulator::Options;
use tokio_util::sync::CancellationToken;

use super::{not_started, site};

/// Serves a site's devices until it is asked to end.
pub async fn run(path: PathBuf, options: Options, stop: CancellationToken) -> u8 {
    let checked = match site::read(&path, site::environment()) {
        Ok(checked) => checked,
        Err(reason) => return not_started(&reason),
    };
    if !checked.faults.is_empty() {
        site::print_faults(&checked.faults);
        return not_started(&format!(
            "{}: {} faults in the site",
            path.display(),
            checked.faults.len()
        ));
    }
    if options.local.as_ref().is_some_and(|out| is_same(out, &path)) {
        return not_started(
            "--local OUT is the site itself, whose own addresses would be overwritten: name another folder",
        );
    }
    match simulator::start(checked.folder, Arc::new(checked.site), options).await {
        Ok(running) => {
            for address in &running.addresses {
                println!("connection {} on {}", address.connection, address.link);
            }
            if let Some(control) = running.control {
                println!("control on http://{control}");
            }
            println!("ready");
            stop.cancelled().await;
            running.stop().await;
            0
        }
        Err(error) => not_started(&error.to_string()),
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    one.canonicalize()
        .is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}
