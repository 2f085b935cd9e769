//! The farm's loop: one thread, one read and one write a request.

use std::collections::{HashMap, VecDeque};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use super::FarmShape;
use super::registers::{ANSWER_BYTES, REQUEST_BYTES, Registers, Request};
use super::tally::Counting;
use crate::trouble::{Outcome, While};

/// More than a client sends before it has its answer.
const READ_BYTES: usize = 4_096;

/// One connection of a client.
struct Peer {
    stream: TcpStream,
    line: usize,
}

/// An answer that a slow device still owes.
struct Owed {
    due: Instant,
    peer: Token,
    request: Request,
}

/// The farm at work.
pub(super) struct Server {
    shape: FarmShape,
    poll: Poll,
    listeners: Vec<TcpListener>,
    peers: HashMap<Token, Peer>,
    next_token: usize,
    devices: Vec<Registers>,
    /// In the order of their times, since every device takes equally long.
    owed: VecDeque<Owed>,
    counting: Arc<Mutex<Counting>>,
}

impl Server {
    /// Listens at the address of every line, all at one port, which is returned.
    pub(super) fn listen(shape: FarmShape, counting: Arc<Mutex<Counting>>) -> Outcome<(u16, Self)> {
        let poll = Poll::new().during("the farm's epoll")?;
        let mut listeners = Vec::with_capacity(shape.lines);
        let mut port = 0;
        for line in 0..shape.lines {
            let address = SocketAddr::from((FarmShape::address(line), port));
            let doing = format_args!("the farm's line {line} at {address}");
            let mut listener = TcpListener::bind(address).during(doing)?;
            port = listener.local_addr().during(doing)?.port();
            poll.registry()
                .register(&mut listener, Token(line), Interest::READABLE)
                .during(doing)?;
            listeners.push(listener);
        }
        let server = Self {
            shape,
            poll,
            next_token: listeners.len(),
            listeners,
            peers: HashMap::new(),
            devices: vec![Registers::new(); shape.devices()],
            owed: VecDeque::new(),
            counting,
        };
        Ok((port, server))
    }

    /// Serves for ever.
    pub(super) fn serve(&mut self) -> Outcome<()> {
        let mut events = Events::with_capacity(1_024);
        loop {
            let wait = self
                .owed
                .front()
                .map(|owed| owed.due.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                polled => polled.during("the farm's epoll")?,
            }
            let counting = Arc::clone(&self.counting);
            let mut counting = counting.lock().unwrap_or_else(PoisonError::into_inner);
            for event in &events {
                if event.token().0 < self.listeners.len() {
                    self.accept(event.token().0);
                } else {
                    self.hear(event.token(), &mut counting);
                }
            }
            drop(counting);
            self.pay();
        }
    }

    fn accept(&mut self, line: usize) {
        while let Some(Ok((mut stream, _))) = self.listeners.get(line).map(TcpListener::accept) {
            let token = Token(self.next_token);
            self.next_token += 1;
            let registered = self
                .poll
                .registry()
                .register(&mut stream, token, Interest::READABLE);
            if registered.is_ok() && stream.set_nodelay(true).is_ok() {
                self.peers.insert(token, Peer { stream, line });
            }
        }
    }

    /// Reads what a client sent. A short read has emptied the socket, which saves the read that would say so.
    fn hear(&mut self, token: Token, counting: &mut Counting) {
        let mut bytes = [0; READ_BYTES];
        let Some(peer) = self.peers.get_mut(&token) else {
            return;
        };
        let line = peer.line;
        let count = match peer.stream.read(&mut bytes) {
            Ok(count @ 1..) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Ok(0) | Err(_) => {
                self.peers.remove(&token);
                return;
            }
        };
        let now = Instant::now();
        for frame in bytes.get(..count).unwrap_or_default().chunks(REQUEST_BYTES) {
            let Some(request) = Request::read(frame) else {
                continue;
            };
            let unit = usize::from(request.unit).saturating_sub(1);
            if unit >= self.shape.units {
                continue;
            }
            counting.asked(line * self.shape.units + unit, now);
            if line < self.shape.silent {
                continue;
            }
            if self.shape.delay_ms == 0 {
                self.answer(token, request);
            } else {
                let due = now + self.shape.delay();
                let peer = token;
                self.owed.push_back(Owed { due, peer, request });
            }
        }
    }

    /// Gives the answers that are due by now.
    fn pay(&mut self) {
        let now = Instant::now();
        while let Some(owed) = self.owed.pop_front() {
            if owed.due > now {
                self.owed.push_front(owed);
                return;
            }
            self.answer(owed.peer, owed.request);
        }
    }

    /// Answers; a client that does not take its answers is left.
    fn answer(&mut self, token: Token, request: Request) {
        let Some(peer) = self.peers.get_mut(&token) else {
            return;
        };
        let device = peer.line * self.shape.units + usize::from(request.unit).saturating_sub(1);
        let Some(registers) = self.devices.get_mut(device) else {
            return;
        };
        let mut frame = [0; ANSWER_BYTES];
        let length = registers.answer(request, since_epoch_us(), &mut frame);
        let answer = frame.get(..length).unwrap_or_default();
        if !matches!(peer.stream.write(answer), Ok(written) if written == answer.len()) {
            self.peers.remove(&token);
        }
    }
}

fn since_epoch_us() -> u64 {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}
