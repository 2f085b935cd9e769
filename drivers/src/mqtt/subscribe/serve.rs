//! What is done while a connection holds: passes messages on as there is room, and acknowledges what is stored.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::acks::{Acks, Reply, Then};
use super::super::line::Line;
use super::super::listen::Arrival;
use super::super::packets::{Message, Said};
use super::{Ended, Subscriber, UNREAD_MOST_BYTES};

/// So many replies are taken at one wake-up.
const REPLIES_AT_ONCE: usize = 512;
/// How long after a message that could not be stored the broker is made to send it again.
const REDELIVERY_PAUSE: Duration = if cfg!(test) {
    Duration::from_millis(300)
} else {
    Duration::from_secs(10)
};
/// How often the broker is asked again for the topics that it refused, since nobody tells us that its access list was mended.
const REFUSED_AGAIN: Duration = if cfg!(test) {
    Duration::from_millis(300)
} else {
    Duration::from_secs(300)
};
/// How long the end of a connection may wait for the receipts of what was delivered.
const LAST_RECEIPTS: Duration = Duration::from_secs(1);

impl Subscriber {
    /// Passes messages on and acknowledges what is stored, as long as the connection holds.
    pub(super) async fn serve(
        &mut self,
        mut line: Line,
        replies: &mut mpsc::Receiver<Reply>,
        stop: &CancellationToken,
    ) -> Ended {
        let mut acks = Acks::of(self.era);
        let mut ask_again_at = None;
        let (arrivals, unread) = (self.arrivals.clone(), self.unread.clone());
        let mut said = Vec::with_capacity(REPLIES_AT_ONCE);
        loop {
            if let Err(ended) = self.take_what_arrived(&mut line) {
                if matches!(ended, Ended::Unreadable(_)) {
                    self.settle_the_rest(&mut line, acks, replies, stop).await;
                }
                return ended;
            }
            tokio::select! {
                // What was stored comes before what comes next, and goes out together.
                biased;
                () = stop.cancelled() => {
                    self.say_goodbye(line, acks, replies).await;
                    return Ended::Stop;
                }
                count = replies.recv_many(&mut said, REPLIES_AT_ONCE) => {
                    if count == 0 {
                        return Ended::Stop;
                    }
                    for reply in said.drain(..) {
                        if self.reply(&mut line, &mut acks, reply) == Then::AskAgain {
                            ask_again_at = Some(Instant::now() + REDELIVERY_PAUSE);
                        }
                    }
                }
                () = reached(ask_again_at) => return Ended::Again,
                () = reached(self.ask_refused_at) => {
                    self.ask_refused_at = None;
                    // An answer that is still to come sets the next time.
                    if !self.topics.are_asked() {
                        let refused = self.topics.refused();
                        self.subscribe(&mut line, &refused);
                    }
                }
                room = room_for(self.held.as_ref(), &unread, &arrivals), if self.held.is_some() => match room {
                    Some((bytes, place)) => {
                        if let Some(arrival) = self.held.take() {
                            place.send(Arrival { room: Some(bytes), ..arrival });
                        }
                    }
                    None => return Ended::Stop,
                },
                went_on = line.go_on(self.held.is_none()) => if let Err(why) = went_on {
                    return Ended::Broke(why);
                },
            }
        }
    }

    /// Takes what has arrived, as far as there is room for it.
    fn take_what_arrived(&mut self, line: &mut Line) -> Result<(), Ended> {
        while self.held.is_none()
            && let Some(said) = line.said().map_err(Ended::Unreadable)?
        {
            match said {
                Said::Message(message) => self.pass_on(message),
                Said::Subscribed(refused) => self.subscribed(&refused),
                Said::WantsBack(packet) => line.acknowledge(packet),
                Said::Ends(reason) => {
                    return Err(Ended::Broke(format!("the broker ends the connection: {reason}")));
                }
                Said::Connected { .. } | Said::Nothing => {}
            }
        }
        Ok(())
    }

    fn pass_on(&mut self, message: Message) {
        self.meters.messages.increment(1);
        let may_be_lost = message.acknowledgement.is_none();
        let arrival = Arrival {
            message,
            era: self.era,
            at: Timestamp::now(),
            room: None,
        };
        let (unread, needed) = (self.unread.clone(), bytes_of(&arrival));
        let refused = match unread.try_acquire_many_owned(needed) {
            Ok(bytes) => {
                let room = Some(bytes);
                let sent = self.arrivals.try_send(Arrival { room, ..arrival });
                sent.err().map(mpsc::error::TrySendError::into_inner)
            }
            Err(_) => Some(arrival),
        };
        match refused {
            Some(_) if may_be_lost => self.meters.messages_dropped.increment(1),
            // It waits for both at once: what it had of one would be missing to itself.
            refused => {
                self.held = refused.map(|arrival| Arrival {
                    room: None,
                    ..arrival
                })
            }
        }
    }

    /// Sends a reply if it is one to this connection's messages; what follows of it was done, but for asking again.
    fn reply(&mut self, line: &mut Line, acks: &mut Acks, reply: Reply) -> Then {
        let settled = match reply {
            Reply::Settled(settled) => settled,
            Reply::Command { topic, payload } => {
                if let Err(error) = line.command(&topic, payload) {
                    tracing::warn!(
                        connection = self.connection.name,
                        topic,
                        error,
                        "a command cannot be sent"
                    );
                }
                return Then::Leave;
            }
        };
        let then = acks.then(settled);
        match then {
            Then::Acknowledge(acknowledgement) => {
                self.has_acknowledged = true;
                line.acknowledge(acknowledgement);
            }
            Then::AskAgain => tracing::warn!(
                connection = self.connection.name,
                "a message could not be stored; it stays unacknowledged and is asked for again"
            ),
            Then::Leave => {}
        }
        then
    }

    fn subscribed(&mut self, codes: &[Option<String>]) {
        let news = self.topics.answered(codes);
        let name = &self.connection.name;
        for (topic, code) in news.refused {
            let next = "its devices stay silent until the broker's access list allows it; it is asked again every 5 minutes";
            tracing::error!(
                connection = name,
                topic,
                code,
                "the broker refuses a topic; {next}"
            );
        }
        for topic in news.allowed {
            tracing::info!(
                connection = name,
                topic,
                "the broker allows a topic that it refused"
            );
        }
        if codes.iter().any(Option::is_some) {
            self.ask_refused_at = Some(Instant::now() + REFUSED_AGAIN);
        }
    }

    /// Acknowledges what is stored within a moment, and reads nothing more: what could be read before what could not is stored once.
    async fn settle_the_rest(
        &mut self,
        line: &mut Line,
        mut acks: Acks,
        replies: &mut mpsc::Receiver<Reply>,
        stop: &CancellationToken,
    ) {
        let settling = async {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    reply = replies.recv() => match reply {
                        Some(reply) => _ = self.reply(line, &mut acks, reply),
                        None => return,
                    },
                    went_on = line.go_on(false) => if went_on.is_err() { return },
                }
            }
        };
        // That the time is over is how it usually ends.
        let _ = tokio::time::timeout(LAST_RECEIPTS, settling).await;
    }

    /// Sends the acknowledgements of what is stored within a moment, then disconnects; the broker keeps the session.
    async fn say_goodbye(&mut self, mut line: Line, mut acks: Acks, replies: &mut mpsc::Receiver<Reply>) {
        let goodbye = async {
            loop {
                line.forget();
                tokio::select! {
                    reply = replies.recv() => match reply {
                        Some(reply) => _ = self.reply(&mut line, &mut acks, reply),
                        None => break,
                    },
                    went_on = line.go_on(true) => if went_on.is_err() { return },
                }
            }
            line.disconnect();
            // The broker closes once it has read all that we sent; closing before it could take the last from it.
            while line.go_on(true).await.is_ok() {
                line.forget();
            }
        };
        if tokio::time::timeout(LAST_RECEIPTS, goodbye).await.is_err() {
            tracing::debug!(
                connection = self.connection.name,
                "stopped without waiting longer; unacknowledged messages come again"
            );
        }
    }
}

/// The bytes that a message takes up while it waits to be read. One that is larger than all the room takes all of it.
fn bytes_of(arrival: &Arrival) -> u32 {
    u32::try_from(arrival.message.bytes()).map_or(UNREAD_MOST_BYTES, |bytes| bytes.min(UNREAD_MOST_BYTES))
}

/// Waits until there is room for what is held; `None` when nobody reads any more.
async fn room_for<'queue>(
    held: Option<&Arrival>,
    unread: &Arc<Semaphore>,
    arrivals: &'queue mpsc::Sender<Arrival>,
) -> Option<(OwnedSemaphorePermit, mpsc::Permit<'queue, Arrival>)> {
    let bytes = unread.clone().acquire_many_owned(held.map_or(0, bytes_of));
    // Whoever reads drops what it has not read when it goes, which makes room.
    let bytes = bytes.await.ok()?;
    Some((bytes, arrivals.reserve().await.ok()?))
}

async fn reached(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
