//! What a simulated device says: 100 holding registers, 50 of them u16 and 25 f32 of two registers each, 75 points in all.
//!
//! At each answer 12 points change: the moment of the answer (three registers), a counter, and the first eight f32. The others stay.

/// Registers of a device.
pub const REGISTERS: usize = 100;
/// The u16 points, one register each, from register 0.
pub const U16_POINTS: usize = 50;
/// The f32 points, two registers each, after them.
pub const F32_POINTS: usize = 25;
/// Points of a device.
pub const POINTS: usize = U16_POINTS + F32_POINTS;
/// Those of the f32 that change at every answer.
const CHANGING_F32: usize = 8;
/// The names of the first four u16: the moment of the answer in microseconds since the epoch, modulo 2^48, and the counter.
pub const STAMPS: [&str; 4] = ["stamp_high", "stamp_middle", "stamp_low", "answers"];

/// The longest request, and the header of an answer: MBAP, function, byte count.
pub const REQUEST_BYTES: usize = 12;
const HEADER_BYTES: usize = 9;
/// A whole answer.
pub const ANSWER_BYTES: usize = HEADER_BYTES + 2 * REGISTERS;

/// A read request for holding registers, as far as the farm looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    transaction: [u8; 2],
    /// The unit that is asked.
    pub unit: u8,
    first: u16,
    count: u16,
}

impl Request {
    /// Reads a request; `None` for anything but a read of holding registers that are there.
    pub fn read(frame: &[u8]) -> Option<Self> {
        let [t0, t1, 0, 0, 0, 6, unit, 3, f0, f1, c0, c1] = *frame else {
            return None;
        };
        let (first, count) = (u16::from_be_bytes([f0, f1]), u16::from_be_bytes([c0, c1]));
        let end = usize::from(first) + usize::from(count);
        (count > 0 && end <= REGISTERS).then_some(Self {
            transaction: [t0, t1],
            unit,
            first,
            count,
        })
    }
}

/// A device's registers as the bytes of a whole answer, built once and touched up at each answer.
#[derive(Clone, Debug)]
pub struct Registers {
    bytes: Vec<u8>,
    answers: u16,
}

impl Registers {
    /// The registers of a device that has not answered yet.
    pub fn new() -> Self {
        let mut bytes = Vec::with_capacity(2 * REGISTERS);
        for number in 0..U16_POINTS {
            bytes.extend(u16::try_from(1_000 + 7 * number).unwrap_or(0).to_be_bytes());
        }
        for number in 0..F32_POINTS {
            bytes.extend(steady_f32(number).to_be_bytes());
        }
        Self { bytes, answers: 0 }
    }

    /// Writes the answer to a request into `frame` at a moment in microseconds since the epoch; returns its length.
    pub fn answer(&mut self, request: Request, moment_us: u64, frame: &mut [u8; ANSWER_BYTES]) -> usize {
        self.touch(moment_us);
        let from = 2 * usize::from(request.first);
        let data = self.bytes.get(from..).unwrap_or_default();
        let length = (2 * usize::from(request.count)).min(data.len());
        let byte = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
        let [t0, t1] = request.transaction;
        let header = [t0, t1, 0, 0, 0, byte(3 + length), request.unit, 3, byte(length)];
        for (place, byte) in frame
            .iter_mut()
            .zip(header.iter().chain(data.iter().take(length)))
        {
            *place = *byte;
        }
        HEADER_BYTES + length
    }

    fn touch(&mut self, moment_us: u64) {
        self.answers = self.answers.wrapping_add(1);
        let [_, _, a, b, c, d, e, f] = moment_us.to_be_bytes();
        let [g, h] = self.answers.to_be_bytes();
        for (place, byte) in self.bytes.iter_mut().zip([a, b, c, d, e, f, g, h]) {
            *place = byte;
        }
        let step = f32::from(self.answers % 100) * 0.01;
        let floats = self.bytes.iter_mut().skip(2 * U16_POINTS);
        let values = (0..CHANGING_F32).flat_map(|number| (steady_f32(number) + step).to_be_bytes());
        for (place, byte) in floats.zip(values) {
            *place = byte;
        }
    }
}

/// Like a voltage: some digits before the point and some after it.
fn steady_f32(number: usize) -> f32 {
    220.0 + f32::from(u8::try_from(number).unwrap_or(0)) * 0.37
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: [u8; REQUEST_BYTES] = [1, 2, 0, 0, 0, 6, 9, 3, 0, 0, 0, 100];

    #[test]
    fn an_answer_is_whole_and_carries_the_request_s_own_numbers() {
        let mut frame = [0; ANSWER_BYTES];
        let request = Request::read(&REQUEST).unwrap();
        assert_eq!(
            Registers::new().answer(request, 0x0001_0002_0003, &mut frame),
            209
        );
        assert_eq!(frame[..9], [1, 2, 0, 0, 0, 203, 9, 3, 200]);
        assert_eq!(frame[9..17], [0, 1, 0, 2, 0, 3, 0, 1]);
    }

    #[test]
    fn twelve_points_change_from_one_answer_to_the_next_and_the_others_stay() {
        let mut device = Registers::new();
        let (mut first, mut second) = ([0; ANSWER_BYTES], [0; ANSWER_BYTES]);
        let request = Request::read(&REQUEST).unwrap();
        device.answer(request, 0x0001_0002_0003, &mut first);
        device.answer(request, 0x1111_1112_1113, &mut second);
        let changed = |from: usize, width: usize, count: usize| {
            (0..count)
                .filter(|number| {
                    let place = 9 + from + number * width;
                    first[place..place + width] != second[place..place + width]
                })
                .count()
        };
        assert_eq!(changed(0, 2, U16_POINTS), 4);
        assert_eq!(changed(2 * U16_POINTS, 4, F32_POINTS), CHANGING_F32);
    }

    #[test]
    fn what_is_no_read_of_registers_that_are_there_is_not_answered() {
        for (place, byte) in [(7, 4), (5, 7), (11, 101), (11, 0)] {
            let mut frame = REQUEST;
            frame[place] = byte;
            assert_eq!(Request::read(&frame), None);
        }
    }
}
