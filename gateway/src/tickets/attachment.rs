//! A file that belongs to a ticket: kept by its hash, so that what was attached can be proven later.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A file that belongs to a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// SHA-256 of its bytes, as 64 hexadecimal digits; also its name on disk.
    pub sha256: String,
    /// What the person called it.
    pub name: String,
    /// How long it is, in bytes.
    pub bytes: u64,
    /// When it was attached.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}
