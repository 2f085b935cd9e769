//! Looks at every meter in the live image, and hands readings to the desk.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use model::{DeviceIndex, Reading, Site, Value};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{Looks, MeterReading, wraps_at};
use crate::desk::{Command, DeskHandle};
use crate::live::Live;

/// How often meters are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// A meter that was silent for so long may have been replaced meanwhile.
const PAUSE: SignedDuration = SignedDuration::from_mins(5);
/// How often what they counted is written; and at each midnight, so that a day's total is its own.
const WRITE_EVERY: SignedDuration = SignedDuration::from_mins(10);

/// What looks at the meters.
pub struct MeterWatch {
    /// The site.
    pub site: Arc<Site>,
    /// Where their newest readings are.
    pub live: Arc<RwLock<Live>>,
    /// Who writes.
    pub desk: DeskHandle,
}

impl MeterWatch {
    /// Looks until it is told to stop. What was not written by then is counted at the first reading after the next start.
    pub async fn run(self, stop: CancellationToken) {
        let mut book = Book::of(&self.site);
        if book.meters.is_empty() {
            return;
        }
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let now = Timestamp::now();
            let due = book.due(now, &self.site);
            if !due.is_empty() {
                match self.desk.ask(Command::ReadMeters(due)).await {
                    Ok(_) => book.failing = false,
                    Err(denial) => {
                        if !book.failing {
                            warn!(%denial, "what meters counted could not be stored; it is counted at the next reading that can be");
                        }
                        book.failing = true;
                    }
                }
            }
            let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
            book.look(&live);
        }
    }
}

/// A site's meters, with what was seen of them.
struct Book {
    meters: Vec<Meter>,
    written: Option<(Timestamp, Date)>,
    failing: bool,
}

struct Meter {
    device: DeviceIndex,
    device_id: String,
    position: usize,
    point: String,
    wraps_at: Vec<f64>,
    looks: Looks,
    /// When it was read last.
    seen_at: Option<Timestamp>,
    /// And when it had been read last as it was written: a meter that is silent since has not counted nothing, but is not known.
    written_at: Option<Timestamp>,
}

impl Book {
    fn of(site: &Site) -> Self {
        let mut meters = Vec::new();
        for (index, device) in site.devices.iter() {
            for (position, point) in device.profile.points.iter().enumerate() {
                if point.meter.is_some() {
                    meters.push(Meter {
                        device: index,
                        device_id: device.id.clone(),
                        position,
                        point: point.name.clone(),
                        wraps_at: wraps_at(point),
                        looks: Looks::default(),
                        seen_at: None,
                        written_at: None,
                    });
                }
            }
        }
        Self {
            meters,
            written: None,
            failing: false,
        }
    }

    fn look(&mut self, live: &Live) {
        for meter in &mut self.meters {
            let Some((_, point)) = live.points_of(meter.device).nth(meter.position) else {
                continue;
            };
            if let (Reading::Good(Value::Number(value)), Some(at)) = (point.reading, point.at)
                && meter.seen_at.is_none_or(|seen| seen < at)
            {
                // It may be another meter by now, which the old one's readings say nothing about.
                if meter.seen_at.is_some_and(|seen| at.duration_since(seen) > PAUSE) {
                    meter.looks = Looks::default();
                }
                meter.looks.see(*value);
                meter.seen_at = Some(at);
            }
        }
    }

    /// The readings that are to be written now: every ten minutes, and once a day is over what was seen before its end.
    fn due(&mut self, now: Timestamp, site: &Site) -> Vec<MeterReading> {
        let today = now.to_zoned_datetime(site.timezone.clone()).date();
        let (since, day) = self.written.unwrap_or((Timestamp::MIN, today));
        let is_over = day != today;
        if !is_over && now.duration_since(since) < WRITE_EVERY {
            return Vec::new();
        }
        let readings: Vec<_> = self
            .meters
            .iter_mut()
            .filter_map(|meter| {
                let seen_at = meter.seen_at.filter(|_| meter.seen_at > meter.written_at)?;
                let value = meter.looks.believed()?;
                meter.written_at = meter.seen_at;
                Some(MeterReading {
                    device: meter.device_id.clone(),
                    point: meter.point.clone(),
                    day,
                    at: seen_at,
                    value,
                    wraps_at: meter.wraps_at.clone(),
                })
            })
            .collect();
        if !readings.is_empty() || is_over {
            self.written = Some((now, today));
        }
        readings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Batch, Folder, Sample};

    fn site() -> Site {
        let folder = Folder::of_texts([
            (
                "gateway.toml",
                "site = { id = \"yard\", name = \"小院\", timezone = \"Asia/Shanghai\" }\n[connections.room]\nurl = \"modbus+tcp://127.0.0.1:1\"\n",
            ),
            (
                "devices.csv",
                "id,name,profile,connection,unit,building,location,interval,in_service\nmeter-1,总表,power-meter,room,1,,,,true\n",
            ),
        ]);
        model::load(&folder, []).site
    }

    #[test]
    fn meters_are_written_every_ten_minutes_and_what_was_seen_before_midnight_belongs_to_the_day() {
        let site = site();
        let (mut book, mut live) = (Book::of(&site), Live::new(&site));
        let device = site.devices.values().next().unwrap();
        let (energy, _) = device.profile.point("energy").unwrap();
        // 23:30 in Shanghai on the 24th.
        let begin: Timestamp = "2026-11-24T15:30:00Z".parse().unwrap();
        let mut written = Vec::new();
        for minute in 0..45 {
            let now = begin + SignedDuration::from_mins(minute);
            written.extend(book.due(now, &site));
            let (point, _) = device.points().nth(energy).unwrap();
            live.take(&Batch {
                device: DeviceIndex(0),
                at: now,
                order: 0,
                samples: vec![Sample {
                    point,
                    reading: Reading::Good(Value::Number(1_000.0 + minute as f64)),
                }],
            });
            book.look(&live);
        }
        let told: Vec<_> = written
            .iter()
            .map(|reading| {
                let minute = reading.at.duration_since(begin).as_secs() / 60;
                format!("{minute} {} {}", reading.day.day(), reading.value)
            })
            .collect();
        assert_eq!(
            told,
            [
                "2 24 1001",
                "12 24 1011",
                "22 24 1021",
                "29 24 1028",
                "39 25 1038"
            ]
        );
    }

    #[test]
    fn a_meter_that_has_fallen_silent_is_not_written_as_counting_nothing() {
        let site = site();
        let (mut book, mut live) = (Book::of(&site), Live::new(&site));
        let device = site.devices.values().next().unwrap();
        let (energy, _) = device.profile.point("energy").unwrap();
        let (point, _) = device.points().nth(energy).unwrap();
        let begin: Timestamp = "2026-11-24T00:00:00Z".parse().unwrap();
        let mut written = Vec::new();
        for minute in 0..60 {
            let now = begin + SignedDuration::from_mins(minute);
            written.extend(book.due(now, &site));
            if !(15..40).contains(&minute) {
                let value = if minute < 15 { 1_000.0 } else { 5.0 } + minute as f64;
                live.take(&Batch {
                    device: DeviceIndex(0),
                    at: now,
                    order: 0,
                    samples: vec![Sample {
                        point,
                        reading: Reading::Good(Value::Number(value)),
                    }],
                });
            }
            book.look(&live);
        }
        let told: Vec<_> = written
            .iter()
            .map(|reading| (reading.at.duration_since(begin).as_secs() / 60, reading.value))
            .collect();
        assert_eq!(
            told,
            [(2, 1001.0), (12, 1011.0), (14, 1013.0), (42, 46.0), (52, 56.0)]
        );
    }

    #[test]
    fn a_meter_that_does_not_answer_is_not_read() {
        let site = site();
        let mut book = Book::of(&site);
        let live = Live::new(&site);
        for minute in 0..30 {
            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute);
            assert_eq!(book.due(now, &site), []);
            book.look(&live);
        }
    }
}
