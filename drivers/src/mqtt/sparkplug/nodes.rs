//! The Sparkplug nodes behind a broker, and which points of which devices their messages speak of.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use model::{Address, Device, Missing, MqttPayload, Reading, Unit};
use serde_json::Value as Json;

use super::super::payload::reading_of_json;
use super::node::{About, Node, Taken};
use super::payload::Payload;

const GONE: Reading = Reading::Missing(Missing::NoAnswer);
const ABSENT: Reading = Reading::Missing(Missing::Absent);
const MALFORMED: Reading = Reading::Missing(Missing::Malformed);

/// The readings of one device, by the positions of its points.
pub(crate) type Readings = BTreeMap<usize, Reading>;

/// What a message brought.
#[derive(Debug, Default)]
pub(crate) struct Brought {
    /// The devices that it speaks of, by number.
    pub(crate) devices: Vec<(usize, Readings)>,
    /// What some of them were like when their node could not send, with the time of it: oldest first for each device.
    pub(crate) history: Vec<(usize, Timestamp, Readings)>,
    /// The topic on which its node is to be asked for its births.
    pub(crate) rebirth: Option<String>,
}

/// All nodes behind a broker.
#[derive(Default)]
pub(crate) struct Nodes<'site> {
    nodes: HashMap<(String, String), Listened<'site>>,
    /// The node of each device, by the device's number.
    of_device: HashMap<usize, (String, String)>,
}

#[derive(Default)]
struct Listened<'site> {
    node: Node,
    devices: Vec<Member<'site>>,
}

/// A device of the site, as its node knows it.
struct Member<'site> {
    number: usize,
    device: &'site Device,
    /// Its name at the node; none when it is the node itself.
    name: Option<String>,
    points: HashMap<String, usize>,
}

/// Where a Sparkplug device is: group, node, and its name at the node unless it is the node itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    group: String,
    node: String,
    device: Option<String>,
}

impl Place {
    /// Reads a unit, `spBv1.0/GROUP/NODE` or `spBv1.0/GROUP/NODE/DEVICE`.
    pub(crate) fn of(unit: &Unit) -> Option<Self> {
        let Unit::Topic(topic) = unit else { return None };
        let mut parts = topic.strip_prefix("spBv1.0/")?.splitn(3, '/');
        let mut part = || parts.next().filter(|part| !part.is_empty()).map(str::to_owned);
        Some(Self {
            group: part()?,
            node: part()?,
            device: part(),
        })
    }

    /// The topic filter for everything that its node says.
    pub(crate) fn filter(&self) -> String {
        format!("spBv1.0/{}/+/{}/#", self.group, self.node)
    }
}

/// Whether a device speaks Sparkplug.
pub(crate) fn speaks_sparkplug(device: &Device) -> bool {
    device.profile.mqtt.payload == MqttPayload::Sparkplug
}

impl<'site> Nodes<'site> {
    /// The nodes of those of the devices that speak Sparkplug, each with its number.
    pub(crate) fn new(devices: impl Iterator<Item = (usize, &'site Device)>) -> Self {
        let mut nodes = Self::default();
        for (number, device) in devices.filter(|(_, device)| speaks_sparkplug(device)) {
            let Some(place) = Place::of(&device.unit) else {
                continue;
            };
            let key = (place.group, place.node);
            nodes.of_device.insert(number, key.clone());
            nodes.nodes.entry(key).or_default().devices.push(Member {
                number,
                device,
                name: place.device,
                points: points(device),
            });
        }
        nodes
    }

    /// Whether a device has been born and has not died since; `None` for one that does not speak Sparkplug.
    pub(crate) fn is_alive(&self, number: usize) -> Option<bool> {
        let listened = self.nodes.get(self.of_device.get(&number)?)?;
        let member = listened.devices.iter().find(|member| member.number == number)?;
        Some(listened.node.is_alive(member.name.as_deref()))
    }

    /// The topic on which to ask the node of a device for its births, unless it was asked a moment ago.
    pub(crate) fn rebirth_of(&mut self, number: usize, now: Duration) -> Option<String> {
        let key = self.of_device.get(&number)?;
        let may = self.nodes.get_mut(key)?.node.may_ask(now);
        may.then(|| command(&key.0, &key.1))
    }

    /// Takes a message; `None` for one that is no node's of this site.
    pub(crate) fn take(&mut self, topic: &str, bytes: &[u8], now: Duration) -> Option<Brought> {
        let about = About::of(topic)?;
        let (group, node) = about.node;
        let listened = self.nodes.get_mut(&(group.to_owned(), node.to_owned()))?;
        let concerned = listened
            .devices
            .iter()
            .filter(|member| member.name.as_deref() == about.device);
        let Some(payload) = Payload::of(bytes) else {
            let all = |member: &Member<'_>| (member.number, member.all(&MALFORMED));
            return Some(Brought {
                devices: concerned.map(all).collect(),
                ..Brought::default()
            });
        };
        let taken = listened.node.take(about.device, about.kind, &payload, now);
        let history = concerned
            .clone()
            .flat_map(|member| member.history(&taken))
            .collect();
        let devices = if taken.is_gone {
            let is_gone =
                |member: &&Member<'_>| about.device.is_none() || member.name.as_deref() == about.device;
            let gone = listened.devices.iter().filter(is_gone);
            gone.map(|member| (member.number, member.all(&GONE))).collect()
        } else {
            concerned
                .map(|member| (member.number, member.readings(&taken)))
                .filter(|(_, readings)| !readings.is_empty())
                .collect()
        };
        Some(Brought {
            devices,
            history,
            rebirth: taken.wants_rebirth.then(|| command(group, node)),
        })
    }
}

impl Member<'_> {
    fn all(&self, reading: &Reading) -> Readings {
        (0..self.device.profile.points.len())
            .map(|position| (position, reading.clone()))
            .collect()
    }

    fn readings(&self, taken: &Taken) -> Readings {
        let mut readings = if taken.is_all {
            self.all(&ABSENT)
        } else {
            Readings::new()
        };
        readings.extend(
            taken
                .values
                .iter()
                .filter_map(|(name, value)| self.reading(name, value)),
        );
        readings
    }

    /// What its node says of earlier times. A value whose time cannot be known is nobody's: it would have to be made up.
    fn history(&self, taken: &Taken) -> Vec<(usize, Timestamp, Readings)> {
        let mut moments = BTreeMap::<Timestamp, Readings>::new();
        for (millis, name, value) in &taken.history {
            let at = millis.and_then(|millis| i64::try_from(millis).ok());
            let at = at.and_then(|millis| Timestamp::from_millisecond(millis).ok());
            if let (Some(at), Some((position, reading))) = (at, self.reading(name, value)) {
                moments.entry(at).or_default().insert(position, reading);
            }
        }
        moments
            .into_iter()
            .map(|(at, readings)| (self.number, at, readings))
            .collect()
    }

    /// The reading of the point that a metric speaks of, if it is one of ours.
    fn reading(&self, name: &str, value: &Json) -> Option<(usize, Reading)> {
        let position = *self.points.get(name)?;
        let point = self.device.profile.points.get(position)?;
        Some((position, reading_of_json(point, value)))
    }
}

/// The positions of a device's points by the names of their metrics.
fn points(device: &Device) -> HashMap<String, usize> {
    let points = device.profile.points.iter().enumerate();
    points
        .filter_map(|(position, point)| match &point.address {
            Address::Pointer(pointer) => Some((
                pointer.strip_prefix('/')?.replace("~1", "/").replace("~0", "~"),
                position,
            )),
            Address::Register { .. } => None,
        })
        .collect()
}

fn command(group: &str, node: &str) -> String {
    format!("spBv1.0/{group}/NCMD/{node}")
}
