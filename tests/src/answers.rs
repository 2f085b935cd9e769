//! A server on a plain socket that gives whatever answer a test says to a write, and keeps what it was sent.

use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::http::read_request;
use crate::site::repository;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Written {
    /// When.
    pub at: Instant,
    /// Its first line and headers, in lower case.
    pub head: String,
    /// Its body.
    pub body: Vec<u8>,
    /// What was answered.
    pub status: u16,
}

/// Gives an answer, a file's text, for how many bytes a request has.
type Choose = Box<dyn Fn(usize) -> String + Send>;

/// The server; it lives as long as the test process.
#[derive(Clone)]
pub struct Answers {
    address: String,
    choose: Arc<Mutex<Choose>>,
    written: Arc<Mutex<Vec<Written>>>,
}

impl Answers {
    /// Starts it; it takes everything at first.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let taken = Self::recorded("204");
        let answers = Self {
            address: listener.local_addr().expect("its address").to_string(),
            choose: Arc::new(Mutex::new(Box::new(move |_| taken.clone()))),
            written: Arc::default(),
        };
        let server = answers.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = server.clone();
                std::thread::spawn(move || server.serve(&stream));
            }
        });
        answers
    }

    /// An answer as the database's documentation gives it.
    pub fn recorded(name: &str) -> String {
        let path = repository().join(format!("gateway/src/telemetry/deliver/answers/{name}.http"));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Its address, without the scheme.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// From now on gives this answer.
    pub fn give(&self, answer: String) {
        self.choose(move |_| answer.clone());
    }

    /// From now on gives the answer that is chosen for a request's bytes.
    pub fn choose(&self, choose: impl Fn(usize) -> String + Send + 'static) {
        *self.choose.lock().expect("the answers") = Box::new(choose);
    }

    /// The requests so far.
    pub fn written(&self) -> Vec<Written> {
        self.written.lock().expect("the requests").clone()
    }

    /// The lines of all requests that were answered with 204.
    pub fn taken(&self) -> Vec<String> {
        let taken = self.written().into_iter().filter(|written| written.status == 204);
        // Gzip members one after another are gzip again.
        let gzip: Vec<u8> = taken.flat_map(|written| written.body).collect();
        unpacked(&gzip).lines().map(str::to_owned).collect()
    }

    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some((head, body)) = read_request(&mut reader) {
            let answer = (self.choose.lock().expect("the answers"))(body.len());
            let (answer_head, answer_body) = answer.split_once("\n\n").expect("a head and a body");
            let mut lines = answer_head.lines().skip_while(|line| line.starts_with('#'));
            let first = lines.next().expect("a status line");
            let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
            self.written.lock().expect("the requests").push(Written {
                at: Instant::now(),
                head,
                body,
                status: status.expect("a status"),
            });
            let mut text = format!("{first}\r\n");
            lines.for_each(|line| text += &format!("{line}\r\n"));
            if !first.contains(" 204 ") {
                text += &format!("Content-Length: {}\r\n", answer_body.len());
            }
            let mut stream = stream;
            if write!(stream, "{text}\r\n{answer_body}").is_err() {
                return;
            }
        }
    }
}

fn unpacked(gzip: &[u8]) -> String {
    if gzip.is_empty() {
        return String::new();
    }
    let mut process = Command::new("gzip")
        .arg("-dc")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("gzip");
    let mut into = process.stdin.take().expect("its input");
    let gzip = gzip.to_vec();
    let writing = std::thread::spawn(move || into.write_all(&gzip));
    let mut text = String::new();
    let mut from = process.stdout.take().expect("its output");
    from.read_to_string(&mut text).expect("lines of text");
    writing.join().expect("a writer").expect("gzip to take it");
    assert!(process.wait().expect("its end").success(), "gzip");
    text
}
