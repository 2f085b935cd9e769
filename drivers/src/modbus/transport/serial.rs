//! A serial line: Modbus RTU on the port itself.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use model::{Parity, SerialLine};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_serial::{DataBits, FlowControl, SerialPortBuilderExt, SerialStream, StopBits};

use super::super::link::{Frames, OpenLink};

/// From this rate on the silences are fixed (Modbus over Serial Line 2.5.1.1).
const FAST_BAUD: u32 = 19_200;
const FAST_GAP: Duration = Duration::from_micros(1_750);

/// The silence that ends a frame: 3.5 characters, or 1.75 ms on a fast line (Modbus over Serial Line 2.5.1.1).
pub(crate) fn gap(line: &SerialLine) -> Duration {
    if line.baud > FAST_BAUD {
        FAST_GAP
    } else {
        line.character() * 7 / 2
    }
}

/// Opens the port, for this process alone.
///
/// # Errors
/// There is no such port, or it is somebody else's.
pub(super) fn open(line: &SerialLine) -> io::Result<OpenLink> {
    let parity = match line.parity {
        Parity::None => tokio_serial::Parity::None,
        Parity::Even => tokio_serial::Parity::Even,
        Parity::Odd => tokio_serial::Parity::Odd,
    };
    let stop_bits = if line.stop_bits == 2 {
        StopBits::Two
    } else {
        StopBits::One
    };
    let port = tokio_serial::new(&line.path, line.baud)
        .data_bits(DataBits::Eight)
        .parity(parity)
        .stop_bits(stop_bits)
        .flow_control(FlowControl::None)
        .open_native_async()?;
    let frames = Frames::SumOnLine {
        gap: gap(line),
        byte: line.character(),
    };
    Ok(OpenLink::new(Port(port), frames))
}

/// A port whose bytes go when the line takes them. Its own flush would hold up the whole thread, and every other line with it, until
/// the last bit is out.
struct Port(SerialStream);

impl AsyncRead for Port {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(task, into)
    }
}

impl AsyncWrite for Port {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(task, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_silence_between_frames_is_the_specifications() {
        let gap = |baud, parity| {
            gap(&SerialLine {
                path: String::new(),
                baud,
                parity,
                stop_bits: 1,
            })
        };
        assert_eq!(gap(9600, Parity::None).as_micros(), 3645);
        assert_eq!(gap(9600, Parity::Even).as_micros(), 4010);
        assert_eq!(gap(115_200, Parity::Even).as_micros(), 1750);
    }
}
