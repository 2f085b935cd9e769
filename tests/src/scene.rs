//! One test's place: a temporary folder with a site, its data and its logs, and the ports that it uses.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::gateway::Gateway;
use crate::port::Port;
use crate::simulator::Simulator;
use crate::site::SiteDraft;

/// A place of a test's own. Bind it before the processes that work in it, so that it goes after them.
#[derive(Debug)]
pub struct Scene {
    folder: TempDir,
    listen: Port,
    leased: RefCell<Vec<Port>>,
}

impl Scene {
    /// A new, empty place.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("facility-")
            .tempdir()
            .expect("a temporary folder");
        Self {
            folder,
            listen: Port::lease(),
            leased: RefCell::default(),
        }
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The site's folder.
    pub fn site(&self) -> PathBuf {
        self.folder().join("site")
    }

    /// The gateway's data folder.
    pub fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// Where its gateway listens.
    pub fn address(&self) -> String {
        self.listen.address()
    }

    /// A site that listens at its address.
    pub fn draft(&self) -> SiteDraft {
        SiteDraft::listening_at(&self.address())
    }

    /// A free address for a Modbus connection.
    pub fn modbus_url(&self) -> String {
        format!("modbus+tcp://{}", self.lease())
    }

    /// A free address that stays this test's.
    pub fn lease(&self) -> String {
        let port = Port::lease();
        let address = port.address();
        self.leased.borrow_mut().push(port);
        address
    }

    /// Simulates the site's devices where the site says they are.
    #[track_caller]
    pub fn simulate(&self) -> Simulator {
        Simulator::serve(&self.site(), self.folder())
    }

    /// Runs the gateway on the site, and waits until it is ready.
    #[track_caller]
    pub fn run(&self) -> Gateway {
        Gateway::run(&self.site(), &self.data(), &self.address())
    }
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}
