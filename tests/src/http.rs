//! A small HTTP client over a plain socket: one request, one connection, and a stream of events.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(10);

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The lines of the head, without the status line.
    pub head: String,
    /// The body, as text.
    pub body: String,
}

impl Answer {
    /// The body as JSON; panics with the body if it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }

    /// The answer itself if its status is as expected; panics otherwise.
    #[track_caller]
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }
}

/// GETs a URL; the error says why there was no answer.
pub fn get(url: &str) -> std::io::Result<Answer> {
    request("GET", url, None)
}

/// POSTs JSON to a URL.
pub fn post(url: &str, body: &Value) -> std::io::Result<Answer> {
    request("POST", url, Some(("application/json", &body.to_string())))
}

/// POSTs a text as a file to a URL.
pub fn upload(url: &str, text: &str) -> std::io::Result<Answer> {
    request("POST", url, Some(("application/octet-stream", text)))
}

/// DELETEs a URL.
pub fn delete(url: &str) -> std::io::Result<Answer> {
    request("DELETE", url, None)
}

/// A body is its media type and its text.
fn request(method: &str, url: &str, body: Option<(&str, &str)>) -> std::io::Result<Answer> {
    let mut reader = BufReader::new(send(method, url, body, "close")?);
    let (status, head) = read_head(&mut reader)?;
    let mut body = Vec::new();
    if head.contains("transfer-encoding: chunked") {
        while let Some(chunk) = read_chunk(&mut reader)? {
            body.extend(chunk);
        }
    } else if let Some(length) = content_length(&head) {
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
    } else if status != 204 {
        reader.read_to_end(&mut body)?;
    }
    Ok(Answer {
        status,
        head,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

fn send(method: &str, url: &str, body: Option<(&str, &str)>, connection: &str) -> std::io::Result<TcpStream> {
    let rest = url.strip_prefix("http://").expect("an http:// URL");
    let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut text = format!("{method} /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: {connection}\r\n");
    if let Some((kind, body)) = body {
        text += &format!(
            "Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
    } else {
        text += "\r\n";
    }
    stream.write_all(text.as_bytes())?;
    Ok(stream)
}

/// The status, and the head's other lines with their names in small letters.
fn read_head(reader: &mut impl BufRead) -> std::io::Result<(u16, String)> {
    let mut status_line = String::new();
    reader.read_line(&mut status_line)?;
    let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| std::io::Error::other(format!("no status line: {status_line:?}")))?;
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            return Ok((status, head));
        }
        head.push_str(&line.to_ascii_lowercase());
    }
}

fn content_length(head: &str) -> Option<usize> {
    head.lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
}

fn read_chunk(reader: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let mut size = String::new();
    reader.read_line(&mut size)?;
    let size = usize::from_str_radix(size.trim().split(';').next().unwrap_or(""), 16)
        .map_err(|_| std::io::Error::other(format!("not a chunk's size: {size:?}")))?;
    let mut chunk = vec![0; size + 2];
    reader.read_exact(&mut chunk)?;
    chunk.truncate(size);
    Ok((size > 0).then_some(chunk))
}

/// Server-sent events as they come, read by a thread of its own until either side ends.
#[derive(Debug)]
pub struct Events {
    arrivals: Receiver<(String, Value)>,
}

impl Events {
    /// Opens a stream; panics if the server does not answer with one.
    pub fn open(url: &str) -> Self {
        let mut reader = BufReader::new(send("GET", url, None, "keep-alive").expect("an event stream"));
        let (status, head) = read_head(&mut reader).expect("the head of an event stream");
        assert!(
            status == 200 && head.contains("text/event-stream"),
            "{status} {head}"
        );
        let _ = reader.get_ref().set_read_timeout(None);
        let chunked = head.contains("transfer-encoding: chunked");
        let (sender, arrivals) = channel();
        std::thread::spawn(move || {
            let mut pending = String::new();
            while let Some(text) = read_some(&mut reader, chunked) {
                pending.push_str(&text);
                while let Some((event, rest)) = pending.split_once("\n\n") {
                    if let Some(parsed) = parse_event(event)
                        && sender.send(parsed).is_err()
                    {
                        return;
                    }
                    pending = rest.to_owned();
                }
            }
        });
        Self { arrivals }
    }

    /// The next event of that type whose data is as wanted; panics once the limit has passed.
    #[track_caller]
    pub fn wait_for(&self, event: &str, limit: Duration, wanted: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + limit;
        loop {
            match self
                .arrivals
                .recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                Ok((name, data)) if name == event && wanted(&data) => return data,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => panic!("no such {event} event within {limit:?}"),
                Err(RecvTimeoutError::Disconnected) => panic!("the event stream ended"),
            }
        }
    }
}

fn read_some(reader: &mut BufReader<TcpStream>, chunked: bool) -> Option<String> {
    let bytes = if chunked {
        read_chunk(reader).ok()??
    } else {
        let bytes = reader.fill_buf().ok()?.to_vec();
        reader.consume(bytes.len());
        bytes
    };
    (!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

fn parse_event(text: &str) -> Option<(String, Value)> {
    let field = |name: &str| {
        let lines = text
            .lines()
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        lines
            .map(|value| value.strip_prefix(' ').unwrap_or(value))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let data = serde_json::from_str(&field("data")).ok()?;
    Some((field("event"), data))
}

/// One request's head, in lower case, and its body, for a server of a test's own; none once the sender has closed, or sent something
/// else than a POST with its length.
pub(crate) fn read_request(reader: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let mut length = 0;
    let mut head = String::new();
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        let line = line.to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_its_name_and_its_data() {
        let parsed = parse_event("id: 7\nevent: alarm\ndata: {\"id\":\ndata: \"a\"}");
        assert_eq!(parsed, Some(("alarm".to_owned(), serde_json::json!({"id": "a"}))));
        assert_eq!(parse_event(": a comment that keeps the line open"), None);
    }

    #[test]
    fn a_chunked_body_ends_with_its_empty_chunk() {
        let mut reader = BufReader::new(&b"3\r\nabc\r\n0\r\n\r\n"[..]);
        assert_eq!(read_chunk(&mut reader).unwrap(), Some(b"abc".to_vec()));
        assert_eq!(read_chunk(&mut reader).unwrap(), None);
    }
}
