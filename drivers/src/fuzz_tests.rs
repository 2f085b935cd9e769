//! Bytes that a peer may send, by the hundred thousand: nothing breaks, and nothing grows without bound.
//!
//! The inputs are seeded, so that a failure comes again: half of them are noise, half are right messages with some of their bytes
//! changed, cut or repeated. `SOAK=1` makes it two millions each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::{
    DataType, Link, MqttForm, Order, Point, Profile, Reading, RegisterTable, Site, TransactionIds, Unit,
};

use crate::memory;
use crate::modbus::learnt::{Learnt, Length, Stretch};
use crate::modbus::link::question::Question;
use crate::modbus::link::sum_frames::sum;
use crate::modbus::link::{header_frames, sum_frames};
use crate::modbus::probe::meaning;
use crate::modbus::{decode, plan};
use crate::mqtt::payload::Payload;
use crate::mqtt::sparkplug::foreign_tests::{
    DBIRTH, DDATA_HISTORICAL, NBIRTH, bytes as sparkplug_bytes, plant,
};
use crate::mqtt::sparkplug::node::{About, Node};
use crate::mqtt::sparkplug::nodes::Nodes;
use crate::mqtt::sparkplug::payload::{Payload as Sparkplug, rebirth};
use crate::test_site::{connection, modbus_at, point_at, point_in_json, profile, site};

const LONGEST_BYTES: u64 = 300;

fn inputs() -> u64 {
    match std::env::var_os("SOAK") {
        Some(_) => 2_000_000,
        None => 100_000,
    }
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides.max(1)
    }

    fn noise(&mut self) -> Vec<u8> {
        (0..self.roll(LONGEST_BYTES))
            .map(|_| self.roll(256) as u8)
            .collect()
    }

    /// A right message with something wrong with it.
    fn spoiled(&mut self, right: &[u8]) -> Vec<u8> {
        let mut bytes = right.to_vec();
        for _ in 0..=self.roll(4) {
            let at = self.roll(bytes.len() as u64) as usize;
            match self.roll(4) {
                0 if !bytes.is_empty() => bytes[at] = self.roll(256) as u8,
                1 if !bytes.is_empty() => bytes[at] ^= 1 << self.roll(8),
                2 => bytes.truncate(at),
                _ => bytes.extend_from_within(at..),
            }
        }
        bytes.truncate(4 * LONGEST_BYTES as usize);
        bytes
    }
}

/// Feeds a decoder.
fn feed(seed: u64, right: &[u8], mut decoder: impl FnMut(&[u8])) {
    let mut dice = Dice(seed);
    for number in 0..inputs() {
        let bytes = if number % 2 == 0 {
            dice.noise()
        } else {
            dice.spoiled(right)
        };
        decoder(&bytes);
    }
}

fn question() -> Question {
    let read = plan::Read {
        table: RegisterTable::Holding,
        first: 0,
        count: 2,
        slots: Vec::new(),
    };
    Question::new(5, &read).unwrap()
}

#[test]
fn frames_with_a_header_break_nothing_and_a_wrong_id_is_never_an_answer() {
    feed(1, &[1, 2, 0, 0, 0, 7, 5, 3, 4, 0, 1, 0, 2], |bytes| {
        for ids in [TransactionIds::Strict, TransactionIds::Ignore] {
            let mut rest = bytes;
            while let Ok((done, said)) = header_frames::find(rest, &question(), 0x0102, ids) {
                let has_id = rest[..done].windows(2).any(|id| id == [1, 2]);
                assert!(
                    said.is_none() || has_id || ids == TransactionIds::Ignore,
                    "{bytes:x?}"
                );
                rest = &rest[done..];
                if said.is_none() {
                    assert!(rest.len() < 260);
                    break;
                }
            }
        }
    });
}

#[test]
fn frames_with_a_check_sum_break_nothing_and_a_wrong_sum_is_never_an_answer() {
    let mut right = vec![5, 3, 4, 0, 1, 0, 2];
    right.extend(sum(&right).to_le_bytes());
    feed(2, &right, |bytes| {
        let mut rest = bytes;
        while let (done, Some(said)) = sum_frames::find(rest, &question()) {
            rest = &rest[done..];
            let has_whole = |length: usize| {
                bytes
                    .windows(length)
                    .any(|frame| frame[0] == 5 && sum(frame) == 0)
            };
            assert!((5..=bytes.len()).any(has_whole), "{said:?} in {bytes:x?}");
        }
        let (done, _) = sum_frames::find(rest, &question());
        assert!(rest.len() - done < 256);
    });
}

#[test]
fn registers_of_every_type_break_nothing() {
    let types = [
        DataType::Bool,
        DataType::U16,
        DataType::I32,
        DataType::U64,
        DataType::F32,
        DataType::F64,
        DataType::Bcd,
        DataType::Bit(15),
        DataType::String(9),
    ];
    let orders = [Order::Abcd, Order::Cdab, Order::Badc, Order::Dcba];
    let points: Vec<Point> = types
        .iter()
        .flat_map(|kind| {
            orders.map(|order| Point {
                order,
                ..point_at(RegisterTable::Input, 0, *kind)
            })
        })
        .collect();
    feed(3, &[0x41, 0x20, 0, 0, 0xff, 0xff, 0x80, 0], |bytes| {
        let words: Vec<u16> = bytes
            .chunks_exact(2)
            .take(8)
            .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
            .collect();
        for point in &points {
            let count = usize::from(point.data_type.registers());
            let reading = decode::registers(point, words.get(..count).unwrap_or(&words));
            finite(&reading);
        }
    });
}

fn finite(reading: &Reading) {
    if let Some(number) = reading.value().and_then(model::Value::as_number) {
        assert!(number.is_finite());
    }
}

#[test]
fn messages_break_nothing() {
    let points = vec![
        point_in_json("", DataType::F64),
        point_in_json("/a/b/0", DataType::U16),
        point_in_json("/s", DataType::String(5)),
    ];
    let site = listening("t", points, |form| {
        form.stale_after = Some(Duration::from_secs(1))
    });
    let device = site.devices.values().next().unwrap();
    feed(
        4,
        r#"{"a": {"b": [1, 2.5e300, -7]}, "s": "正常", "on": true, "n": null}"#.as_bytes(),
        |bytes| {
            for reading in Payload::of(bytes).readings(device) {
                assert_eq!(reading.samples.len(), 3);
                reading.samples.iter().for_each(|sample| finite(&sample.reading));
            }
        },
    );
}

#[test]
fn lists_of_readings_break_nothing_and_come_oldest_first() {
    let points = vec![point_in_json("/v", DataType::F64)];
    let site = listening("t", points, |form| {
        (form.items, form.time) = (Some("/d".into()), Some("/t".into()));
    });
    let device = site.devices.values().next().unwrap();
    feed(
        6,
        br#"{"d": [{"t": 1700000000, "v": 1}, {"t": "2024-02-10T17:00:00Z", "v": 2.5}, {"t": 1.7e12, "v": -3}]}"#,
        |bytes| {
            let readings = Payload::of(bytes).readings(device);
            assert!(readings.is_sorted_by_key(|reading| reading.at));
            assert!(readings.len() <= 1 + bytes.len() / 2);
            for reading in &readings {
                reading.samples.iter().for_each(|sample| finite(&sample.reading));
            }
        },
    );
}

#[test]
fn sparkplug_breaks_nothing_and_no_node_grows_without_bound() {
    let right = rebirth(1_700_000_000_000);
    let mut node = Node::default();
    feed(5, &right, |bytes| {
        if let Some(payload) = Sparkplug::of(bytes) {
            assert!(payload.metrics.len() <= bytes.len());
            for topic in [
                "spBv1.0/g/NBIRTH/n",
                "spBv1.0/g/DBIRTH/n/d",
                "spBv1.0/g/DDATA/n/d",
                "spBv1.0/g/NDEATH/n",
            ] {
                let about = About::of(topic).unwrap();
                let taken = node.take(about.device, about.kind, &payload, Duration::ZERO);
                assert!(taken.values.len() + taken.history.len() <= payload.metrics.len());
            }
        }
    });
}

#[test]
fn a_node_that_sends_anything_speaks_only_of_points_that_there_are() {
    let site = plant();
    let mut nodes = Nodes::new(site.devices.values().enumerate());
    for (kind, hex) in [("NBIRTH/pumps", NBIRTH), ("DBIRTH/pumps/set-1", DBIRTH)] {
        nodes.take(
            &format!("spBv1.0/plant/{kind}"),
            &sparkplug_bytes(hex),
            Duration::ZERO,
        );
    }
    feed(7, &sparkplug_bytes(DDATA_HISTORICAL), |message| {
        let topic = "spBv1.0/plant/DDATA/pumps/set-1";
        let brought = nodes.take(topic, message, Duration::ZERO).unwrap();
        let past = brought
            .history
            .iter()
            .map(|(number, _, readings)| (number, readings));
        let present = brought
            .devices
            .iter()
            .map(|(number, readings)| (number, readings));
        for (number, readings) in past.chain(present) {
            assert_eq!(*number, 0);
            assert!(readings.keys().all(|position| *position < 6));
            readings.values().for_each(finite);
        }
    });
}

#[test]
fn topics_break_nothing() {
    feed(8, b"spBv1.0/plant/DDATA/pumps/set-1", |bytes| {
        if let Ok(topic) = std::str::from_utf8(bytes) {
            let about = About::of(topic);
            assert!(about.is_none_or(|about| topic.contains(about.node.1)));
        }
    });
}

#[test]
fn what_was_learnt_breaks_nothing_however_its_file_is_spoiled() {
    let points: Vec<Point> = (0..40)
        .map(|number| point_at(RegisterTable::Holding, number, DataType::U16))
        .collect();
    let site = site(
        modbus_at("127.0.0.1:502".parse().unwrap()),
        [(Unit::Modbus(1), profile(points))],
    );
    let device = site.devices.values().next().unwrap();
    let mut learnt = Learnt::default();
    for first in [7, 21] {
        let stretch = Stretch {
            table: RegisterTable::Holding,
            first,
            count: 1,
        };
        learnt.refused.insert(stretch, 2);
    }
    learnt.registers = Length {
        proven: 20,
        refused: Some(21),
    };
    let right = memory::text([(device, learnt)].into_iter());
    feed(9, right.as_bytes(), |bytes| {
        let Some(known) = std::str::from_utf8(bytes)
            .ok()
            .and_then(|text| memory::parse(text, &site))
        else {
            return;
        };
        for learnt in known.values() {
            let plan = plan::plan(&device.profile.points, &device.profile.modbus, learnt, |_| true);
            let is_whole = |read: &plan::Read| u32::from(read.first) + u32::from(read.count) <= 0x1_0000;
            assert!(plan.due.len() == 40 && plan.reads.iter().all(is_whole));
            let may_be_asked = |stretch: &Stretch| (1..=2_000).contains(&stretch.count);
            assert!(learnt.refused.keys().all(may_be_asked));
        }
    });
}

#[test]
fn whatever_registers_hold_can_be_guessed_at() {
    feed(
        10,
        "Pump 3000 rpm\u{0}\u{0}\u{41}\u{20}\u{0}\u{0}".as_bytes(),
        |bytes| {
            let words = bytes
                .chunks_exact(2)
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            // Up to the last register that there can be.
            let values: BTreeMap<u16, u16> = (65_528..=u16::MAX).zip(words).collect();
            let meanings = meaning(&values);
            assert!(meanings.iter().all(|(at, _)| values.contains_key(at)));
        },
    );
}

/// A device that listens to a topic, with a form of message.
fn listening(topic: &str, points: Vec<Point>, shape: impl FnOnce(&mut MqttForm)) -> Site {
    let mut profile = Profile::clone(&profile(points));
    shape(&mut profile.mqtt);
    let link = Link::Mqtt {
        host: "b".into(),
        port: 1883,
    };
    site(connection(link), [(Unit::Topic(topic.into()), Arc::new(profile))])
}
