//! A TCP link between two processes that can be cut, stalled or made to lose what goes one way.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::port::Port;

/// How soon a connection notices that the link has changed.
const LOOK: Duration = Duration::from_millis(20);

/// How a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// All goes through.
    Open,
    /// Connections are cut, and new ones too.
    Cut,
    /// Nothing goes through, and nothing is lost: it goes through once the link is open again.
    Stalled,
    /// What the gateway says is lost. A connection that has lost something ends when the link is open again.
    Deaf,
    /// What the other side says is lost, though it has heard everything.
    Mute,
    /// The link is no more.
    Gone,
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From the gateway, which dials.
    Up,
    /// To the gateway.
    Down,
}

/// Overhears a link: the number of the connection, the way, and the bytes as they are read.
pub(super) type Listener = dyn Fn(u64, Way, &[u8]) + Send + Sync;

/// A link on a port of its own.
pub(super) struct Link {
    port: Port,
    shared: Arc<Shared>,
}

struct Shared {
    target: String,
    mode: Mutex<Mode>,
    changed: Condvar,
    listener: Box<Listener>,
}

impl Link {
    /// Opens a link to an address.
    pub(super) fn to(target: &str) -> Self {
        Self::overheard(target, |_, _, _| {})
    }

    /// Opens a link that is overheard.
    pub(super) fn overheard(
        target: &str,
        listener: impl Fn(u64, Way, &[u8]) + Send + Sync + 'static,
    ) -> Self {
        let port = Port::lease();
        let shared = Arc::new(Shared {
            target: target.to_owned(),
            mode: Mutex::new(Mode::Open),
            changed: Condvar::new(),
            listener: Box::new(listener),
        });
        let door = TcpListener::bind(port.address()).expect("the link's port");
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || accepting.accept(&door));
        Self { port, shared }
    }

    /// Where the gateway dials.
    pub(super) fn address(&self) -> String {
        self.port.address()
    }

    /// Changes how it is.
    pub(super) fn set(&self, mode: Mode) {
        *self.shared.mode() = mode;
        self.shared.changed.notify_all();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.set(Mode::Gone);
        // Wakes the thread that waits for the next connection, so that it sees that the link is no more.
        let _ = TcpStream::connect(self.port.address());
    }
}

impl Shared {
    fn mode(&self) -> MutexGuard<'_, Mode> {
        self.mode.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: &Arc<Self>, door: &TcpListener) {
        static CONNECTIONS: AtomicU64 = AtomicU64::new(0);
        for near in door.incoming().flatten() {
            match *self.mode() {
                Mode::Gone => return,
                Mode::Cut => continue,
                _ => {}
            }
            let Ok(far) = TcpStream::connect(&self.target) else {
                continue;
            };
            let number = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
            for (from, to, way) in [(&near, &far, Way::Up), (&far, &near, Way::Down)] {
                let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else {
                    continue;
                };
                let shared = Arc::clone(self);
                std::thread::spawn(move || {
                    shared.carry(&from, &to, number, way);
                    for end in [&from, &to] {
                        let _ = end.shutdown(Shutdown::Both);
                    }
                });
            }
        }
    }

    /// Carries bytes one way until either end closes or the link does not let them.
    fn carry(&self, mut from: &TcpStream, mut to: &TcpStream, number: u64, way: Way) {
        let _ = (from.set_read_timeout(Some(LOOK)), to.set_nodelay(true));
        let mut buffer = [0; 16_384];
        let mut has_lost = false;
        loop {
            let read = match from.read(&mut buffer) {
                Ok(0) => return,
                Ok(read) => &buffer[..read],
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => &[],
                Err(_) => return,
            };
            (self.listener)(number, way, read);
            let mode = {
                let stalled = |mode: &mut Mode| *mode == Mode::Stalled;
                let waited = self.changed.wait_while(self.mode(), stalled);
                *waited.unwrap_or_else(PoisonError::into_inner)
            };
            match (mode, way) {
                (Mode::Cut | Mode::Gone, _) => return,
                (Mode::Deaf, Way::Up) | (Mode::Mute, Way::Down) => has_lost |= !read.is_empty(),
                _ if has_lost => return,
                _ if to.write_all(read).is_err() => return,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that says back what it hears, and a link to it.
    fn echo() -> Link {
        let door = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = door.local_addr().expect("its address").to_string();
        std::thread::spawn(move || {
            for mut stream in door.incoming().flatten() {
                let mut byte = [0];
                while stream.read_exact(&mut byte).is_ok() && stream.write_all(&byte).is_ok() {}
            }
        });
        Link::to(&address)
    }

    fn call(link: &Link) -> TcpStream {
        let stream = TcpStream::connect(link.address()).expect("the link");
        let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
        stream
    }

    fn says_back(stream: &mut TcpStream, byte: u8) -> bool {
        let mut back = [0];
        stream.write_all(&[byte]).is_ok() && stream.read_exact(&mut back).is_ok() && back == [byte]
    }

    #[test]
    fn a_stalled_link_keeps_what_was_said_and_a_cut_one_ends() {
        let link = echo();
        let mut stream = call(&link);
        assert!(says_back(&mut stream, 1));
        link.set(Mode::Stalled);
        stream.write_all(&[2]).expect("room");
        link.set(Mode::Open);
        let mut back = [0];
        stream.read_exact(&mut back).expect("what was said meanwhile");
        assert_eq!(back, [2]);
        link.set(Mode::Cut);
        assert!(!says_back(&mut stream, 3));
        assert!(!says_back(&mut call(&link), 4));
        link.set(Mode::Open);
        assert!(says_back(&mut call(&link), 5));
    }

    #[test]
    fn a_connection_that_has_lost_something_is_not_gone_on_with() {
        for mode in [Mode::Deaf, Mode::Mute] {
            let link = echo();
            let mut stream = call(&link);
            assert!(says_back(&mut stream, 1));
            link.set(mode);
            stream.write_all(&[2]).expect("room");
            std::thread::sleep(LOOK * 3);
            link.set(Mode::Open);
            assert!(!says_back(&mut stream, 3), "{mode:?}");
        }
    }
}
