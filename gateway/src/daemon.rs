//! Opens the rooms and joins them, straight down the page; and closes them again in the order of the flow.

use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;

use jiff::{SignedDuration, Timestamp};
use metrics_exporter_prometheus::PrometheusHandle;
use model::{InfluxVersion, Site};
use rules::Rules;
use tokio::net::TcpListener;
use tokio::sync::{Notify, broadcast, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::api::{DestinationName, Hub, Shared};
use crate::desk::{Desk, DeskHandle, Keeper};
use crate::intake::Intake;
use crate::live::Live;
use crate::notices::Courier;
use crate::store::{OutboxReader, OutboxWriter, Records, StoreError};
use crate::telemetry::{ClientError, Delivery, DeliveryStand, Influx, Keep, Outbox, Recorder, StartError};
use crate::tickets::WorkCalendar;

/// Deliveries that may wait for the intake; it only hands on, so they hardly ever do.
const INTAKE_QUEUE: usize = 8_192;
/// Changes that may wait for the HTTP side; beyond it listeners are told to fetch everything again.
const CHANGES_QUEUE: usize = 4_096;
/// The outbox keeps at most so many bytes, about a week of a campus.
const OUTBOX_BYTES: u64 = 4 << 30;
const KEEP_HISTORY: Keep = Keep {
    age: SignedDuration::from_hours(24 * 7),
    bytes: 2 << 30,
};
/// The outbox's own name for the one destination that a site has today.
const DESTINATION: &str = "influxdb";

/// Why the gateway could not start.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The data folder cannot be made or locked.
    #[error("the data folder {path}: {reason}", path = path.display())]
    Data {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The history.
    #[error(transparent)]
    History(#[from] StartError),
    /// The database's client.
    #[error(transparent)]
    Influx(#[from] ClientError),
    /// A thread.
    #[error("a thread could not be started: {0}")]
    Thread(#[source] std::io::Error),
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        reason: std::io::Error,
    },
}

/// A running gateway.
pub struct Daemon {
    /// Where the HTTP side listens.
    pub address: SocketAddr,
    stop: CancellationToken,
    drivers: drivers::Drivers,
    tasks: JoinSet<()>,
    desk: DeskHandle,
    threads: Vec<JoinHandle<()>>,
    // Held for as long as the gateway runs: no second one may write here.
    _lock: File,
}

impl Daemon {
    /// Starts a gateway for a checked site; `stop` ends it. The recorder of metrics is installed before.
    ///
    /// # Errors
    /// The data folder is in use or cannot be written, a store is spoiled, or the address is taken. A device, a broker or a database
    /// that is away is no error.
    pub async fn start(
        site: Arc<Site>,
        rules: Arc<Rules>,
        data: &Path,
        metrics: PrometheusHandle,
        stop: CancellationToken,
    ) -> Result<Self, DaemonError> {
        let started_at = Timestamp::now();
        let lock = lock(data)?;
        let calendar = Arc::new(WorkCalendar::new(
            site.standard.calendar.clone(),
            site.timezone.clone(),
        ));
        let live = Arc::new(RwLock::new(Live::new(&site)));
        let mut tasks = JoinSet::new();
        let mut threads = Vec::new();

        // Telemetry: to the database through the outbox, if there is one, and to local history.
        let (outbox, delivery) = match &site.influxdb {
            None => (None, None),
            Some(settings) => {
                let influx = Influx::new(settings)?;
                let opened = open_outbox(&site, data)?;
                threads.push(opened.thread);
                let stand = Arc::new(Mutex::new(DeliveryStand::default()));
                let delivery = Delivery {
                    destination: DESTINATION.to_owned(),
                    influx,
                    reader: Arc::new(Mutex::new(opened.reader)),
                    outbox: opened.outbox.clone(),
                    fresh: opened.fresh,
                    stand: Arc::clone(&stand),
                    refused_folder: data.join("refused"),
                };
                tasks.spawn(delivery.run(stop.clone()));
                let kind = match settings.version {
                    InfluxVersion::V1 { .. } => "v1",
                    InfluxVersion::V2 { .. } => "v2",
                };
                (
                    Some(opened.outbox),
                    Some((
                        DestinationName {
                            name: DESTINATION.to_owned(),
                            kind,
                        },
                        stand,
                    )),
                )
            }
        };
        let (recorder, history, thread) =
            Recorder::start(data, Arc::clone(&site), KEEP_HISTORY, outbox.is_none())?;
        threads.push(thread);

        // The desk: rules, alarms, tickets, notices.
        let records = Records::open(data)?;
        let (desk, heard) = DeskHandle::new();
        let (changed, changes) = broadcast::channel(CHANGES_QUEUE);
        let notices = Arc::new(Notify::new());
        let board = crate::desk::Board::default();
        let (api_records, courier_records) = (records.reader()?, records.reader()?);
        let at_the_desk = Desk {
            site: Arc::clone(&site),
            rules: Arc::clone(&rules),
            calendar: Arc::clone(&calendar),
            records,
            live: Arc::clone(&live),
            board: Arc::clone(&board),
            changed,
            notices: Arc::clone(&notices),
        };
        let keeper = Keeper::new(at_the_desk, started_at)?;
        let handle = desk.clone();
        let thread = std::thread::Builder::new()
            .name("desk".into())
            .spawn(move || keeper.run(&handle, &heard));
        threads.push(thread.map_err(DaemonError::Thread)?);

        match &site.notify.webhook {
            None => warn!("no alert goes anywhere: set [notify.webhook] url in gateway.toml"),
            Some(webhook) => {
                let courier = Courier {
                    url: webhook.url.clone(),
                    reader: Arc::new(Mutex::new(courier_records)),
                    desk: desk.clone(),
                    fresh: notices,
                    calendar: Arc::clone(&calendar),
                };
                tasks.spawn(courier.run(stop.clone()));
            }
        }

        // The HTTP side looks at all of it.
        let shared = Arc::new(Shared {
            site: Arc::clone(&site),
            rules,
            calendar,
            live: Arc::clone(&live),
            board,
            desk: desk.clone(),
            records: Arc::new(Mutex::new(api_records)),
            attachments: crate::attachments::Attachments::of(data),
            history: Arc::new(Mutex::new(history)),
            delivery,
            hub: Hub::new(started_at),
            metrics,
            started_at,
            stop: stop.clone(),
        });
        let listener = TcpListener::bind(site.listen).await;
        let listener = listener.map_err(|reason| DaemonError::Listen {
            address: site.listen,
            reason,
        })?;
        let address = listener.local_addr().map_err(|reason| DaemonError::Listen {
            address: site.listen,
            reason,
        })?;
        tasks.spawn(crate::api::publish(Arc::clone(&shared), changes));
        let serving = axum::serve(listener, crate::api::router(shared));
        let stopped = stop.clone();
        tasks.spawn(async move {
            if let Err(error) = serving.with_graceful_shutdown(stopped.cancelled_owned()).await {
                tracing::error!(%error, "the HTTP side ended by itself: restart the gateway");
            }
        });

        // Last, so that nothing is read that nobody would keep.
        let (deliver, deliveries) = mpsc::channel(INTAKE_QUEUE);
        let intake = Intake {
            live,
            outbox,
            recorder,
            desk: desk.clone(),
        };
        let intake_site = Arc::clone(&site);
        tasks.spawn(async move { intake.run(&intake_site, deliveries).await });
        let drivers = drivers::start(site, deliver, stop.clone());
        Ok(Self {
            address,
            stop,
            drivers,
            tasks,
            desk,
            threads,
            _lock: lock,
        })
    }

    /// Runs until `stop` is cancelled; then everything that was taken is committed, in the order of the flow.
    pub async fn run(mut self) {
        self.stop.cancelled().await;
        info!("stopping: what was read is stored first");
        self.drivers.stopped().await;
        while self.tasks.join_next().await.is_some() {}
        let (desk, threads) = (self.desk, self.threads);
        let joined = tokio::task::spawn_blocking(move || {
            desk.stop();
            for thread in threads {
                let name = thread.thread().name().unwrap_or("a").to_owned();
                if thread.join().is_err() {
                    tracing::error!(name, "a thread had failed");
                }
            }
        });
        if joined.await.is_err() {
            tracing::error!("the stores could not be closed in order");
        }
        info!("stopped");
    }
}

struct OpenedOutbox {
    outbox: Outbox,
    reader: OutboxReader,
    fresh: Arc<Notify>,
    thread: JoinHandle<()>,
}

fn open_outbox(site: &Arc<Site>, data: &Path) -> Result<OpenedOutbox, DaemonError> {
    let writer = OutboxWriter::open(data, DESTINATION)?;
    let reader = writer.reader()?;
    let fresh = Arc::new(Notify::new());
    let (outbox, thread) = Outbox::start(
        writer,
        Arc::clone(site),
        DESTINATION.to_owned(),
        OUTBOX_BYTES,
        Arc::clone(&fresh),
    )
    .map_err(DaemonError::Thread)?;
    Ok(OpenedOutbox {
        outbox,
        reader,
        fresh,
        thread,
    })
}

/// Makes the data folder and takes it for this process alone; the system lets go of it however the process ends.
fn lock(data: &Path) -> Result<File, DaemonError> {
    let failed = |reason: String| DaemonError::Data {
        path: data.to_owned(),
        reason,
    };
    std::fs::create_dir_all(data).map_err(|error| failed(error.to_string()))?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(data.join("lock"))
        .map_err(|error| failed(error.to_string()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(failed(
            "another gateway runs on it: stop that one, or give this one --data of its own".into(),
        )),
        Err(TryLockError::Error(error)) => Err(failed(format!("it cannot be locked: {error}"))),
    }
}
