//! Opens the rooms and joins them, straight down the page; and closes them again in the order of the flow.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use jiff::{SignedDuration, Timestamp};
use metrics_exporter_prometheus::PrometheusHandle;
use model::{InfluxDb, InfluxVersion, Site};
use rules::Rules;
use tokio::net::TcpListener;
use tokio::sync::{Notify, broadcast, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::api::{Destination, Hub, Shared};
use crate::desk::{Desk, DeskHandle, Keeper};
use crate::intake::Intake;
use crate::live::Live;
use crate::meters::MeterWatch;
use crate::notices::Courier;
use crate::publish::{Names, Pages, Publisher};
use crate::reserve::Reserve;
use crate::sight::Sight;
use crate::store::{OutboxWriter, Records, StoreError};
use crate::telemetry::{
    self, Bounds, ClientError, Delivery, DeliveryParts, Influx, Keep, Outbox, OutboxParts, Recorder, Room,
    StartError, Trouble,
};
use crate::tickets::WorkCalendar;

/// Deliveries that may wait for the intake; it only hands on, so they hardly ever do.
const INTAKE_QUEUE: usize = 8_192;
/// Changes that may wait for the HTTP side; beyond it listeners are told to fetch everything again.
const CHANGES_QUEUE: usize = 4_096;
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
    field: JoinHandle<()>,
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
        // Before the stores are opened, which needs some room.
        let reserve = Reserve::of(data);
        reserve.settle();
        let calendar = Arc::new(WorkCalendar::new(
            site.standard.calendar.clone(),
            site.timezone.clone(),
        ));
        let live = Arc::new(RwLock::new(Live::new(&site)));
        let mut tasks = JoinSet::new();
        let mut threads = Vec::new();

        // Telemetry: to the databases through the outbox, if there are any, and to local history.
        let destinations = destinations(&site);
        let (outbox_trouble, history_trouble) = (Trouble::default(), Trouble::default());
        let mut outbox = None;
        let mut deliveries = Vec::new();
        if !destinations.is_empty() {
            let opened = open_outbox(&site, data, &destinations, outbox_trouble.clone(), stop.clone())?;
            threads.push(opened.thread);
            outbox = Some(opened.outbox);
            for (delivery, settings) in opened.deliveries.into_iter().zip(destinations.values()) {
                let (name, stand) = (delivery.destination(), delivery.stand());
                deliveries.push(Destination {
                    name,
                    kind: kind(settings),
                    stand,
                });
                tasks.spawn(delivery.run(stop.clone()));
            }
        }
        let history = Recorder::start(
            data,
            Arc::clone(&site),
            KEEP_HISTORY,
            history_trouble.clone(),
            outbox.is_none(),
        )?;
        threads.push(history.thread);
        let recorded_until = history
            .reader
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .newest()?;

        // The desk: rules, alarms, tickets, notices.
        let mut records = Records::open(data)?;
        let (desk, heard) = DeskHandle::new();
        let (changed, changes) = broadcast::channel(CHANGES_QUEUE);
        let notices = Arc::new(Notify::new());
        let board = crate::desk::Board::default();
        let publisher = match &site.mqtt {
            None => None,
            Some(settings) => {
                let names = Names::new(&settings.prefix, settings.home_assistant.as_deref());
                let pages = Pages::new(
                    Arc::clone(&site),
                    names.clone(),
                    Arc::clone(&calendar),
                    Arc::clone(&live),
                    Arc::clone(&board),
                    started_at,
                );
                let (changes, desk) = (changed.subscribe(), desk.clone());
                Some(Publisher::open(
                    settings,
                    names,
                    pages,
                    &mut records,
                    changes,
                    desk,
                )?)
            }
        };
        let publishing = publisher.as_ref().map(Publisher::stand);
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
        let mut keeper = Keeper::new(at_the_desk, started_at)?;
        keeper.recall(
            &history.reader.lock().unwrap_or_else(PoisonError::into_inner),
            started_at,
        );
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

        if let Some(publisher) = publisher {
            tasks.spawn(publisher.run(stop.clone()));
        }

        let sight = Sight {
            publishing: publishing.clone(),
            deliveries: deliveries
                .iter()
                .map(|one| (Arc::clone(&one.name), Arc::clone(&one.stand)))
                .collect(),
            storage: vec![outbox_trouble, history_trouble],
            reserve,
            recorded_until,
            desk: desk.clone(),
        };
        tasks.spawn(sight.run(stop.clone()));
        let meters = MeterWatch {
            site: Arc::clone(&site),
            live: Arc::clone(&live),
            desk: desk.clone(),
        };
        tasks.spawn(meters.run(stop.clone()));

        // The HTTP side looks at all of it.
        let field = Arc::new(drivers::Field::remembering(
            Arc::clone(&site),
            data.join("learnt.json"),
        ));
        let shared = Arc::new(Shared {
            site: Arc::clone(&site),
            field: Arc::clone(&field),
            rules,
            calendar,
            live: Arc::clone(&live),
            board,
            desk: desk.clone(),
            records: Arc::new(Mutex::new(api_records)),
            history: history.reader,
            deliveries,
            publishing,
            attachments: crate::attachments::Attachments::of(data),
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
        let intake = Intake {
            live,
            outbox,
            recorder: history.recorder,
            desk: desk.clone(),
        };
        let field = start_field(site, field, intake, stop.clone()).map_err(DaemonError::Thread)?;
        Ok(Self {
            address,
            stop,
            field,
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
        while self.tasks.join_next().await.is_some() {}
        let (field, desk, threads) = (self.field, self.desk, self.threads);
        let joined = tokio::task::spawn_blocking(move || {
            let field = field.join();
            desk.stop();
            if field.is_err() {
                tracing::error!("the field's thread had failed");
            }
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

/// Starts the drivers and the intake on a thread and a runtime of their own: nobody who looks at the page, and no database, can
/// make a poll late. One thread is enough for a campus, and wakes less often than two.
fn start_field(
    site: Arc<Site>,
    field: Arc<drivers::Field>,
    intake: Intake,
    stop: CancellationToken,
) -> std::io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new().name("field".into()).spawn(move || {
        runtime.block_on(async {
            let (deliver, deliveries) = mpsc::channel(INTAKE_QUEUE);
            let drivers = drivers::start(field, deliver, stop);
            // Ends when the last driver has: then everything that was read has been handed on.
            intake.run(&site, deliveries).await;
            drivers.stopped().await;
        });
    })
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

struct OpenedOutbox {
    outbox: Outbox,
    thread: JoinHandle<()>,
    /// One for each destination, in their order.
    deliveries: Vec<Delivery>,
}

fn open_outbox(
    site: &Arc<Site>,
    data: &Path,
    destinations: &BTreeMap<Arc<str>, &InfluxDb>,
    trouble: Trouble,
    stop: CancellationToken,
) -> Result<OpenedOutbox, DaemonError> {
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
        stop,
    };
    let (outbox, newest, thread) = Outbox::start(parts).map_err(DaemonError::Thread)?;
    let mut deliveries = Vec::new();
    for ((name, settings), reader) in destinations.iter().zip(readers) {
        deliveries.push(Delivery::new(DeliveryParts {
            destination: Arc::clone(name),
            influx: Influx::new(settings)?,
            reader,
            outbox: outbox.clone(),
            newest: newest.clone(),
            refused_folder: data.join("refused"),
        }));
    }
    Ok(OpenedOutbox {
        outbox,
        thread,
        deliveries,
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
