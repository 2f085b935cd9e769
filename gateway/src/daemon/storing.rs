//! Opens where telemetry is stored: the outbox with its deliveries, where a site has databases, and local history.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use jiff::{SignedDuration, Timestamp};
use model::{InfluxDb, InfluxVersion, Site};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::DaemonError;
use crate::api::Destination;
use crate::store::OutboxWriter;
use crate::telemetry::{
    self, Bounds, Delivery, DeliveryParts, Influx, Keep, Outbox, OutboxParts, Recorder, Room, ShownHistory,
    Trouble,
};

/// The outbox keeps at most 4 GiB, about a week of a campus, and for thirty days.
const OUTBOX_BOUNDS: Bounds = Bounds {
    bytes: 4 << 30,
    age: SignedDuration::from_hours(24 * 30),
};
const KEEP_HISTORY: Keep = Keep {
    age: SignedDuration::from_hours(24 * 7),
    hours: SignedDuration::from_hours(24 * 366 * 3),
    bytes: 2 << 30,
};

/// Where telemetry goes.
pub(super) struct Storing {
    /// None where the site has no database.
    pub(super) outbox: Option<Outbox>,
    pub(super) deliveries: Vec<Destination>,
    pub(super) history: History,
    /// Why something is not stored.
    pub(super) troubles: Vec<Trouble>,
}

/// Local history: the way to its thread, and what is read from.
pub(super) struct History {
    pub(super) recorder: Recorder,
    pub(super) shown: Arc<ShownHistory>,
}

/// Opens both and starts their threads, and a delivery for each database.
pub(super) fn open(
    site: &Arc<Site>,
    data: &Path,
    stop: &CancellationToken,
    threads: &mut Vec<JoinHandle<()>>,
    tasks: &mut JoinSet<()>,
) -> Result<Storing, DaemonError> {
    let (outbox_trouble, history_trouble) = (Trouble::default(), Trouble::default());
    let destinations = destinations(site);
    let (outbox, deliveries) = if destinations.is_empty() {
        (None, Vec::new())
    } else {
        let trouble = outbox_trouble.clone();
        let (outbox, deliveries) = open_outbox(site, data, destinations, trouble, stop, threads, tasks)?;
        (Some(outbox), deliveries)
    };
    let counts_taken = outbox.is_none();
    let started = Recorder::start(
        data,
        Arc::clone(site),
        KEEP_HISTORY,
        history_trouble.clone(),
        counts_taken,
    )?;
    threads.push(started.thread);
    Ok(Storing {
        outbox,
        deliveries,
        history: History {
            recorder: started.recorder,
            shown: started.shown,
        },
        troubles: vec![outbox_trouble, history_trouble],
    })
}

fn open_outbox(
    site: &Arc<Site>,
    data: &Path,
    destinations: BTreeMap<Arc<str>, &InfluxDb>,
    trouble: Trouble,
    stop: &CancellationToken,
    threads: &mut Vec<JoinHandle<()>>,
    tasks: &mut JoinSet<()>,
) -> Result<(Outbox, Vec<Destination>), DaemonError> {
    let names: Vec<String> = destinations.keys().map(|name| name.to_string()).collect();
    let (writer, aside) = OutboxWriter::open(data, &names, Timestamp::now())?;
    if let Some(aside) = aside {
        telemetry::report(&aside);
    }
    let readers = names
        .iter()
        .map(|_| writer.reader())
        .collect::<Result<Vec<_>, _>>()?;
    let parts = OutboxParts {
        writer,
        site: Arc::clone(site),
        bounds: OUTBOX_BOUNDS,
        room: Room::new(data),
        trouble,
        stop: stop.clone(),
    };
    let (outbox, newest, thread) = Outbox::start(parts).map_err(DaemonError::Thread)?;
    threads.push(thread);
    let mut deliveries = Vec::new();
    for ((name, settings), reader) in destinations.into_iter().zip(readers) {
        let delivery = Delivery::new(DeliveryParts {
            destination: Arc::clone(&name),
            influx: Influx::new(settings)?,
            reader,
            outbox: outbox.clone(),
            newest: newest.clone(),
            refused_folder: data.join("refused"),
        });
        deliveries.push(Destination {
            name,
            kind: kind(settings),
            stand: delivery.stand(),
        });
        tasks.spawn(delivery.run(stop.clone()));
    }
    Ok((outbox, deliveries))
}

/// The databases that telemetry goes to, by name.
fn destinations(site: &Site) -> BTreeMap<Arc<str>, &InfluxDb> {
    let first = site
        .influxdb
        .iter()
        .map(|settings| (Arc::from("influxdb"), settings));
    first
        .chain(
            site.destinations
                .iter()
                .map(|(name, settings)| (Arc::from(name.as_str()), settings)),
        )
        .collect()
}

fn kind(settings: &InfluxDb) -> &'static str {
    match settings.version {
        InfluxVersion::V1 { .. } => "v1",
        InfluxVersion::V2 { .. } => "v2",
    }
}
