//! What becomes of messages that bring their own time, when the clock of their device is set back.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::{
    Batch, Connection, ConnectionIndex, DataType, DeviceIndex, Link, MqttForm, MqttVersion, Profile, Unit,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::listen::{Arrival, Listener};
use super::packets::{self, Said};
use super::waiting_tests::says;
use crate::Field;
use crate::test_site::{connection, point_in_json, profile, site};

const INTERVAL: Duration = Duration::from_secs(10);

/// A site whose one device on `a` says when it measured.
fn telling_its_time() -> model::Site {
    let broker = Connection {
        interval: INTERVAL,
        ..connection(Link::Mqtt {
            host: "127.0.0.1".into(),
            port: 1883,
        })
    };
    let form = MqttForm {
        time: Some("/t".into()),
        ..MqttForm::default()
    };
    let profile = Profile {
        mqtt: form,
        ..Profile::clone(&profile(vec![point_in_json("/v", DataType::F64)]))
    };
    site(broker, [(Unit::Topic("a".into()), Arc::new(profile))])
}

/// What is delivered of a device that says these times, in seconds, one each interval.
async fn delivered(own_times: &[i64]) -> Vec<Batch> {
    let field = Field::new(Arc::new(telling_its_time()));
    let broker = field.site().connections.get(ConnectionIndex(0)).unwrap();
    let (intake, mut deliveries) = mpsc::channel(1_000);
    let (to_settle, _unsettled) = mpsc::channel(1_000);
    let (replies, _to_say) = mpsc::channel(10);
    let mut listener = Listener::new(&field, broker, &[DeviceIndex(0)], intake, to_settle, replies);
    let (arrivals, arrived) = mpsc::channel(10);
    let saying = async move {
        for (time, number) in own_times.iter().zip(1..) {
            let text = format!(r#"{{"v": {number}, "t": {time}}}"#);
            let mut packet = says(MqttVersion::V5, number, &text).as_slice().into();
            let Ok(Some(Said::Message(message))) = packets::next(MqttVersion::V5, 100, &mut packet) else {
                panic!("no message");
            };
            let arrival = Arrival {
                message,
                era: 1,
                at: Timestamp::from_second(2_000_000_000 + 10 * i64::from(number)).unwrap(),
                room: None,
            };
            arrivals.send(arrival).await.unwrap();
            tokio::time::sleep(INTERVAL).await;
        }
    };
    tokio::join!(saying, listener.go_on(arrived, CancellationToken::new()));
    drop(listener);
    let mut delivered = Vec::new();
    while let Some(delivery) = deliveries.recv().await {
        delivered.push(delivery.batch);
    }
    delivered
}

/// Whether each that is given brings a value, and is newer than all before it.
fn seen(batches: &[Batch]) -> Vec<(bool, bool)> {
    let mut newest: Option<&Batch> = None;
    let look = |batch| {
        let is_newer = newest.is_none_or(|newest: &Batch| Batch::order(batch).is_newer_than(newest.order()));
        if is_newer {
            newest = Some(batch);
        }
        (batch.samples[0].reading.is_good(), is_newer)
    };
    batches.iter().map(look).collect()
}

#[tokio::test(start_paused = true)]
async fn a_device_whose_clock_was_set_back_is_told_as_silent_once_and_heard_again() {
    let summer = 2_000_000_000;
    let winter = summer - 3_600;
    let times = [0, 10].map(|second| summer + second);
    let back = [20, 30, 40, 50, 60, 70].map(|second| winter + second);
    let batches = delivered(&[times.as_slice(), &back].concat()).await;
    let (new, past, silent) = ((true, true), (true, false), (false, true));
    // It had been heard anew at 10 s, so it is silent from 40 s on.
    assert_eq!(
        seen(&batches),
        [new, new, past, past, silent, new, new, new, new],
        "{batches:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_device_says_twice_in_a_second_that_it_counts_in_seconds_is_new_both_times() {
    let batches = delivered(&[2_000_000_000, 2_000_000_000]).await;
    assert_eq!(seen(&batches), [(true, true); 2]);
}
