//! The words that every part of facility-gateway shares: what a site is, what a device answers, and how both are loaded and checked.
//!
//! Nothing here waits, dials or asks the clock. Read in this order: a [`Site`] has [`Connection`]s and [`Device`]s; a device has a
//! [`Profile`] with [`Point`]s; one poll of a device is a [`Batch`] of [`Sample`]s, each with a [`Reading`].

mod bundled;
mod connection;
mod device;
mod fault;
mod ids;
mod lighting;
pub mod load;
mod point;
mod profile;
mod publishing;
mod roster;
mod sample;
mod severity;
mod site;
mod standard;
mod sun;
mod text;
mod value;

pub use bundled::{BundledFile, demo_site, profiles as bundled_profiles, standard as bundled_standard};
pub use connection::{Connection, Link, MqttVersion, Parity, SerialLine, Tls};
pub use device::{Device, Unit};
pub use fault::{Fault, Place};
pub use ids::{ConnectionIndex, Dense, DenseId, DeviceIndex, PointId};
pub use lighting::{LightingMoment, LightingSchedule};
pub use load::{Folder, Loading, load};
pub use point::{Address, DataType, Metered, Order, Point, Range, RegisterTable, Scale};
pub use profile::{Class, ModbusLimits, MqttForm, MqttPayload, Profile, SkippedRegisters, TransactionIds};
pub use publishing::Publishing;
pub use roster::{DutyDays, DutyGap, DutyShift, ROLES, gaps, on_duty};
pub use sample::{Batch, BatchOrder, Sample};
pub use severity::Severity;
pub use site::{InfluxDb, InfluxVersion, Notify, Script, Secret, Site, Webhook};
pub use standard::{AvailabilityTarget, Calendar, DayKind, Deadlines, Every, PlannedWork, Standard, Target};
pub use sun::{Coordinates, Sun, sun};
pub use text::Text;
pub use value::{Doubt, Missing, Reading, ThinText, Value};
