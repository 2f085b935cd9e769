//! Free loopback ports that no other test takes meanwhile.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the kernel's own choice (32768 and up), so that an outgoing connection never sits on one of them.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// A port of 127.0.0.1 that is this test's until the lease is dropped, also while nothing listens on it: a server
/// may be stopped and started again on it.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// Locked while the port is leased; the system unlocks it whatever ends the process.
    _lease: File,
}

impl Port {
    /// Leases a port on which nothing listens.
    pub fn lease() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let leases = std::env::temp_dir().join("facility-ports");
        std::fs::create_dir_all(&leases).expect("a folder for port leases");
        let start = (std::process::id().wrapping_mul(97) % u32::from(COUNT)) as u16;
        for _ in 0..COUNT {
            let step = NEXT.fetch_add(1, Ordering::Relaxed);
            let number = FIRST + (start + step % COUNT) % COUNT;
            let lease = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(leases.join(number.to_string()))
                .expect("a port's lease file");
            if lease.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Self {
                    number,
                    _lease: lease,
                };
            }
        }
        panic!("no free port from {FIRST} on; does a process of an earlier run hold them?");
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.number)
    }

    /// Whether something listens on it.
    pub fn answers(&self) -> bool {
        std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, self.number)).is_ok()
    }
}
