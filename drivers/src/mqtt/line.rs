//! One connection to a broker that is listened to: it reads only while it is told to, and sends whatever there is to send meanwhile.
//!
//! The client library reads up to nine messages for each acknowledgement that it sends, and sends none while nobody reads. So a broker that
//! sends faster than we store would bring us to a standstill: no room for messages until acknowledgements are out, and none of them out
//! until there is room to read.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use model::{Connection, MqttVersion};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_rustls::TlsConnector;

use super::packets::{self, Acknowledgement, DISCONNECT, PING, Said};
use crate::tls;

/// How long it may take until the broker has let us in.
const DIAL_PATIENCE: Duration = Duration::from_secs(5);
/// The broker gives us up when it has heard nothing for one and a half of these (MQTT 5.0, 3.1.2.10), and we it when a ping is not answered.
const KEEP_ALIVE_S: u16 = 30;
/// So much is read at once, if it is there.
const READ_BYTES: usize = 64 << 10;
/// So long nothing may have been read for want of room: whether the broker is still there, nobody knows then. What is unacknowledged comes
/// again on the next connection.
const UNREAD_PATIENCE: Duration = Duration::from_secs(300);
/// A buffer that one large message made larger than this is given back once little is left in it.
const BUFFER_MOST_BYTES: usize = 4 * READ_BYTES;
/// A broker that sends and sends, but reads nothing of what we say, is given up; a hundred times what can be unacknowledged.
const UNSENT_MOST_BYTES: usize = 1 << 20;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection that the broker has agreed to.
pub(crate) struct Line {
    version: MqttVersion,
    largest: u32,
    reading: ReadHalf<Box<dyn Stream>>,
    writing: WriteHalf<Box<dyn Stream>>,
    received: BytesMut,
    unsent: BytesMut,
    /// The largest packet that the broker takes.
    largest_sent: usize,
    /// Whether something was written that may still be inside TLS.
    is_unflushed: bool,
    /// The number of the last subscription.
    subscription: u16,
    keep_alive: Duration,
    ping: std::pin::Pin<Box<Sleep>>,
    since_ping: SincePing,
    /// When reading was last allowed.
    read_at: Instant,
}

/// What happened since the last ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SincePing {
    /// Something was heard, or we did not listen all the time.
    Heard,
    /// Nothing, though we listened.
    Silence,
}

impl Line {
    /// Dials, and waits until the broker has let us in; whether it has a session of ours.
    ///
    /// # Errors
    /// Why not.
    pub(crate) async fn open(connection: &Connection) -> Result<(Self, bool), String> {
        let opening = async {
            let stream = dial(connection).await?;
            let (reading, writing) = split(stream);
            let keep_alive = Duration::from_secs(KEEP_ALIVE_S.into());
            let mut line = Self {
                version: connection.mqtt_version,
                largest: connection.max_packet_bytes,
                reading,
                writing,
                received: BytesMut::new(),
                unsent: packets::connect(connection, KEEP_ALIVE_S)?,
                largest_sent: usize::MAX,
                is_unflushed: false,
                subscription: 0,
                keep_alive,
                ping: Box::pin(sleep(keep_alive)),
                since_ping: SincePing::Heard,
                read_at: Instant::now(),
            };
            loop {
                match line.said()? {
                    Some(Said::Connected {
                        session_present,
                        keep_alive_s,
                        largest_bytes,
                    }) => {
                        // Zero would be never and an hour too late, and then we would not notice that it is gone.
                        if let Some(seconds @ 1..) = keep_alive_s {
                            line.keep_alive = Duration::from_secs(seconds.min(KEEP_ALIVE_S).into());
                            line.ping.as_mut().reset(Instant::now() + line.keep_alive);
                        }
                        if let Some(bytes) = largest_bytes {
                            line.largest_sent = usize::try_from(bytes).unwrap_or(usize::MAX);
                        }
                        return Ok((line, session_present));
                    }
                    Some(_) => return Err("it answers something else than MQTT".to_owned()),
                    None => line.go_on(true).await?,
                }
            }
        };
        match timeout(DIAL_PATIENCE, opening).await {
            Ok(opened) => opened,
            Err(_) => Err(format!("no answer within {DIAL_PATIENCE:?}")),
        }
    }

    /// The next thing that has arrived, without waiting.
    ///
    /// # Errors
    /// It is no packet, or larger than was agreed.
    pub(crate) fn said(&mut self) -> Result<Option<Said>, String> {
        packets::next(self.version, self.largest, &mut self.received)
    }

    /// Waits until something has arrived or was sent. It sends whether it may read or not, and may be given up at any time.
    ///
    /// # Errors
    /// Why the connection is broken.
    pub(crate) async fn go_on(&mut self, may_read: bool) -> Result<(), String> {
        if self.unsent.len() > UNSENT_MOST_BYTES {
            return Err("the broker does not read what it is sent".to_owned());
        }
        if may_read {
            self.read_at = Instant::now();
            if self.received.len() < READ_BYTES && self.received.capacity() > BUFFER_MOST_BYTES {
                self.received = BytesMut::from(&*self.received);
            }
            // In whole buffers, whose messages share them, however little is left of the present one.
            if self.received.capacity() - self.received.len() < READ_BYTES / 8 {
                self.received.reserve(READ_BYTES);
            }
        } else {
            self.since_ping = SincePing::Heard;
        }
        tokio::select! {
            sent = send(&mut self.writing, &mut self.unsent, &mut self.is_unflushed),
                if self.is_unflushed || !self.unsent.is_empty() => sent.map_err(|error| error.to_string())?,
            read = self.reading.read_buf(&mut self.received), if may_read => {
                if read.map_err(|error| error.to_string())? == 0 {
                    return Err("the broker has closed the connection".to_owned());
                }
                self.since_ping = SincePing::Heard;
            }
            () = &mut self.ping => {
                if self.read_at.elapsed() > UNREAD_PATIENCE {
                    return Err(format!("there was no room to read from the broker for {UNREAD_PATIENCE:?}"));
                }
                if self.since_ping == SincePing::Silence {
                    return Err(format!("the broker has not answered a ping for {:?}", self.keep_alive));
                }
                self.since_ping = SincePing::Silence;
                self.unsent.extend_from_slice(&PING);
                self.ping.as_mut().reset(Instant::now() + self.keep_alive);
            }
        }
        Ok(())
    }

    /// Acknowledges a message of this connection.
    pub(crate) fn acknowledge(&mut self, acknowledgement: Acknowledgement) {
        self.unsent.extend_from_slice(acknowledgement.bytes());
    }

    /// Subscribes to topics with quality of service 1.
    ///
    /// # Errors
    /// They do not fit into a packet.
    pub(crate) fn subscribe(&mut self, topics: &[String]) -> Result<(), String> {
        // Zero is no number (MQTT 5.0, 2.2.1).
        self.subscription = self.subscription.checked_add(1).unwrap_or(1);
        let packet = packets::subscribe(self.version, self.subscription, topics)?;
        self.unsent.extend_from_slice(&packet);
        Ok(())
    }

    /// The largest packet that the broker takes, in bytes.
    pub(crate) fn largest_sent(&self) -> usize {
        self.largest_sent
    }

    /// Publishes a command that may be lost.
    ///
    /// # Errors
    /// It does not fit into a packet.
    pub(crate) fn command(&mut self, topic: &str, payload: Vec<u8>) -> Result<(), String> {
        let packet = packets::publish(self.version, topic, payload)?;
        self.unsent.extend_from_slice(&packet);
        Ok(())
    }

    /// Says goodbye; the broker keeps the session, and closes.
    pub(crate) fn disconnect(&mut self) {
        self.unsent.extend_from_slice(&DISCONNECT);
    }

    /// Forgets what has arrived; to be asked for nothing more afterwards.
    pub(crate) fn forget(&mut self) {
        self.received.clear();
    }
}

/// Sends all of it; given up half-way, it goes on with the rest.
async fn send(
    writing: &mut WriteHalf<Box<dyn Stream>>,
    unsent: &mut BytesMut,
    is_unflushed: &mut bool,
) -> std::io::Result<()> {
    while !unsent.is_empty() {
        if writing.write_buf(unsent).await? == 0 {
            return Err(std::io::ErrorKind::WriteZero.into());
        }
        *is_unflushed = true;
    }
    writing.flush().await?;
    *is_unflushed = false;
    Ok(())
}

async fn dial(connection: &Connection) -> Result<Box<dyn Stream>, String> {
    let (host, port) = connection
        .link
        .socket()
        .ok_or_else(|| format!("{} is no broker's address", connection.link))?;
    let stream = TcpStream::connect((host, port))
        .await
        .map_err(|error| error.to_string())?;
    // Acknowledgements are few bytes, and the broker waits for them.
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let Some(tls) = connection.tls.clone() else {
        return Ok(Box::new(stream));
    };
    // To read all that a system trusts takes long enough to hold up others.
    let config = tokio::task::spawn_blocking(move || tls::client(&tls)).await;
    let config = config
        .map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())?;
    let name = tls::server_name(host).map_err(|error| error.to_string())?;
    let handshake = TlsConnector::from(Arc::new(config)).connect(name, stream);
    Ok(Box::new(handshake.await.map_err(|error| error.to_string())?))
}

#[cfg(test)]
mod tests {
    use model::Link;
    use tokio::net::TcpListener;

    use super::*;
    use crate::test_site::connection;

    #[tokio::test]
    async fn the_buffer_of_a_large_message_is_given_back_when_small_ones_follow() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let link = Link::Mqtt {
            host: "127.0.0.1".into(),
            port: listener.local_addr().unwrap().port(),
        };
        let broker = Connection {
            mqtt_version: MqttVersion::V311,
            max_packet_bytes: 8 << 20,
            ..connection(link)
        };
        let saying = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(&[0x20, 2, 0, 0]).await.unwrap();
            for size in std::iter::once(4 << 20).chain([10_000; 100]) {
                let message = packets::publish(MqttVersion::V311, "a", vec![b'x'; size]);
                stream.write_all(&message.unwrap()).await.unwrap();
            }
            stream
        });
        let (mut line, _) = Line::open(&broker).await.unwrap();
        let mut messages = 0;
        while messages < 101 {
            match line.said().unwrap() {
                Some(said) => messages += u32::from(matches!(said, Said::Message(_))),
                None => line.go_on(true).await.unwrap(),
            }
        }
        // Nothing more comes; that it waits for more is enough.
        let _ = timeout(Duration::ZERO, line.go_on(true)).await;
        let capacity = line.received.capacity();
        assert!(capacity <= BUFFER_MOST_BYTES, "{capacity} bytes");
        drop(saying.await.unwrap());
    }
}
