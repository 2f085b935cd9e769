//! What a ticket is about, for reports: its class and its building.

use std::collections::HashMap;

use model::{Device, Site};

use crate::tickets::Ticket;

/// What has no class, or no building, of its own.
pub const NONE: &str = "";

/// What a ticket is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The device's class, or else the one that the ticket's row covers; empty if none.
    pub class: String,
    /// The device's building; empty if none.
    pub building: String,
}

/// Where a site's devices are.
pub struct Places<'site> {
    site: &'site Site,
    devices: HashMap<&'site str, &'site Device>,
}

impl<'site> Places<'site> {
    /// Of a site.
    pub fn new(site: &'site Site) -> Self {
        let devices = site.devices.values().map(|device| (device.id.as_str(), device));
        Self {
            site,
            devices: devices.collect(),
        }
    }

    /// A device that the site has.
    pub fn device(&self, id: &str) -> Option<&'site Device> {
        self.devices.get(id).copied()
    }

    /// What a ticket is about. A device that is no longer in the site leaves its class to the ticket's row.
    pub fn of(&self, ticket: &Ticket) -> Place {
        let device = ticket.device.as_ref().and_then(|id| self.device(id));
        let class_of_row = || {
            let row = self.site.standard.deadlines.get(&ticket.standard)?;
            Some(row.class.as_ref()?.as_str().to_owned())
        };
        let class = match device {
            Some(device) => Some(device.profile.class.as_str().to_owned()),
            None => class_of_row(),
        };
        Place {
            class: class.unwrap_or_else(|| NONE.to_owned()),
            building: device.map_or_else(|| NONE.to_owned(), |device| device.building.clone()),
        }
    }
}
