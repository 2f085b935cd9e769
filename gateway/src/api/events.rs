//! Server-sent events: what changes, as it changes, rendered once for all who listen.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Query, State as Extract};
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use model::{Dense, DeviceIndex};
use serde::Deserialize;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use utoipa::IntoParams;

use super::{Shared, State};
use crate::desk::Changed;
use crate::view::{AlarmView, TicketView};

/// So many events of alarms and tickets can be replayed to one who was away.
const REPLAYED: usize = 1024;
/// So many events may wait for a slow listener; beyond it they are told to fetch everything again.
const WAITING: usize = 4096;
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A device's event comes at most so often.
const DEVICE_EVERY: Duration = Duration::from_secs(1);
const GATEWAY_EVERY: Duration = Duration::from_secs(5);

/// One event, rendered.
#[derive(Debug)]
struct Told {
    /// Its number; none for what is never replayed.
    number: Option<u64>,
    kind: &'static str,
    /// For events of devices: the device's id and class.
    device: Option<(String, String)>,
    data: String,
}

/// Everybody who listens.
pub struct Hub {
    /// Tells this process's numbers from those of one before.
    boot: i64,
    told: broadcast::Sender<Arc<Told>>,
    recent: Mutex<(u64, VecDeque<Arc<Told>>)>,
}

impl Hub {
    /// A hub of a gateway that started at a moment.
    pub fn new(started_at: Timestamp) -> Self {
        let (told, _) = broadcast::channel(WAITING);
        Self {
            boot: started_at.as_millisecond(),
            told,
            recent: Mutex::new((0, VecDeque::new())),
        }
    }

    fn has_listeners(&self) -> bool {
        self.told.receiver_count() > 0
    }

    /// Tells everybody something that can be replayed.
    fn tell(&self, kind: &'static str, data: String) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.0 += 1;
        let told = Arc::new(Told {
            number: Some(recent.0),
            kind,
            device: None,
            data,
        });
        recent.1.push_back(Arc::clone(&told));
        if recent.1.len() > REPLAYED {
            recent.1.pop_front();
        }
        // Sent under the lock, so that one who has just taken what is recent hears it exactly once.
        let _ = self.told.send(told);
    }

    /// Tells everybody something that is never replayed.
    fn tell_once(&self, kind: &'static str, device: Option<(String, String)>, data: String) {
        let _ = self.told.send(Arc::new(Told {
            number: None,
            kind,
            device,
            data,
        }));
    }

    /// A listener, and what they missed since `last`; `None` when that is not known any more.
    fn join(&self, last: Option<&str>) -> (broadcast::Receiver<Arc<Told>>, Option<Vec<Arc<Told>>>) {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let listener = self.told.subscribe();
        let Some(last) = last else {
            return (listener, Some(Vec::new()));
        };
        let number = last
            .split_once('-')
            .filter(|(boot, _)| boot.parse() == Ok(self.boot));
        let number = number
            .and_then(|(_, number)| number.parse::<u64>().ok())
            .filter(|number| *number <= recent.0);
        let oldest = recent
            .1
            .front()
            .and_then(|told| told.number)
            .unwrap_or(recent.0 + 1);
        let missed = number.filter(|number| number + 1 >= oldest).map(|number| {
            recent
                .1
                .iter()
                .filter(|told| told.number > Some(number))
                .cloned()
                .collect()
        });
        (listener, missed)
    }

    fn event(&self, told: &Told) -> Event {
        let event = Event::default().event(told.kind).data(&told.data);
        match told.number {
            Some(number) => event.id(format!("{}-{number}", self.boot)),
            None => event,
        }
    }
}

/// Which events of devices.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Narrowed {
    /// Only of this device.
    device: Option<String>,
    /// Only of devices of this class.
    class: Option<String>,
}

impl Narrowed {
    fn wants(&self, told: &Told) -> bool {
        told.device.as_ref().is_none_or(|(id, class)| {
            self.device.as_ref().is_none_or(|wanted| wanted == id)
                && self.class.as_ref().is_none_or(|wanted| wanted == class)
        })
    }
}

/// Events `device`, `alarm`, `ticket`, `gateway` with the whole object; `reset` says: fetch everything again.
#[utoipa::path(get, path = "/api/v1/events", params(Narrowed, ("Last-Event-ID" = Option<String>, Header)),
    responses((status = 200, content_type = "text/event-stream", description = "Events without end")))]
pub async fn listen(
    Extract(shared): State,
    Query(narrowed): Query<Narrowed>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let last = headers.get("last-event-id").and_then(|last| last.to_str().ok());
    let (listener, missed) = shared.hub.join(last);
    let reset = || Event::default().event("reset").data("{}");
    let first: Vec<Event> = match missed {
        None => vec![reset()],
        Some(missed) => missed.iter().map(|told| shared.hub.event(told)).collect(),
    };
    let stop = shared.stop.clone();
    let rest = BroadcastStream::new(listener).filter_map(move |told| {
        let event = match told {
            Ok(told) if narrowed.wants(&told) => Some(shared.hub.event(&told)),
            Ok(_) => None,
            Err(BroadcastStreamRecvError::Lagged(_)) => Some(reset()),
        };
        std::future::ready(event)
    });
    let events = futures::stream::iter(first)
        .chain(rest)
        .map(Ok)
        .take_until(stop.cancelled_owned());
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

/// Tells listeners of changes until the gateway stops.
pub async fn publish(shared: Arc<Shared>, mut changed: broadcast::Receiver<Changed>) {
    let mut devices = DeviceEvents::new(&shared);
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut gateway_at = tokio::time::Instant::now();
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            change = changed.recv() => match change {
                Ok(change) => tell(&shared, &change),
                // Nobody can say what was missed: everybody fetches again.
                Err(broadcast::error::RecvError::Lagged(_)) => shared.hub.tell("reset", "{}".to_owned()),
                Err(broadcast::error::RecvError::Closed) => return,
            },
            now = look.tick() => {
                if shared.hub.has_listeners() {
                    devices.tell(&shared, now);
                }
                if now >= gateway_at {
                    gateway_at = now + GATEWAY_EVERY;
                    shared.metrics.run_upkeep();
                    if shared.hub.has_listeners() {
                        let view = super::gateway::view(&shared, Timestamp::now());
                        shared.hub.tell_once("gateway", None, view.to_string());
                    }
                }
            }
        }
    }
}

fn tell(shared: &Shared, change: &Changed) {
    match change {
        Changed::Alarm(alarm) => {
            let view = AlarmView::new(alarm, &shared.site.timezone);
            shared
                .hub
                .tell("alarm", serde_json::to_string(&view).unwrap_or_default());
        }
        Changed::Ticket(ticket) => {
            let view = TicketView::new(ticket, &shared.calendar, Timestamp::now());
            shared
                .hub
                .tell("ticket", serde_json::to_string(&view).unwrap_or_default());
        }
    }
}

/// What listeners were told of each device.
struct DeviceEvents {
    told: Dense<DeviceIndex, (u64, Option<tokio::time::Instant>)>,
}

impl DeviceEvents {
    fn new(shared: &Shared) -> Self {
        Self {
            told: Dense::build(shared.site.devices.len(), |_| (0, None)),
        }
    }

    /// Tells of devices that changed and were not told of within the last second.
    fn tell(&mut self, shared: &Shared, now: tokio::time::Instant) {
        for (index, device) in shared.site.devices.iter() {
            let version = shared
                .live
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .version(index);
            let (told, at) = self.told.at_mut(index);
            if version == *told || at.is_some_and(|at| now.duration_since(at) < DEVICE_EVERY) {
                continue;
            }
            (*told, *at) = (version, Some(now));
            let view = super::devices::view(shared, index, device, None);
            let of = (device.id.clone(), device.profile.class.to_string());
            shared.hub.tell_once(
                "device",
                Some(of),
                serde_json::to_string(&view).unwrap_or_default(),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub() -> Hub {
        Hub::new(Timestamp::from_second(1_795_000_000).unwrap())
    }

    fn numbers(missed: Option<Vec<Arc<Told>>>) -> Option<Vec<u64>> {
        missed.map(|missed| missed.iter().filter_map(|told| told.number).collect())
    }

    #[test]
    fn one_who_was_away_hears_what_they_missed() {
        let hub = hub();
        (0..5).for_each(|_| hub.tell("alarm", "{}".into()));
        let last = format!("{}-3", hub.boot);
        assert_eq!(numbers(hub.join(Some(&last)).1), Some(vec![4, 5]));
        assert_eq!(numbers(hub.join(None).1), Some(vec![]));
    }

    #[test]
    fn one_who_was_away_too_long_or_over_a_restart_is_told_to_begin_again() {
        let hub = hub();
        (0..REPLAYED + 5).for_each(|_| hub.tell("alarm", "{}".into()));
        assert_eq!(numbers(hub.join(Some(&format!("{}-1", hub.boot))).1), None);
        assert_eq!(numbers(hub.join(Some("1-3")).1), None);
        assert_eq!(numbers(hub.join(Some("nonsense")).1), None);
    }
}
