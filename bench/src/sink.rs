//! The smallest database there is: takes the second version of InfluxDB's write API and notes when each line arrived.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use flate2::read::MultiGzDecoder;

use crate::farm::registers::STAMPS;
use crate::trouble::{Outcome, Trouble, While};

/// So many latencies are kept between two looks.
const MOST_LATENCIES: usize = 5_000_000;
/// The longest body that is taken.
const LONGEST_BODY: usize = 64 << 20;

/// What arrived.
#[derive(Debug, Default)]
pub struct Arrivals {
    /// Lines.
    pub lines: u64,
    /// From a device's answer to the arrival of its line, in milliseconds, where the line tells when its device answered.
    pub latencies_ms: Vec<f64>,
    /// The different values of the field `number`.
    pub numbers: HashSet<u64>,
    /// When the first and the last body arrived.
    pub first_and_last: Option<(Instant, Instant)>,
}

/// A database that forgets everything but when it came.
pub struct Sink {
    port: u16,
    arrivals: Arc<Mutex<Arrivals>>,
}

impl Sink {
    /// Starts one, on threads of the benchmark itself.
    ///
    /// # Errors
    /// There is no free port.
    pub fn start() -> Outcome<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).during("the sink")?;
        let port = listener.local_addr().during("the sink")?.port();
        let arrivals = Arc::<Mutex<Arrivals>>::default();
        let noted = Arc::clone(&arrivals);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let noted = Arc::clone(&noted);
                std::thread::spawn(move || {
                    if let Err(trouble) = serve(stream, &noted) {
                        eprintln!("sink: {trouble}");
                    }
                });
            }
        });
        Ok(Self { port, arrivals })
    }

    /// Where it is, as a site has it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What has arrived since this was asked last.
    pub fn take(&self) -> Arrivals {
        std::mem::take(&mut *self.arrivals.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many different numbers have arrived since [`Sink::take`].
    pub fn numbers(&self) -> usize {
        let arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        arrivals.numbers.len()
    }
}

fn serve(stream: TcpStream, arrivals: &Mutex<Arrivals>) -> Outcome<()> {
    stream.set_nodelay(true).during("the client's socket")?;
    let mut answers = stream.try_clone().during("the client's socket")?;
    let mut requests = BufReader::new(stream);
    while let Some(length) = body_length(&mut requests)? {
        let mut body = vec![0; length];
        requests.read_exact(&mut body).during("a body")?;
        let at = Instant::now();
        let at_us = since_epoch_us();
        let mut lines = String::new();
        MultiGzDecoder::new(body.as_slice())
            .read_to_string(&mut lines)
            .during("a body that is not gzip")?;
        note(
            &lines,
            at,
            at_us,
            &mut arrivals.lock().unwrap_or_else(PoisonError::into_inner),
        );
        answers
            .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
            .during("an answer")?;
    }
    Ok(())
}

/// Reads a request's head; the length of its body, or `None` at the end of the connection.
fn body_length(requests: &mut impl BufRead) -> Outcome<Option<usize>> {
    let mut length = 0;
    let mut line = String::new();
    loop {
        line.clear();
        if requests.read_line(&mut line).during("a request's head")? == 0 {
            return Ok(None);
        }
        let text = line.trim().to_ascii_lowercase();
        if text.is_empty() {
            return Ok(Some(length));
        }
        if let Some(value) = text.strip_prefix("content-length:") {
            length = value.trim().parse().during("content-length")?;
            if length > LONGEST_BODY {
                return Err(Trouble::new(format!("a body of {length} bytes is too long")));
            }
        }
    }
}

fn note(lines: &str, at: Instant, at_us: u64, arrivals: &mut Arrivals) {
    let first = arrivals.first_and_last.map_or(at, |(first, _)| first);
    arrivals.first_and_last = Some((first, at));
    for line in lines.lines() {
        arrivals.lines += 1;
        if let Some(answered_us) = answered_us(line) {
            if arrivals.latencies_ms.len() < MOST_LATENCIES {
                // Both are modulo 2^48, so that their difference is, too.
                let micros = at_us.wrapping_sub(answered_us) & 0xffff_ffff_ffff;
                arrivals.latencies_ms.push(micros as f64 / 1_000.0);
            }
        } else if let Some(number) = field(line, "number") {
            arrivals.numbers.insert(number);
        }
    }
}

/// When the device of a line answered, in microseconds since the epoch modulo 2^48.
fn answered_us(line: &str) -> Option<u64> {
    let [high, middle, low, _] = STAMPS;
    Some(field(line, high)? << 32 | field(line, middle)? << 16 | field(line, low)?)
}

/// A field of a line as a whole number.
fn field(line: &str, name: &str) -> Option<u64> {
    let mut rest = line;
    loop {
        let (before, after) = rest.split_at_checked(rest.find(name)?)?;
        let value = after.get(name.len()..)?;
        if before.ends_with([',', ' '])
            && let Some(value) = value.strip_prefix('=')
        {
            return value.split([',', ' ', '.']).next()?.parse().ok();
        }
        rest = value;
    }
}

fn since_epoch_us() -> u64 {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_from_a_device_s_answer_to_its_line_is_noted() {
        let answered = 0x0001_0002_0003_u64;
        let line = "power,site=a,device=number-1 stamp_high=1,stamp_middle=2,stamp_low=3,answers=9 17\n";
        let mut arrivals = Arrivals::default();
        note(line, Instant::now(), answered + 31_000 + (5 << 48), &mut arrivals);
        assert_eq!(arrivals.latencies_ms, [31.0]);
        assert!(arrivals.numbers.is_empty());
    }

    #[test]
    fn a_message_that_comes_twice_is_one_number() {
        let mut arrivals = Arrivals::default();
        let lines =
            "low_current,device=cabinet-1 number=7,x=1 1\nlow_current,device=cabinet-1 number=7,x=1 2\n";
        note(lines, Instant::now(), 0, &mut arrivals);
        assert_eq!((arrivals.lines, arrivals.numbers.len()), (2, 1));
    }
}
