//! A serial line: Modbus RTU on the port itself.

use std::io;
use std::time::Duration;

use model::{Parity, SerialLine};
use tokio_serial::{DataBits, FlowControl, SerialPortBuilderExt, StopBits};

use super::super::client::Client;
use super::super::crc_client::{AfterTimeout, CrcClient};

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
pub(super) fn open(line: &SerialLine) -> io::Result<Client> {
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
    Ok(Client::Crc(CrcClient::new(
        port,
        AfterTimeout::WaitItOut,
        gap(line),
    )))
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
