//! Whoever asks the units behind a link that is up, whichever way its frames are written.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use model::{RegisterTable, TransactionIds};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_modbus::client::{Context, Reader};
use tokio_modbus::slave::{Slave, SlaveContext};

use super::checked_stream::CheckedStream;
use super::crc_client::CrcClient;
use super::plan::Read;

/// What a read brought: exactly as many as were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Of coils or discrete inputs.
    Bits(Vec<bool>),
    /// Of input or holding registers.
    Registers(Vec<u16>),
}

/// Why a read brought nothing.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// No answer in time.
    Timeout,
    /// The device refused with this exception code.
    Refused(u8),
    /// An answer came, but not the one that was asked for.
    Malformed,
    /// The connection is gone.
    Lost(io::Error),
}

/// A link that is up, by how its frames are written.
pub(crate) enum Client {
    /// With the header of Modbus TCP.
    Header(HeaderClient),
    /// With a check sum, as on a serial line.
    Crc(CrcClient),
}

impl Client {
    /// Sends one request to a unit and waits for its answer `within` that time.
    ///
    /// # Errors
    /// [`ReadError`]; after all but `Lost` the link can be used again.
    pub(crate) async fn read(
        &mut self,
        unit: u8,
        read: &Read,
        ids: TransactionIds,
        within: Duration,
    ) -> Result<Answer, ReadError> {
        match self {
            Self::Header(client) => client.read(unit, read, ids, within).await,
            Self::Crc(client) => client.read(unit, read, within).await,
        }
    }

    /// Whether an answer of the unit could not be told from one that may still come: then only a new link can be trusted.
    pub(crate) fn could_mistake(&self, unit: u8, ids: TransactionIds) -> bool {
        match self {
            Self::Header(client) => ids == TransactionIds::Ignore && client.is_owed,
            Self::Crc(client) => client.could_mistake(unit),
        }
    }
}

/// Asks with the header of Modbus TCP: tokio-modbus on a checking stream.
pub(crate) struct HeaderClient {
    client: Context,
    ignores_ids: Arc<AtomicBool>,
    /// Whether a request was given up, so that its answer may still come.
    is_owed: bool,
}

impl HeaderClient {
    /// Asks on a stream that has just been opened.
    pub(crate) fn new(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + std::fmt::Debug + 'static,
    ) -> Self {
        let ignores_ids = Arc::new(AtomicBool::new(false));
        let stream = CheckedStream::new(stream, ignores_ids.clone());
        Self {
            client: tokio_modbus::client::tcp::attach_slave(stream, Slave(0)),
            ignores_ids,
            is_owed: false,
        }
    }

    async fn read(
        &mut self,
        unit: u8,
        read: &Read,
        ids: TransactionIds,
        within: Duration,
    ) -> Result<Answer, ReadError> {
        self.client.set_slave(Slave(unit));
        self.ignores_ids
            .store(ids == TransactionIds::Ignore, Ordering::Relaxed);
        let Ok(answered) = timeout(within, self.call(read)).await else {
            self.is_owed = true;
            return Err(ReadError::Timeout);
        };
        let answer = match answered {
            Ok(Ok(answer)) => answer,
            Ok(Err(exception)) => return Err(ReadError::Refused(exception.into())),
            Err(tokio_modbus::Error::Transport(error)) => return Err(ReadError::Lost(error)),
            Err(tokio_modbus::Error::Protocol(_)) => return Err(ReadError::Malformed),
        };
        let length = match &answer {
            Answer::Bits(bits) => bits.len(),
            Answer::Registers(words) => words.len(),
        };
        if length == usize::from(read.count) {
            Ok(answer)
        } else {
            Err(ReadError::Malformed)
        }
    }

    async fn call(&mut self, read: &Read) -> tokio_modbus::Result<Answer> {
        let (first, count) = (read.first, read.count);
        Ok(match read.table {
            RegisterTable::Coil => self.client.read_coils(first, count).await?.map(Answer::Bits),
            RegisterTable::Discrete => self
                .client
                .read_discrete_inputs(first, count)
                .await?
                .map(Answer::Bits),
            RegisterTable::Input => self
                .client
                .read_input_registers(first, count)
                .await?
                .map(Answer::Registers),
            RegisterTable::Holding => self
                .client
                .read_holding_registers(first, count)
                .await?
                .map(Answer::Registers),
        })
    }
}
