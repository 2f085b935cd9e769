//! The little HTTP that a benchmark asks with, and Prometheus's text format as far as it is read here.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::trouble::{Outcome, Trouble, While};

const LIMIT: Duration = Duration::from_secs(20);

/// GETs a path of `127.0.0.1:PORT`; the body of an answer with status 200.
///
/// # Errors
/// Nobody answers there, or not with 200.
pub fn get(address: &str, path: &str) -> Outcome<String> {
    let doing = format_args!("GET http://{address}{path}");
    let mut stream = TcpStream::connect(address).during(doing)?;
    stream.set_read_timeout(Some(LIMIT)).during(doing)?;
    // Of version 1.0, so that the answer is neither chunked nor followed by another.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").during(doing)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).during(doing)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").during(doing)?;
    if head.split(' ').nth(1) != Some("200") {
        let first = head.lines().next().unwrap_or_default();
        return Err(Trouble::new(format!("{doing}: {first}")));
    }
    Ok(body.to_owned())
}

/// Sends a whole request of version 1.0; the body of an answer with that status, as it came.
///
/// # Errors
/// Nobody answers there, or with another status.
pub fn exchange(address: &str, request: &str, status: u16) -> Outcome<Vec<u8>> {
    let first = request.lines().next().unwrap_or_default();
    let mut stream = TcpStream::connect(address).during(first)?;
    stream.set_read_timeout(Some(LIMIT)).during(first)?;
    stream.write_all(request.as_bytes()).during(first)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).during(first)?;
    let head_ends = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .during(first)?;
    let head = String::from_utf8_lossy(answer.get(..head_ends).unwrap_or_default()).into_owned();
    let line = head.lines().next().unwrap_or_default();
    if line.split(' ').nth(1) != Some(&status.to_string()) {
        return Err(Trouble::new(format!("{first}: {line}")));
    }
    Ok(answer.split_off(head_ends + 4))
}

/// Waits until a path answers with 200.
///
/// # Errors
/// It does not within the limit.
pub fn wait_until_answers(address: &str, path: &str, limit: Duration) -> Outcome<()> {
    let until = Instant::now() + limit;
    loop {
        match get(address, path) {
            Ok(_) => return Ok(()),
            Err(trouble) if Instant::now() > until => return Err(trouble),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// The sum of a metric's series, whatever their labels; or of those with `label` in them.
pub fn sum(metrics: &str, name: &str, label: &str) -> f64 {
    let value = |line: &str| {
        let rest = line.strip_prefix(name)?;
        let is_it = rest.starts_with(['{', ' ']) && rest.contains(label);
        is_it
            .then(|| rest.rsplit(' ').next()?.parse::<f64>().ok())
            .flatten()
    };
    metrics.lines().filter_map(value).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_one_name_are_summed_and_no_others() {
        let text = "# TYPE late counter\nlate{device=\"a\"} 2\nlate{device=\"b\"} 3\nlater 9\nlate 1\n";
        assert_eq!(sum(text, "late", ""), 6.0);
        assert_eq!(sum(text, "late", "device=\"b\""), 3.0);
        assert_eq!(sum(text, "rows", ""), 0.0);
    }
}
