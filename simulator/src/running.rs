//! Opens everything that the simulator serves, and closes it again.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::{Connection, ConnectionIndex, Folder, Link, SerialLine, Site, Unit};
use tokio::net::TcpListener;
use tokio_serial::{SerialPort, SerialStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::Error;
use crate::field::{Field, Machine};
use crate::frame::Framing;
use crate::modbus::{self, Server};
use crate::mqtt::{self, Topic};
use crate::served::Served;
use crate::{broker, control, local};

/// The control API's open requests get so long to end when it stops.
const STOPS_WITHIN: Duration = Duration::from_secs(3);

/// How to serve a site.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Move every connection to a free loopback port, and write the moved site to this folder.
    pub local: Option<PathBuf>,
    /// Serve the control API here; loopback only.
    pub control: Option<SocketAddr>,
    /// Append what was served to this file, a JSON line each.
    pub served: Option<PathBuf>,
}

/// Where the devices behind a connection are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The connection's name.
    pub connection: String,
    /// What a gateway dials.
    pub link: Link,
}

/// A simulator at work; dropped, it goes on until its runtime ends.
#[derive(Debug)]
pub struct Running {
    /// Where the control API listens.
    pub control: Option<SocketAddr>,
    /// Where each connection's devices are, in the site's order.
    pub addresses: Vec<Address>,
    tasks: TaskTracker,
    stop: CancellationToken,
    flush: TaskTracker,
    flush_stop: CancellationToken,
}

impl Running {
    /// Stops serving, and returns once the last line of what was served is on disk.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(STOPS_WITHIN, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("some of the simulator's clients did not let go and are dropped");
        }
        // Only now: what the tasks wrote last belongs to the file, too.
        self.flush_stop.cancel();
        self.flush.close();
        self.flush.wait().await;
    }
}

/// Serves every device of a site until [`Running::stop`]. `folder` is the files that `site` was loaded from, for
/// [`Options::local`]. When it returns, everything listens, and the moved site is written.
///
/// # Errors
/// An address can't be listened on or a file not be written; nothing is served then.
pub async fn start(folder: Folder, site: Arc<Site>, options: Options) -> Result<Running, Error> {
    let opening = Opening {
        field: Arc::new(Field::of(&site, Timestamp::now())),
        served: open_served(options.served.as_deref())?,
        tasks: TaskTracker::new(),
        stop: CancellationToken::new(),
        site,
    };
    // Unless everything opens, what is open already is closed again.
    let abandon = opening.stop.clone().drop_guard();
    let addresses = opening.open_connections(options.local.is_some()).await?;
    let control = match options.control {
        Some(address) => Some(opening.open_control(address).await?),
        None => None,
    };
    if let Some(out) = &options.local {
        write_moved(&folder, &addresses, out)?;
    }
    abandon.disarm();
    let (flush, flush_stop) = (TaskTracker::new(), CancellationToken::new());
    flush.spawn(opening.served.clone().keep_flushed(flush_stop.clone()));
    let (tasks, stop) = (opening.tasks.clone(), opening.stop.clone());
    Ok(Running {
        control,
        addresses,
        tasks,
        stop,
        flush,
        flush_stop,
    })
}

/// A simulator that is being opened.
struct Opening {
    site: Arc<Site>,
    field: Arc<Field>,
    served: Served,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Opening {
    async fn open_connections(&self, move_to_loopback: bool) -> Result<Vec<Address>, Error> {
        let own_broker =
            match move_to_loopback && self.site.connections.values().any(|one| !one.link.is_modbus()) {
                true => Some(broker::start().await.map_err(|source| Error::Broker { source })?),
                false => None,
            };
        let site = Arc::clone(&self.site);
        let mut addresses = Vec::new();
        for (index, connection) in site.connections.iter() {
            let link = match (&connection.link, own_broker) {
                (Link::ModbusRtu(line), _) if move_to_loopback => self.open_line(index, connection, line)?,
                (Link::ModbusRtu(line), _) => {
                    return Err(Error::Line {
                        connection: connection.name.clone(),
                        path: line.path.clone(),
                        reason: "a line has one far end, and that is not here: use --local".to_owned(),
                    });
                }
                (Link::ModbusTls { .. } | Link::Mqtts { .. }, _) if !move_to_loopback => {
                    return Err(Error::Tls {
                        connection: connection.name.clone(),
                    });
                }
                (link, _) if link.is_modbus() => {
                    let (host, port) = link.socket().unwrap_or_default();
                    let at = match move_to_loopback {
                        true => (Ipv4Addr::LOCALHOST.to_string(), 0),
                        false => (host.to_owned(), port),
                    };
                    self.open_modbus(index, connection, (&at.0, at.1)).await?
                }
                (_, Some(broker)) => {
                    self.open_mqtt(index, connection, (broker.ip().to_string(), broker.port()))
                }
                (link, None) => {
                    let (host, port) = link.socket().unwrap_or_default();
                    self.open_mqtt(index, connection, (host.to_owned(), port))
                }
            };
            addresses.push(Address {
                connection: connection.name.clone(),
                link,
            });
        }
        Ok(addresses)
    }

    async fn open_modbus(
        &self,
        index: ConnectionIndex,
        connection: &Connection,
        at: (&str, u16),
    ) -> Result<Link, Error> {
        let refused = |source| Error::Listen {
            connection: connection.name.clone(),
            address: format!("{}:{}", at.0, at.1),
            source,
        };
        let listener = TcpListener::bind(at).await.map_err(refused)?;
        let port = listener.local_addr().map_err(refused)?.port();
        let framing = match connection.link {
            Link::ModbusRtuOverTcp { .. } => Framing::Crc,
            _ => Framing::Header,
        };
        let server = self.server(index, connection, framing);
        self.tasks
            .spawn(modbus::serve(Arc::new(server), listener, self.stop.clone()));
        let host = at.0.to_owned();
        Ok(match framing {
            Framing::Header => Link::ModbusTcp { host, port },
            Framing::Crc => Link::ModbusRtuOverTcp { host, port },
        })
    }

    /// A pair of pseudo terminals: the devices at one end, and the moved site at the other.
    fn open_line(
        &self,
        index: ConnectionIndex,
        connection: &Connection,
        line: &SerialLine,
    ) -> Result<Link, Error> {
        let refused = |reason: String| Error::Line {
            connection: connection.name.clone(),
            path: line.path.clone(),
            reason,
        };
        let (far_end, near_end) = SerialStream::pair().map_err(|error| refused(error.to_string()))?;
        let path = near_end
            .name()
            .ok_or_else(|| refused("its end has no name".to_owned()))?;
        let server = Arc::new(self.server(index, connection, Framing::Crc));
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            // Held open, so that the far end isn't told that nobody is there while the gateway is away.
            let _near_end = near_end;
            modbus::serve_line(&server, far_end, stop).await;
        });
        Ok(Link::ModbusRtu(SerialLine { path, ..line.clone() }))
    }

    fn server(&self, index: ConnectionIndex, connection: &Connection, framing: Framing) -> Server {
        let mut units = modbus::Units::new();
        for machine in self.machines_behind(index) {
            if let Unit::Modbus(unit) = &machine.device().unit {
                units.entry(*unit).or_default().push(machine);
            }
        }
        Server {
            connection: connection.name.clone(),
            units,
            framing,
            served: self.served.clone(),
        }
    }

    fn open_mqtt(&self, index: ConnectionIndex, connection: &Connection, dial: (String, u16)) -> Link {
        let mut topics: BTreeMap<String, Topic> = BTreeMap::new();
        for machine in self.machines_behind(index) {
            let (every, Unit::Topic(name)) = (machine.device().interval, machine.device().unit.clone())
            else {
                continue;
            };
            let topic = topics.entry(name.clone()).or_insert(Topic {
                name,
                machines: Vec::new(),
                every,
            });
            topic.every = topic.every.min(every);
            topic.machines.push(machine);
        }
        let client_id = format!("simulator-{}-{}", self.site.id, connection.name);
        let link = Link::Mqtt {
            host: dial.0.clone(),
            port: dial.1,
        };
        let topics = topics.into_values().collect();
        let (served, stop) = (self.served.clone(), self.stop.clone());
        self.tasks.spawn(mqtt::publish(
            connection.clone(),
            dial,
            client_id,
            topics,
            served,
            stop,
        ));
        link
    }

    async fn open_control(&self, address: SocketAddr) -> Result<SocketAddr, Error> {
        if !address.ip().is_loopback() {
            return Err(Error::NotLoopback { address });
        }
        let refused = |source| Error::Control { address, source };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let bound = listener.local_addr().map_err(refused)?;
        let router = control::router(Arc::clone(&self.field));
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
            if let Err(error) = served.await {
                tracing::error!(%error, "the control API has ended");
            }
        });
        Ok(bound)
    }

    fn machines_behind(&self, index: ConnectionIndex) -> impl Iterator<Item = Arc<Machine>> {
        self.field
            .machines()
            .iter()
            .filter(move |machine| machine.device().connection == index)
            .cloned()
    }
}

fn open_served(path: Option<&Path>) -> Result<Served, Error> {
    let Some(path) = path else {
        return Ok(Served::default());
    };
    Served::append_to(path).map_err(|source| Error::Served {
        path: path.to_owned(),
        source,
    })
}

fn write_moved(folder: &Folder, addresses: &[Address], out: &Path) -> Result<(), Error> {
    let refused = |reason: String| Error::Move {
        out: out.to_owned(),
        reason,
    };
    let urls: Vec<_> = addresses
        .iter()
        .map(|address| (address.connection.clone(), address.link.to_string()))
        .collect();
    let text = folder
        .text("gateway.toml")
        .ok_or_else(|| refused("the site has no gateway.toml".to_owned()))?;
    let broker = addresses.iter().find(|address| !address.link.is_modbus());
    let broker = broker.map(|address| address.link.to_string());
    let gateway = local::with_urls(text, &urls, broker.as_deref(), folder.root()).map_err(refused)?;
    local::write(folder, gateway, out).map_err(|error| refused(error.to_string()))
}
