//! Opens the rooms and joins them, straight down the page; and closes them again in the order of the flow.

mod storing;

use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;

use jiff::Timestamp;
use metrics_exporter_prometheus::PrometheusHandle;
use model::Site;
use rules::Rules;
use tokio::net::TcpListener;
use tokio::sync::{Notify, broadcast, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::storing::Storing;
use crate::api::{Hub, Shared};
use crate::desk::{Board, Changed, Desk, DeskHandle, Heard, Keeper};
use crate::intake::Intake;
use crate::live::Live;
use crate::meters::MeterWatch;
use crate::notices::Courier;
use crate::publish::{Names, Pages, Publisher};
use crate::reserve::Reserve;
use crate::sight::Sight;
use crate::store::{Records, RecordsReader, StoreError};
use crate::telemetry::{ClientError, StartError};
use crate::tickets::WorkCalendar;

/// Deliveries that may wait for the intake; it only hands on, so they hardly ever do.
const INTAKE_QUEUE: usize = 8_192;
/// Changes that may wait for the HTTP side; beyond it listeners are told to fetch everything again.
const CHANGES_QUEUE: usize = 4_096;

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
        let seen = Seen {
            calendar: Arc::new(WorkCalendar::new(
                site.standard.calendar.clone(),
                site.timezone.clone(),
            )),
            live: Arc::new(RwLock::new(Live::new(&site))),
            board: Board::default(),
            site,
            started_at,
        };
        let mut tasks = JoinSet::new();
        let mut threads = Vec::new();

        // Telemetry: to the databases through the outbox, if there are any, and to local history.
        let Storing {
            outbox,
            deliveries,
            history,
            troubles,
        } = storing::open(&seen.site, data, &stop, &mut threads, &mut tasks)?;

        // The desk: rules, alarms, tickets, notices.
        let mut records = Records::open(data)?;
        let looked_until = records.last_seen()?;
        let (desk, heard) = DeskHandle::new();
        let (changed, changes) = broadcast::channel(CHANGES_QUEUE);
        let notices = Arc::new(Notify::new());
        let publisher = open_publisher(&seen, &mut records, changed.subscribe(), &desk)?;
        let publishing = publisher.as_ref().map(Publisher::stand);
        let (api_records, courier_records) = (records.reader()?, records.reader()?);
        let at_the_desk = Desk {
            site: Arc::clone(&seen.site),
            rules: Arc::clone(&rules),
            calendar: Arc::clone(&seen.calendar),
            records,
            live: Arc::clone(&seen.live),
            board: Arc::clone(&seen.board),
            changed,
            notices: Arc::clone(&notices),
        };
        let mut keeper = Keeper::new(at_the_desk, started_at)?;
        if looked_until.is_some_and(|until| until > started_at) {
            warn!(
                "the clock is behind the end of the last run: rules over minutes are unknown until their windows are full again"
            );
        } else if let Err(error) = history.shown.look(|reader| keeper.recall(reader, started_at)) {
            warn!(%error, "rules over minutes are unknown until their windows are full again: the history cannot be read");
        }
        threads.push(start_keeper(keeper, desk.clone(), heard).map_err(DaemonError::Thread)?);

        // What goes out to people and brokers, and what the gateway sees of itself.
        match courier(&seen, courier_records, &desk, notices) {
            None => warn!("no alert goes anywhere: set [notify.webhook] url in gateway.toml"),
            Some(courier) => drop(tasks.spawn(courier.run(stop.clone()))),
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
            storage: troubles,
            reserve,
            looked_until,
            desk: desk.clone(),
        };
        tasks.spawn(sight.run(stop.clone()));
        let meters = MeterWatch {
            site: Arc::clone(&seen.site),
            live: Arc::clone(&seen.live),
            desk: desk.clone(),
        };
        tasks.spawn(meters.run(stop.clone()));

        // The HTTP side looks at all of it.
        let field = Arc::new(drivers::Field::remembering(
            Arc::clone(&seen.site),
            data.join("learnt.json"),
        ));
        let live = Arc::clone(&seen.live);
        let site = Arc::clone(&seen.site);
        let shared = Arc::new(Shared {
            site: seen.site,
            field: Arc::clone(&field),
            rules,
            calendar: seen.calendar,
            live: seen.live,
            board: seen.board,
            desk: desk.clone(),
            records: Arc::new(Mutex::new(api_records)),
            history: history.shown,
            deliveries,
            publishing,
            attachments: crate::attachments::Attachments::of(data),
            hub: Hub::new(started_at),
            metrics,
            started_at,
            stop: stop.clone(),
        });
        let address = serve(shared, changes, &mut tasks).await?;

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

/// What several rooms look at.
struct Seen {
    site: Arc<Site>,
    calendar: Arc<WorkCalendar>,
    live: Arc<RwLock<Live>>,
    board: Board,
    started_at: Timestamp,
}

/// Opens what is said to a broker, if the site names one.
fn open_publisher(
    seen: &Seen,
    records: &mut Records,
    changes: broadcast::Receiver<Changed>,
    desk: &DeskHandle,
) -> Result<Option<Publisher>, StoreError> {
    let Some(settings) = &seen.site.mqtt else {
        return Ok(None);
    };
    let names = Names::new(&settings.prefix, settings.home_assistant.as_deref());
    let pages = Pages::new(
        Arc::clone(&seen.site),
        names.clone(),
        Arc::clone(&seen.calendar),
        Arc::clone(&seen.live),
        Arc::clone(&seen.board),
        seen.started_at,
    );
    Publisher::open(settings, names, pages, records, changes, desk.clone()).map(Some)
}

/// Who carries notices to the webhook, if the site has one.
fn courier(seen: &Seen, records: RecordsReader, desk: &DeskHandle, fresh: Arc<Notify>) -> Option<Courier> {
    let webhook = seen.site.notify.webhook.as_ref()?;
    Some(Courier {
        url: webhook.url.clone(),
        reader: Arc::new(Mutex::new(records)),
        desk: desk.clone(),
        fresh,
        calendar: Arc::clone(&seen.calendar),
    })
}

/// Starts the desk's thread.
fn start_keeper(keeper: Keeper, desk: DeskHandle, heard: Receiver<Heard>) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name("desk".into())
        .spawn(move || keeper.run(&desk, &heard))
}

/// Starts the HTTP side; returns where it listens.
async fn serve(
    shared: Arc<Shared>,
    changes: broadcast::Receiver<Changed>,
    tasks: &mut JoinSet<()>,
) -> Result<SocketAddr, DaemonError> {
    let listen = shared.site.listen;
    let failed = |reason| DaemonError::Listen {
        address: listen,
        reason,
    };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let stopped = shared.stop.clone();
    tasks.spawn(crate::api::publish(Arc::clone(&shared), changes));
    let serving = axum::serve(listener, crate::api::router(shared));
    tasks.spawn(async move {
        if let Err(error) = serving.with_graceful_shutdown(stopped.cancelled_owned()).await {
            tracing::error!(%error, "the HTTP side ended by itself: restart the gateway");
        }
    });
    Ok(address)
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
