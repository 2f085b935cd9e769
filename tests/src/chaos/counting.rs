//! Modbus devices of which each answer has its own number: what is stored tells which answer it was.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Units that one server plays at most.
const UNITS: usize = 8;

/// The profile of such a device: holding registers 0 and 1 are the number of the answer.
pub(super) const PROFILE: &str = r#"class = "counting"
name = { zh = "计数器", en = "Counter" }
point = [
    { name = "answer", title = { zh = "应答序号", en = "Answer" }, unit = "", address = "holding:0", type = "u32" },
]
"#;

/// A server that plays some of them.
#[derive(Clone, Debug)]
pub(super) struct Counting {
    address: String,
    answers: Arc<[AtomicU32; UNITS]>,
}

impl Counting {
    /// Starts it; it lives as long as the test process.
    pub(super) fn start() -> Self {
        let door = TcpListener::bind("127.0.0.1:0").expect("a port for the counting devices");
        let counting = Self {
            address: door.local_addr().expect("its address").to_string(),
            answers: Arc::default(),
        };
        let server = counting.clone();
        std::thread::spawn(move || {
            for stream in door.incoming().flatten() {
                let server = server.clone();
                std::thread::spawn(move || server.serve(stream));
            }
        });
        counting
    }

    /// Where it is.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The number of a unit's last answer.
    pub(super) fn last_answer(&self, unit: usize) -> u32 {
        self.answers[unit].load(Ordering::SeqCst)
    }

    /// Answers every read of the two registers, until the gateway closes or asks for something else.
    fn serve(&self, mut stream: TcpStream) {
        let mut request = [0; 12];
        while stream.read_exact(&mut request).is_ok() {
            let [i0, i1, 0, 0, 0, 6, unit, 3, 0, 0, 0, 2] = request else {
                return;
            };
            let Some(counter) = self.answers.get(usize::from(unit)) else {
                return;
            };
            let [a, b, c, d] = (counter.fetch_add(1, Ordering::SeqCst) + 1).to_be_bytes();
            if stream
                .write_all(&[i0, i1, 0, 0, 0, 7, unit, 3, 4, a, b, c, d])
                .is_err()
            {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_has_the_next_number_of_its_unit() {
        let counting = Counting::start();
        let mut stream = TcpStream::connect(counting.address()).expect("the server");
        for (unit, answer) in [(1, 1), (1, 2), (2, 1)] {
            stream
                .write_all(&[0, 9, 0, 0, 0, 6, unit, 3, 0, 0, 0, 2])
                .expect("room");
            let mut answered = [0; 13];
            stream.read_exact(&mut answered).expect("an answer");
            assert_eq!(answered, [0, 9, 0, 0, 0, 7, unit, 3, 4, 0, 0, 0, answer]);
        }
        assert_eq!(counting.last_answer(1), 2);
    }
}
