//! Asks an unknown device for all its registers, in blocks, and where a block is refused in ever smaller ones.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use model::{Connection, Link, MqttVersion, RegisterTable, Tls, TransactionIds};

use super::super::link::{Answer, OpenLink, ReadError};
use super::super::plan::Read;
use super::super::transport;
use crate::clock::{SteadyClock, Timer};

/// Registers and bits that are asked for at once: few enough for devices that take little.
const BLOCK: u16 = 32;
/// After so many requests nothing more is asked: a probe is to be gentle.
const MOST_REQUESTS: usize = 4_000;
/// So many silences in a row and nobody is there.
const MOST_SILENCES: usize = 3;

/// Which device to read, and how.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The way to it.
    pub link: Link,
    /// Whom to trust and who we are, for a link inside TLS.
    pub tls: Tls,
    /// Which one behind it.
    pub unit: u8,
    /// The first register of each table.
    pub from: u16,
    /// And the last.
    pub to: u16,
    /// How long one answer may take.
    pub timeout: Duration,
    /// Between two requests.
    pub pause: Duration,
}

/// What a device has in one of its tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableFound {
    /// Every register that came, by its number; a bit is 0 or 1.
    pub values: BTreeMap<u16, u16>,
    /// The code with which it refused the whole table, if it did.
    pub refused: Option<u8>,
}

/// What a device has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// By table.
    pub tables: BTreeMap<RegisterTable, TableFound>,
    /// How many requests it took.
    pub requests: usize,
    /// Whether it ended before everything was asked for.
    pub is_cut_short: bool,
}

/// Why a device could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// There is no way to it.
    #[error("{link} cannot be reached: {source}; is it on, and is nobody else connected to it?")]
    Unreachable {
        /// What was dialled.
        link: Link,
        /// Why.
        source: io::Error,
    },
    /// Nothing answers there.
    #[error(
        "unit {unit} behind {link} does not answer; try other unit ids, a longer --timeout, or on a serial line another rate and parity"
    )]
    Silent {
        /// What was dialled.
        link: Link,
        /// Who was asked.
        unit: u8,
    },
    /// It is no line of devices.
    #[error("{0} is no Modbus link: write `modbus+tcp://host:port` or another of its kind")]
    NotModbus(Link),
}

/// Reads what a device has from `asked.from` to `asked.to` in each of its four tables.
///
/// # Errors
/// [`ProbeError`], when there is nothing to be read at all.
pub async fn probe(asked: &Asked) -> Result<Found, ProbeError> {
    if !asked.link.is_modbus() {
        return Err(ProbeError::NotModbus(asked.link.clone()));
    }
    let mut probe = Probe {
        connection: connection(asked),
        asked,
        link: None,
        timer: Timer::new(SteadyClock::begin()),
        found: Found::default(),
        silences: 0,
        has_heard: false,
    };
    use RegisterTable::{Coil, Discrete, Holding, Input};
    for table in [Holding, Input, Coil, Discrete] {
        probe.read_table(table).await?;
    }
    Ok(probe.found)
}

fn connection(asked: &Asked) -> Connection {
    Connection {
        name: "probe".to_owned(),
        tls: asked.link.is_tls().then(|| asked.tls.clone()),
        link: asked.link.clone(),
        interval: Duration::from_secs(1),
        timeout: asked.timeout,
        pause: asked.pause,
        pause_after_connect: Duration::ZERO,
        mqtt_version: MqttVersion::default(),
        max_packet_bytes: 0,
        client_id: String::new(),
        user: None,
        password: None,
    }
}

struct Probe<'asked> {
    asked: &'asked Asked,
    connection: Connection,
    link: Option<OpenLink>,
    timer: Timer,
    found: Found,
    silences: usize,
    has_heard: bool,
}

impl Probe<'_> {
    async fn read_table(&mut self, table: RegisterTable) -> Result<(), ProbeError> {
        let mut blocks: Vec<Read> = (self.asked.from..=self.asked.to)
            .step_by(usize::from(BLOCK))
            .map(|first| Read {
                table,
                first,
                count: BLOCK
                    .min(self.asked.to - first)
                    .saturating_add(u16::from(self.asked.to - first < BLOCK)),
                slots: Vec::new(),
            })
            .collect();
        blocks.reverse();
        let mut found = TableFound::default();
        while let Some(block) = blocks.pop() {
            if self.found.requests >= MOST_REQUESTS {
                self.found.is_cut_short = true;
                break;
            }
            match self.ask(&block).await? {
                Some(Ok(words)) => found.values.extend((block.first..=u16::MAX).zip(words)),
                // There is no such table at all.
                Some(Err(code @ 1)) => {
                    found.refused = Some(code);
                    break;
                }
                Some(Err(code)) if block.count == 1 => {
                    found.refused = found.refused.or(Some(code)).filter(|_| found.values.is_empty());
                }
                Some(Err(_)) => blocks.extend(halves(&block)),
                None => {}
            }
        }
        if !found.values.is_empty() {
            found.refused = None;
        }
        self.found.tables.insert(table, found);
        Ok(())
    }

    /// What a block brought, or the code of its refusal; `None` when nothing came.
    async fn ask(&mut self, block: &Read) -> Result<Option<Result<Vec<u16>, u8>>, ProbeError> {
        let (unit, ids) = (self.asked.unit, TransactionIds::Strict);
        let mut link = match self.link.take() {
            Some(link) if !link.could_mistake(unit, ids) => link,
            _ => self.dial().await?,
        };
        self.found.requests += 1;
        self.timer.reaches(self.timer.now() + self.asked.pause).await;
        let read = link.read(&mut self.timer, unit, block, ids, self.asked.timeout);
        let read = read.await;
        if !matches!(read, Err(ReadError::Lost(_))) {
            self.link = Some(link);
        }
        match read {
            Ok(answer) => {
                self.heard();
                Ok(Some(Ok(words(answer))))
            }
            Err(ReadError::Refused(code)) => {
                self.heard();
                Ok(Some(Err(code)))
            }
            Err(ReadError::Malformed) => {
                self.heard();
                Ok(None)
            }
            Err(ReadError::Timeout | ReadError::Lost(_)) => self.was_silent(),
        }
    }

    async fn dial(&self) -> Result<OpenLink, ProbeError> {
        let dialled = transport::dial(&self.connection).await;
        dialled.map_err(|source| ProbeError::Unreachable {
            link: self.asked.link.clone(),
            source,
        })
    }

    fn heard(&mut self) {
        self.has_heard = true;
        self.silences = 0;
    }

    fn was_silent<T>(&mut self) -> Result<Option<T>, ProbeError> {
        self.silences += 1;
        if self.silences >= MOST_SILENCES && !self.has_heard {
            return Err(ProbeError::Silent {
                link: self.asked.link.clone(),
                unit: self.asked.unit,
            });
        }
        Ok(None)
    }
}

/// The second half first, so that the first one is taken next.
fn halves(block: &Read) -> [Read; 2] {
    let left = block.count / 2;
    let half = |first, count| Read {
        first,
        count,
        ..block.clone()
    };
    [
        half(block.first.saturating_add(left), block.count - left),
        half(block.first, left),
    ]
}

fn words(answer: Answer) -> Vec<u16> {
    match answer {
        Answer::Bits(bits) => bits.into_iter().map(u16::from).collect(),
        Answer::Registers(words) => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modbus::tests::raw_server::{Deed, RawServer, Request};

    async fn found(server: &RawServer, from: u16, to: u16) -> Result<Found, ProbeError> {
        let asked = Asked {
            link: Link::ModbusTcp {
                host: server.address.ip().to_string(),
                port: server.address.port(),
            },
            tls: Tls::default(),
            unit: 1,
            from,
            to,
            timeout: Duration::from_millis(100),
            pause: Duration::ZERO,
        };
        probe(&asked).await
    }

    #[tokio::test]
    async fn every_register_that_a_device_has_is_found_and_none_that_it_has_not() {
        let has = |number: u16| matches!(number, 3..=40 | 77);
        let server = RawServer::start(move |request: Request| {
            let all = (request.first..request.first + request.count).all(has);
            vec![Deed::Send(match request.function {
                3 if all => request.right(),
                3 => request.refusal(2),
                _ => request.refusal(1),
            })]
        })
        .await;
        let found = found(&server, 0, 99).await.unwrap();
        let holding = found.tables.get(&RegisterTable::Holding).unwrap();
        assert_eq!(
            holding.values.keys().copied().collect::<Vec<_>>(),
            (0..100).filter(|number| has(*number)).collect::<Vec<_>>()
        );
        assert_eq!(holding.values.get(&77), Some(&177));
        assert_eq!(found.tables.get(&RegisterTable::Coil).unwrap().refused, Some(1));
    }

    #[tokio::test]
    async fn the_last_register_of_all_can_be_asked_for() {
        let server = RawServer::start(|request: Request| {
            vec![Deed::Send(match request.function {
                3 => request.refusal(2),
                _ => request.refusal(1),
            })]
        })
        .await;
        let found = found(&server, 65_530, 65_535).await.unwrap();
        assert_eq!(
            found.tables.get(&RegisterTable::Holding).unwrap().refused,
            Some(2)
        );
    }

    #[tokio::test]
    async fn nobody_there_is_told_soon() {
        let server = RawServer::start(|_| Vec::new()).await;
        assert!(matches!(
            found(&server, 0, 9999).await,
            Err(ProbeError::Silent { .. })
        ));
    }
}
