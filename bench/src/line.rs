//! The far end of a serial line: units behind a pseudo terminal that is as slow as 9600 8N1, some of which never answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio_serial::{SerialPort, SerialStream};

use crate::trouble::{Outcome, Trouble, While};

/// Bits a second.
pub const BAUD: u32 = 9_600;
/// Units on the line, from 1.
pub const UNITS: u8 = 30;
/// Registers that each is asked for.
pub const REGISTERS: u16 = 10;
/// A start bit, eight data bits, a stop bit.
const BITS_A_BYTE: u32 = 10;
const REQUEST_BYTES: usize = 8;

/// Every third unit is dead: ten of thirty.
pub fn is_dead(unit: u8) -> bool {
    unit.is_multiple_of(3)
}

/// What was asked of the line since it was last taken.
#[derive(Debug, Default)]
pub struct Asked {
    /// From one request to the next of the same unit, of those that answer, in milliseconds.
    pub intervals_ms: Vec<f64>,
    /// Requests to dead units.
    pub of_dead: usize,
    last: HashMap<u8, Instant>,
}

/// A line whose units answer until this goes.
pub struct Line {
    /// The near end: what the gateway opens.
    pub port: String,
    asked: Arc<Mutex<Asked>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Line {
    /// Lays a line.
    ///
    /// # Errors
    /// There are no pseudo terminals.
    pub fn lay() -> Outcome<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .during("the line's async runtime")?;
        let ends = {
            let _inside = runtime.enter();
            SerialStream::pair().during("a pair of pseudo terminals")?
        };
        let (far_end, near_end) = ends;
        let port = near_end.name().during("the name of the line's near end")?;
        let asked = Arc::new(Mutex::new(Asked::default()));
        let (stop, stopped) = oneshot::channel();
        let noted = Arc::clone(&asked);
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                // Held open, so that the far end is not told that nobody is there before the gateway has opened it.
                let _near_end = near_end;
                tokio::select! {
                    _ = stopped => {}
                    Err(error) = serve(far_end, &noted) => eprintln!("line: {error}"),
                }
            });
        });
        Ok(Self {
            port,
            asked,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// What was asked since this was last called.
    ///
    /// # Errors
    /// The line serves no longer.
    pub fn take(&self) -> Outcome<Asked> {
        if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
            return Err(Trouble::new("the far end of the line has ended"));
        }
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let last = asked.last.clone();
        Ok(std::mem::replace(
            &mut asked,
            Asked {
                last,
                ..Asked::default()
            },
        ))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has said what went wrong, if anything did.
            let _ = thread.join();
        }
    }
}

impl Asked {
    fn note(&mut self, unit: u8, now: Instant) {
        if is_dead(unit) {
            self.of_dead += 1;
        } else if let Some(before) = self.last.insert(unit, now) {
            let interval = now.duration_since(before);
            self.intervals_ms.push(interval.as_secs_f64() * 1_000.0);
        }
    }
}

async fn serve(mut line: SerialStream, asked: &Mutex<Asked>) -> std::io::Result<()> {
    let mut request = [0; REQUEST_BYTES];
    loop {
        line.read_exact(&mut request).await?;
        let now = Instant::now();
        let [unit, ..] = request;
        asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .note(unit, now);
        let Some(answer) = answer(&request).filter(|_| !is_dead(unit)) else {
            continue;
        };
        // The terminal itself takes no time, so the answer is held back for as long as both frames take on the line.
        tokio::time::sleep(on_the_line(REQUEST_BYTES + answer.len())).await;
        line.write_all(&answer).await?;
    }
}

/// How long so many bytes take.
fn on_the_line(bytes: usize) -> Duration {
    let bits = u32::try_from(bytes)
        .unwrap_or(u32::MAX)
        .saturating_mul(BITS_A_BYTE);
    Duration::from_secs(1) * bits / BAUD
}

/// The check sum of a frame (Modbus over Serial Line 2.5.1.2); that of a frame with its sum is 0.
fn sum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte), |sum, _| {
            if sum & 1 == 1 { sum >> 1 ^ 0xa001 } else { sum >> 1 }
        })
    })
}

/// The answer to a read of holding registers, each of which holds its own number; `None` to anything else.
fn answer(request: &[u8; REQUEST_BYTES]) -> Option<Vec<u8>> {
    let [unit, 3, first_high, first_low, 0, count, ..] = *request else {
        return None;
    };
    let first = u16::from_be_bytes([first_high, first_low]);
    if sum(request) != 0 {
        return None;
    }
    let mut frame = vec![unit, 3, count.checked_mul(2)?];
    for number in 0..u16::from(count) {
        frame.extend(first.wrapping_add(number).to_be_bytes());
    }
    frame.extend(sum(&frame).to_le_bytes());
    Some(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_registers_take_as_long_as_at_9600_bits_a_second() {
        let request = [1, 3, 0, 0, 0, 10, 0xc5, 0xcd];
        let answer = answer(&request).unwrap();
        assert_eq!((answer.len(), sum(&answer)), (25, 0));
        let took = on_the_line(request.len() + answer.len());
        assert_eq!(took.as_millis(), 34);
        assert_eq!((1..=UNITS).filter(|unit| is_dead(*unit)).count(), 10);
    }

    #[test]
    fn intervals_are_those_of_units_that_answer() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut asked = Asked::default();
        for (unit, ms) in [(1, 0), (3, 50), (2, 100), (1, 2_000), (3, 2_050), (2, 2_110)] {
            asked.note(unit, at(ms));
        }
        let whole_ms: Vec<f64> = asked.intervals_ms.iter().map(|ms| ms.round()).collect();
        assert_eq!((whole_ms, asked.of_dead), (vec![2_000.0, 2_010.0], 2));
    }
}
