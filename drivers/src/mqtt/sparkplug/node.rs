//! One Sparkplug node as its messages tell of it: whether it is born, what its aliases mean, and whether anything was missed.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use serde_json::Value as Json;

use super::payload::Payload;

/// Aliases of one node that are kept.
const MOST_ALIASES: usize = 20_000;
/// A node is asked for its births at most so often.
const REBIRTH_PAUSE: Duration = Duration::from_secs(5);

/// What a message is about, from its topic: `spBv1.0/GROUP/KIND/NODE` or `spBv1.0/GROUP/KIND/NODE/DEVICE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct About<'topic> {
    /// The group and the node.
    pub(crate) node: (&'topic str, &'topic str),
    /// The device; none for the node itself.
    pub(crate) device: Option<&'topic str>,
    /// Which kind.
    pub(crate) kind: Kind,
}

/// The kinds of message that a node sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What there is, with all values.
    Birth,
    /// What has changed.
    Data,
    /// It is gone.
    Death,
}

impl<'topic> About<'topic> {
    /// Reads a topic; `None` for one that no node sends on.
    pub(crate) fn of(topic: &'topic str) -> Option<Self> {
        let mut parts = topic.strip_prefix("spBv1.0/")?.splitn(4, '/');
        let (group, kind, node) = (parts.next()?, parts.next()?, parts.next()?);
        let device = parts.next();
        let kind = match (kind, device.is_some()) {
            ("NBIRTH", false) | ("DBIRTH", true) => Kind::Birth,
            ("NDATA", false) | ("DDATA", true) => Kind::Data,
            ("NDEATH", false) | ("DDEATH", true) => Kind::Death,
            _ => return None,
        };
        Some(Self {
            node: (group, node),
            device,
            kind,
        })
    }
}

/// What follows from a message.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Taken {
    /// Metrics by name, as JSON would have them.
    pub(crate) values: Vec<(String, Json)>,
    /// The same from a time when the node could not send, each with that time in milliseconds since 1970; none for one without.
    pub(crate) history: Vec<(Option<u64>, String, Json)>,
    /// Whether these are all that there are, and not just what has changed.
    pub(crate) is_all: bool,
    /// Whether the device, or the node with all its devices, is gone.
    pub(crate) is_gone: bool,
    /// Whether the node is to be asked for its births now.
    pub(crate) wants_rebirth: bool,
}

/// What is known of a node.
#[derive(Debug, Default)]
pub(crate) struct Node {
    is_born: bool,
    born_devices: BTreeSet<String>,
    /// The count of the birth that a death has to match: an old death may come after a new birth.
    death_count: Option<u64>,
    next_seq: Option<u64>,
    aliases: HashMap<u64, (String, Option<u64>)>,
    types: HashMap<(Option<String>, String), u64>,
    asked_at: Option<Duration>,
}

impl Node {
    /// Whether the node, or one of its devices, has been born and has not died since.
    pub(crate) fn is_alive(&self, device: Option<&str>) -> bool {
        self.is_born && device.is_none_or(|device| self.born_devices.contains(device))
    }

    /// Takes a message that came at `now`.
    pub(crate) fn take(
        &mut self,
        device: Option<&str>,
        kind: Kind,
        payload: &Payload<'_>,
        now: Duration,
    ) -> Taken {
        match (kind, device) {
            (Kind::Death, None) => return self.died(payload),
            (Kind::Birth, None) => {
                *self = Self {
                    is_born: true,
                    death_count: death_count(payload),
                    asked_at: self.asked_at,
                    ..Self::default()
                };
            }
            _ => {}
        }
        let is_next = self.is_next(payload.seq);
        if kind == Kind::Death {
            self.born_devices.remove(device.unwrap_or_default());
            return Taken {
                is_gone: true,
                ..Taken::default()
            };
        }
        if kind == Kind::Birth {
            self.learn(device, payload);
        }
        let is_alive = self.is_alive(device);
        let mut is_known = is_alive;
        let (mut values, mut history) = (Vec::new(), Vec::new());
        for metric in payload.metrics.iter().filter(|_| is_alive || kind == Kind::Birth) {
            let alias = metric.alias.and_then(|alias| self.aliases.get(&alias));
            let name = metric.name.or(alias.map(|(name, _)| name.as_str()));
            let Some(name) = name.map(str::to_owned) else {
                is_known = false;
                continue;
            };
            let by_name = || {
                self.types
                    .get(&(device.map(str::to_owned), name.clone()))
                    .copied()
            };
            let datatype = metric
                .datatype
                .or(alias.and_then(|(_, datatype)| *datatype))
                .or_else(by_name);
            let value = metric.json(datatype);
            if metric.is_historical {
                history.push((metric.timestamp.or(payload.timestamp), name, value));
            } else {
                values.push((name, value));
            }
        }
        Taken {
            values,
            history,
            is_all: kind == Kind::Birth,
            is_gone: false,
            wants_rebirth: !(is_next && is_known) && self.may_ask(now),
        }
    }

    /// Whether to ask for births now, because nothing has been heard of the node.
    pub(crate) fn may_ask(&mut self, now: Duration) -> bool {
        let may = self
            .asked_at
            .is_none_or(|asked| now.saturating_sub(asked) >= REBIRTH_PAUSE);
        if may {
            self.asked_at = Some(now);
        }
        may
    }

    fn died(&mut self, payload: &Payload<'_>) -> Taken {
        let is_of_another_birth =
            self.is_born && self.death_count.is_some() && death_count(payload) != self.death_count;
        if is_of_another_birth {
            return Taken::default();
        }
        *self = Self {
            asked_at: self.asked_at,
            ..Self::default()
        };
        Taken {
            is_gone: true,
            ..Taken::default()
        }
    }

    fn is_next(&mut self, seq: Option<u64>) -> bool {
        let Some(seq) = seq else { return true };
        let is_next = self.next_seq.is_none_or(|next| next == seq);
        self.next_seq = Some((seq + 1) % 256);
        is_next
    }

    fn learn(&mut self, device: Option<&str>, payload: &Payload<'_>) {
        if let Some(device) = device.filter(|_| self.born_devices.len() < MOST_ALIASES) {
            self.born_devices.insert(device.to_owned());
        }
        for metric in &payload.metrics {
            let Some(name) = metric
                .name
                .filter(|_| self.aliases.len() + self.types.len() < 2 * MOST_ALIASES)
            else {
                continue;
            };
            if let Some(alias) = metric.alias {
                self.aliases.insert(alias, (name.to_owned(), metric.datatype));
            }
            if let Some(datatype) = metric.datatype {
                self.types
                    .insert((device.map(str::to_owned), name.to_owned()), datatype);
            }
        }
    }
}

fn death_count(payload: &Payload<'_>) -> Option<u64> {
    payload.metric("bdSeq")?.whole()
}
